import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { discreteLaplaceEvent } from "@consilium/shared/mechanism/discreteLaplace";
import { Digest } from "@consilium/shared/units/identity";
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
  const standing = {
    document,
    charges: { normalise: [], reference: [], train: [], evaluate: [], shadow: [], choose: [], audit: [] },
  };
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

test("[HND11] what the engine made by other events than the booked ones is neither sent nor left", async () => {
  const folder = mkdtempSync(join(tmpdir(), "consilium-contribute-"));
  const path = join(folder, "c");
  const event = (epsilon: number) => discreteLaplaceEvent(1, epsilon, 1);
  const standing = {
    document,
    charges: {
      normalise: [],
      reference: [],
      train: [{ part: "train", event: event(1) } as const],
      evaluate: [],
      shadow: [],
      choose: [],
      audit: [],
    },
  };
  const [site] = document.sites;
  if (site === undefined) throw new Error("the study has a site");
  const made = async (...events: readonly ReturnType<typeof event>[]) => {
    writeFileSync(path, "noised");
    const written = { type: "written" as const, digest: Digest.parse("ab".repeat(32)), bytes: 6, events: [...events] };
    return contribute({ request: async () => written }, standing, announcement(1).round, path, site.name);
  };
  for (const events of [[event(2)], [], [event(1), event(1)]]) {
    await expect(made(...events)).rejects.toThrow("planned charges");
    expect(existsSync(path)).toBe(false);
  }
  expect(await made(event(1))).toMatchObject({ bytes: 6 });
  rmSync(folder, { recursive: true });
});
