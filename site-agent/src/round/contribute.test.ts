import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClippingNorm } from "@consilium/shared/units/privacy";
import { expect, test } from "vitest";
import type { EngineRequest } from "../engine/message.ts";
import { contribute } from "./contribute.ts";
import { announcement, document } from "./siteBench.test-support.ts";

test("[CLP4] the engine is asked to clip to the norm that the round was announced with", async () => {
  const folder = mkdtempSync(join(tmpdir(), "consilium-contribute-"));
  const asked: EngineRequest[] = [];
  const request = async (of: EngineRequest) => {
    asked.push(of);
    return { type: "done" } as const;
  };
  const standing = { document, charges: { train: [], evaluate: [], audit: [] } };
  const [site] = document.sites;
  if (site === undefined) throw new Error("the study has a site");
  for (const roundNorm of [undefined, ClippingNorm.parse(0.25)]) {
    const spec = { ...announcement(1).round, ...(roundNorm === undefined ? {} : { roundNorm }) };
    await contribute({ request }, standing, spec, join(folder, "c"), site.name);
  }
  expect(asked).toMatchObject([{ type: "step" }, { type: "step", roundNorm: 0.25 }]);
  expect(asked[0]).not.toHaveProperty("roundNorm", expect.anything());
  rmSync(folder, { recursive: true });
});
