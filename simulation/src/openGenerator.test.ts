import { rmSync } from "node:fs";
import { join } from "node:path";
import { GeneratorLine } from "@consilium/coordinator/generator/generatorLine";
import { clippedGradientSum } from "@consilium/coordinator/generator/meanGradient";
import { type Backend, startBackend } from "@consilium/engine/backend";
import { loadNetwork } from "@consilium/engine/network";
import { initialParameters, publicUniform } from "@consilium/shared/model/initial";
import { modelSpecOfStudy } from "@consilium/shared/study/network";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import type { PreparedPatients } from "@consilium/site-agent/contract/preparedPatients";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OpenGenerator } from "./openGenerator.ts";
import { type OpenRunOptions, simulateOpenly } from "./openRun.ts";
import { studyAt } from "./points.ts";
import { heartRecords, heartSweep, newFolder, onlyPoint, textOf } from "./sweep.test-support.ts";

const folder = newFolder();
let backend: Backend;
beforeAll(async () => {
  backend = await startBackend("wasm");
});
afterAll(() => rmSync(folder, { recursive: true }));

const GENERATOR = { latent: 4, hidden: [16], keepEvery: 2, best: 2, epsilon: 0.3, records: 60, batch: 16, seed: 5 };

function optionsOf(more: object = {}): OpenRunOptions {
  const set = {
    ...{ "training.rounds": 6, "evaluation.every": "6 rounds", "audit.bins": 4 },
    data: { schema: "./schema.yaml", label: "label", shares: { train: 0.6, validation: 0.2, audit: 0.2 } },
    ...{ model: { preset: "acgan", hidden: [16] }, generator: GENERATOR, ...more },
  };
  const { sweep, point } = onlyPoint(heartSweep(folder, { set, variants: [{ name: "open", train: "pooled" }] }));
  const { document, weights } = studyAt(sweep, point);
  const around = { records: heartRecords(), backend, random: operatingSystemRandom, repetition: 1 };
  return { document, weights, ...around, folder: join(folder, "run") };
}

/** Of `count` patients, the first of two records. */
function somePatients(count: number, width: number): PreparedPatients {
  const next = publicUniform(9);
  const recordStart = Int32Array.from({ length: count + 1 }, (_, i) => (i === 0 ? 0 : i + 1));
  return {
    featureCount: width,
    features: Float32Array.from({ length: (count + 1) * width }, () => 2 * next() - 1),
    labels: Int32Array.from({ length: count + 1 }, () => Math.floor(2 * next())),
    recordStart,
    parts: new Uint8Array(count),
  };
}

function l2Norm(values: Float64Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
}

describe("[SIM11] a generator that is trained in one place", () => {
  test("pairs: each patient's and one made record's gradient, their mean clipped, as one by one", () => {
    const { document } = optionsOf();
    const spec = modelSpecOfStudy(document);
    const width = spec.input[0] ?? 0;
    const network = loadNetwork(spec, initialParameters(spec, 3));
    const patients = somePatients(7, width);
    const sites = [
      { patients, batch: Int32Array.of(0, 3, 4) },
      { patients, batch: Int32Array.of(1, 6) },
    ];
    const made = GeneratorLine.from(document).makeForStep(5);
    const pairs = sites.flatMap(({ batch }) => [...batch]);
    const gradients = pairs.map((patient, index) => {
      const [first = 0, end = 0] = [patients.recordStart[patient], patients.recordStart[patient + 1]];
      const own = clippedGradientSum(
        network,
        {
          input: patients.features.slice(first * width, end * width),
          labels: Uint8Array.from(patients.labels.subarray(first, end)),
        },
        Number.POSITIVE_INFINITY,
      );
      const input = made.input.slice(index * width, (index + 1) * width);
      const other = clippedGradientSum(network, { input, labels: made.labels.slice(index, index + 1) }, Infinity);
      return own.map((value, i) => (value + (other[i] ?? 0)) / 2);
    });
    for (const norm of [0.1, 1, 100]) {
      const sum = new Float64Array(gradients[0]?.length ?? 0);
      new OpenGenerator(document).addPairs(sum, network, sites, { norm, clipRounding: 2 ** -17 });
      const slow = new Float64Array(sum.length);
      for (const gradient of gradients) {
        const scale = Math.min(1, norm / l2Norm(gradient));
        for (let i = 0; i < slow.length; i++) slow[i] = (slow[i] ?? 0) + scale * (gradient[i] ?? 0);
      }
      expect(l2Norm(sum.map((value, i) => value - (slow[i] ?? 0)))).toBeLessThan(1e-4 * l2Norm(slow));
    }
    network.dispose();
  });

  test("comes to synthetic records and their figures, whatever was clipped; nothing is charged", async () => {
    const noise = { clippingNorm: 0.5, noiseMultiplier: 1 };
    for (const unproven of [undefined, noise, { ...noise, clips: "pairs" as const }]) {
      const options = { ...optionsOf(), ...(unproven === undefined ? {} : { unproven }) };
      const result = await simulateOpenly(options, "pooled");
      expect(result).toMatchObject({ state: "not-private", epsilon: null, ledger: null });
      expect(result.exact.synthetic?.syntheticOnReal.patients).toBe(result.exact.held.patients);
      expect(result.exact.synthetic?.realOnSynthetic.patients).toBe(GENERATOR.records);
      expect(textOf(join(options.folder, "synthetic.csv")).trim().split("\n")).toHaveLength(1 + GENERATOR.records);
      expect((result.idealEpsilon ?? null) === null).toBe(unproven === undefined);
    }
  });

  test("no site makes records by itself, and no pairs are without a generator", async () => {
    await expect(simulateOpenly(optionsOf(), "local")).rejects.toMatchObject({ code: "sweep/no-local-generator" });
    const set = { model: { preset: "logistic" }, generator: undefined };
    const unproven = { clippingNorm: 1, noiseMultiplier: 1, clips: "pairs" as const };
    await expect(simulateOpenly({ ...optionsOf(set), unproven }, "pooled")).rejects.toMatchObject({
      code: "sweep/no-pairs",
    });
  });
});
