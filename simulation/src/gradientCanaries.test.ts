import { rmSync } from "node:fs";
import { join } from "node:path";
import { startBackend } from "@consilium/engine/backend";
import { AuditReport } from "@consilium/shared/audit/report";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { studyAt } from "./points.ts";
import { type RunOptions, simulate } from "./run.ts";
import { heartRecords, heartSweep, newFolder, onlyPoint, textOf } from "./sweep.test-support.ts";

const folder = newFolder();
let backend: RunOptions["backend"];
beforeAll(async () => {
  backend = await startBackend("wasm");
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("[GCA2] gradient canaries at whole sites", () => {
  test("cost no site anything, and the audit's estimate is of the signed directions", async () => {
    const set = {
      ...{ "training.rounds": 12, "evaluation.every": "12 rounds", model: { preset: "mlp", hidden: [50] } },
      "audit.gradientCanaries": { count: 20, seed: 5 },
    };
    const { sweep, point } = onlyPoint(heartSweep(folder, { set, variants: [{ name: "private" }] }));
    const { document, weights } = studyAt(sweep, point);
    const around = { records: heartRecords(), backend, random: operatingSystemRandom, repetition: 1 };
    const result = await simulate({ document, weights, ...around, folder: join(folder, "run") });
    expect(result.rounds).toBe(12);
    const { gradientCanaries } = AuditReport.parse(JSON.parse(textOf(join(folder, "run", "audit.json"))));
    expect(gradientCanaries).toMatchObject({ count: 4 * 20, rounds: 12, label: "estimate, no bound" });
    // Four sites' noise lies over each direction: little can be seen, and nothing like a site without noise.
    expect(gradientCanaries?.epsilon).toBeLessThan(10);
  });
});
