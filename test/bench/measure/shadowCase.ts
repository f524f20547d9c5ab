import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Backend, startBackend } from "@consilium/engine/backend";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { recordPaths } from "@consilium/simulation/order";
import { pointsOf, studyAt } from "@consilium/simulation/points";
import { simulate } from "@consilium/simulation/run";
import { readSweep } from "@consilium/simulation/sweepFile";
import { stringify } from "yaml";
import { quantile } from "./quantile.ts";
import { type BenchCase, timedCase } from "./report.ts";

/** Seen from where this is compiled to. */
const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
const HEART = join(ROOT, "shared", "studies", "heart", "study.yaml");
const MODELS = 4;
const RUNS = 5;

export const SHADOW = `the heart study simulated, with ${MODELS} shadow models of its own 60 rounds`;

/** A whole study with everything but sockets; beside the same one without shadow models, run in turn with it. */
export async function shadowCase(): Promise<BenchCase> {
  const folder = mkdtempSync(join(tmpdir(), "consilium-bench-"));
  try {
    const backend = await startBackend();
    const [withModels, without]: [number[], number[]] = [[], []];
    // The first of each is to warm up.
    for (let run = 0; run <= RUNS; run++) {
      const times = [await timeOf(folder, true, backend), await timeOf(folder, false, backend)];
      if (run === 0) continue;
      withModels.push(times[0] ?? Number.NaN);
      without.push(times[1] ?? Number.NaN);
    }
    const median = quantile(without, 0.5);
    const reference = { name: "the study without them", median, ratio: quantile(withModels, 0.5) / median };
    const peakRssMiB = process.resourceUsage().maxRSS / 1024;
    return timedCase({ name: SHADOW, backend: backend.name, times: withModels, peakRssMiB }, reference);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Milliseconds from proposal to the gate's word. */
async function timeOf(folder: string, isAttacked: boolean, backend: Backend): Promise<number> {
  const path = join(folder, "sweep.yaml");
  const set = {
    data: {
      ...{ schema: "./schema.yaml", label: "label" },
      shares: { train: 0.5, validation: 0.15, audit: 0.15, reference: 0.2 },
    },
    ...(isAttacked
      ? {
          "audit.attacks": ["loss", "relative-membership"],
          "audit.references": { models: MODELS, rounds: 60, noiseMultiplier: 6 },
        }
      : { "audit.attacks": ["loss"] }),
  };
  const file = { apiVersion: "consilium/v1", kind: "Sweep", name: "shadow", question: "What do they cost?" };
  writeFileSync(path, stringify({ ...file, study: HEART, set }));
  const sweep = readSweep(path);
  const [point] = pointsOf(sweep);
  if (point === undefined) throw new RangeError("a sweep has a point");
  const { document, weights } = studyAt(sweep, point);
  const records = recordPaths(
    sweep,
    document.sites.map(({ name }) => name),
  );
  const start = performance.now();
  await simulate({
    ...{ document, weights, records, folder: join(folder, "run") },
    ...{ backend, random: operatingSystemRandom, repetition: 1 },
  });
  return performance.now() - start;
}
