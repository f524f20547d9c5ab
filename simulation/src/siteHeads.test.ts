import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startBackend } from "@consilium/engine/backend";
import { publicUniform } from "@consilium/shared/model/initial";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { SiteName } from "@consilium/shared/units/identity";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { pointsOf, studyAt } from "./points.ts";
import { type RunOptions, simulate } from "./run.ts";
import { newFolder } from "./sweep.test-support.ts";
import { readSweep } from "./sweepFile.ts";

const folder = newFolder();
let backend: RunOptions["backend"];
beforeAll(async () => {
  backend = await startBackend("wasm");
  writeStudy();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What makes a patient ill at one hospital makes them well at the other: no common model can tell. */
function writeStudy(): void {
  mkdirSync(join(folder, "data"));
  const next = publicUniform(3);
  for (const [name, sign] of [
    ["north", 1],
    ["south", -1],
  ] as const) {
    const rows = Array.from({ length: 400 }, () => {
      const [x, y] = [2 * next() - 1, 2 * next() - 1];
      return `${x},${y},${sign * x + 0.1 * (next() - 0.5) > 0 ? 1 : 0}`;
    });
    writeFileSync(join(folder, "data", `${name}.csv`), `x,y,ill\n${rows.join("\n")}\n`);
  }
  const number = (name: string) => ({ name, type: "number", min: -1, max: 1 });
  const study = {
    ...{ apiVersion: "consilium/v1", kind: "Study", name: "opposed", purpose: "Two hospitals that differ" },
    data: { columns: [number("x"), number("y")], label: { name: "ill", values: [0, 1] } },
    model: { preset: "mlp", hidden: [6] },
    privacy: { epsilon: 8, delta: 1e-4, clippingNorm: 1, noiseMultiplier: "auto", samplingRate: 0.3 },
    training: {
      ...{ rounds: 60, answerAfter: "5ms", minSites: 2, initialSeed: 3 },
      optimizer: { name: "sgd", learningRate: 1, momentum: 0.5 },
    },
    evaluation: { every: "60 rounds", metrics: ["accuracy"], epsilon: 1 },
    audit: {
      ...{ attacks: ["loss"], epsilon: { members: 0.5, nonMembers: 2 }, bins: 4 },
      gates: { maxAttackAucUpper: 1 },
    },
    sites: ["north", "south"].map((name) => ({ name, patients: 240 })),
  };
  writeFileSync(join(folder, "study.yaml"), stringify(study));
  const variants = [{ name: "common" }, { name: "heads", set: { "training.heads": "per-site" } }];
  const file = { apiVersion: "consilium/v1", kind: "Sweep", name: "heads", question: "Does it run?", variants };
  writeFileSync(join(folder, "sweep.yaml"), stringify(file));
}

describe("[HED1] two hospitals whose patients are opposed", () => {
  test("are told apart with a head each, at the same ε as by a common model that can't", async () => {
    const sweep = readSweep(join(folder, "sweep.yaml"));
    const results = [];
    for (const point of pointsOf(sweep)) {
      const { document, weights } = studyAt(sweep, point);
      const records = new Map(
        document.sites.map(({ name }) => [SiteName.parse(name), join(folder, "data", `${name}.csv`)] as const),
      );
      const around = { records, backend, random: operatingSystemRandom, repetition: 1 };
      results.push(await simulate({ document, weights, ...around, folder: join(folder, point.id) }));
    }
    const [common, headed] = results;
    expect([common?.rounds, headed?.rounds]).toEqual([60, 60]);
    expect(headed?.epsilon).toBeCloseTo(common?.epsilon ?? 0, 9);
    expect(common?.exact.held.accuracy ?? 1).toBeLessThan(0.7);
    expect(headed?.exact.held.accuracy ?? 0).toBeGreaterThan(0.8);
    expect(headed?.state).toBe("released");
  });
});
