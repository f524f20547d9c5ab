import { rmSync } from "node:fs";
import { join } from "node:path";
import { type Backend, startBackend } from "@consilium/engine/backend";
import { epsilonOfEvents } from "@consilium/shared/accountant/convert";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { NoiseMultiplier, SamplingRate } from "@consilium/shared/units/privacy";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { trainOpenly } from "./baseline.ts";
import { simulateOpenly } from "./openRun.ts";
import { pointsOf, studyAt } from "./points.ts";
import { patientsOfSite, recordsOf, splitKeyOf } from "./records.ts";
import { heartRecords, heartSweep, newFolder, onlyPoint } from "./sweep.test-support.ts";
import { readSweep } from "./sweepFile.ts";

const folder = newFolder();
let backend: Backend;
beforeAll(async () => {
  backend = await startBackend("wasm");
});
afterAll(() => rmSync(folder, { recursive: true }));

const around = () => ({ records: heartRecords(), backend, random: operatingSystemRandom, repetition: 1 });

describe("[SIM7] noise without a proof", () => {
  test("every coordinate of a step bears σ·C over the divisor, times the learning rate", async () => {
    const set = {
      ...{ "training.rounds": 1, "evaluation.every": "1 round", model: { preset: "mlp", hidden: [64, 32] } },
      "training.optimizer": { name: "sgd", learningRate: 1 },
    };
    const { sweep, point } = onlyPoint(heartSweep(folder, { set }));
    const { document, weights } = studyAt(sweep, point);
    const sites = await Promise.all(
      document.sites.map(({ name }) => {
        const from = { path: recordsOf(heartRecords(), name), splitKey: splitKeyOf(1, name) };
        return patientsOfSite(document, name, { ...from, random: operatingSystemRandom });
      }),
    );
    // The clip is so short that gradients are nothing beside the noise.
    const unproven = { clippingNorm: 1e-6, noiseMultiplier: 1e6 };
    const start = await trainOpenly({
      document,
      weights,
      sites,
      ...around(),
      unproven: { ...unproven, noiseMultiplier: 1e-6 },
    });
    const noised = await trainOpenly({ document, weights, sites, ...around(), unproven });
    const moved = Array.from(noised.parameters, (value, i) => value - (start.parameters[i] ?? 0));
    const deviation = Math.sqrt(moved.reduce((sum, value) => sum + value ** 2, 0) / moved.length);
    const stated = document.sites.reduce((sum, { patients }) => sum + patients, 0);
    const divisor = document.privacy.samplingRate * stated;
    expect(moved.length).toBeGreaterThan(3_000);
    // Of so many draws the deviation is within 6 % all but surely: 1/√(2n) is 1.2 %, and five of those are allowed.
    expect(deviation * divisor).toBeGreaterThan(0.94);
    expect(deviation * divisor).toBeLessThan(1.06);
  });

  test("its ε is an ideal Gaussian's by the accountant, no study's, and no gate passes it", async () => {
    const variants = [{ name: "unproven", train: "pooled", unproven: { clippingNorm: 1, noiseMultiplier: 0.5 } }];
    const vary = [{ name: "σ", path: "unproven.noiseMultiplier", values: [0.01] }];
    const sweep = readSweep(heartSweep(folder, { vary, variants }));
    const [point] = pointsOf(sweep);
    if (point?.unproven === undefined) throw new Error("the variant has noise");
    expect(point).toMatchObject({ columns: { σ: "0.01" }, changes: { "training.rounds": 3 } });
    expect(point.unproven).toEqual({ clippingNorm: 1, noiseMultiplier: 0.01 });
    const { document, weights } = studyAt(sweep, point);
    const run = { document, weights, ...around(), folder: join(folder, "run"), unproven: point.unproven };
    const result = await simulateOpenly(run, "pooled");
    const noiseMultiplier = NoiseMultiplier.parse(0.01);
    const event = { kind: "poisson-gaussian", adjacency: "add-remove", noiseMultiplier, count: 3 } as const;
    const samplingRate = SamplingRate.parse(document.privacy.samplingRate);
    expect(result.idealEpsilon).toBe(epsilonOfEvents([{ ...event, samplingRate }], document.privacy.delta));
    expect(result.idealEpsilon).toBeGreaterThan(1_000);
    expect(result).toMatchObject({ epsilon: null, ledger: null, noised: { gatePassed: false } });
  });

  test("belongs to a pooled training: a study that would have it is refused", () => {
    const variants = [{ name: "unproven", unproven: { clippingNorm: 1, noiseMultiplier: 0.5 } }];
    expect(() => readSweep(heartSweep(folder, { variants }))).toThrow(/variants\[0\]\.unproven/);
  });
});
