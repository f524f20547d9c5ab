import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countWeight, nextClippingNorm } from "@consilium/shared/clipping/adaptiveNorm";
import { Clipping } from "@consilium/shared/clipping/clipping";
import { coarseStep } from "@consilium/shared/contribution/grid";
import { publicUniform } from "@consilium/shared/model/initial";
import { StudyDocument } from "@consilium/shared/study/document";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BlobFolder } from "../storage/blobFolder.ts";
import type { ModelRecord } from "../storage/models.ts";
import { SITES, smallStudy } from "../study/consortium.test-support.ts";
import { ModelLine } from "./modelLine.ts";

const clipping = Clipping.parse({ mode: "adaptive", quantile: 0.6, rate: 0.5 });
if (clipping.mode !== "adaptive") throw new Error("not adaptive");
const adaptive = clipping;
const document = smallStudy({ clipping });
let folder: string;
let blobs: BlobFolder;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-line-"));
  blobs = await BlobFolder.open(folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A step on made-up gradients, whose count says that `meanCount` of the expected batch was below the norm, less ½. */
async function step(line: ModelLine, seed: number, meanCount: number): Promise<ModelRecord> {
  const next = publicUniform(seed);
  line.sum.reset();
  for (let i = 0; i < line.parameters.length; i++) line.sum.values[i] = Math.round(40 * (next() - 0.5));
  const batch = document.privacy.samplingRate * document.sites.reduce((sum, { patients }) => sum + patients, 0);
  if (clipping.mode === "adaptive") {
    const counted = countWeight(clipping) * document.privacy.clippingNorm * meanCount * batch;
    line.sum.values[line.parameters.length] = Math.round(counted / coarseStep(line.grid));
  }
  return line.step(SITES);
}

describe("[CLP4] the norm of adaptive rounds", () => {
  test("follows from the counts, and what is replayed or loaded goes on from the same norm and bits", async () => {
    const line = await ModelLine.open(document, { blobs, weights: blobs }, []);
    expect(line.newest.roundNorm).toBe(1);
    // Noise for gradient and count together: any less would not cover a patient's part.
    expect(line.grid.dimension).toBe(line.parameters.length + 1);
    expect(line.grid.patientNorm).toBeGreaterThanOrEqual(Math.hypot(1, countWeight(adaptive) / 2));
    const rows = [line.newest, await step(line, 1, -0.5), await step(line, 2, 0.5)];
    const [, after1, after2] = rows.map(({ roundNorm }) => roundNorm ?? Number.NaN);
    if (clipping.mode !== "adaptive") throw new Error("not adaptive");
    // Rounded to the coarse grid, as every aggregate is.
    expect(after1).toBeCloseTo(nextClippingNorm(clipping, 1, -0.5, 1), 1);
    expect(after1).toBeGreaterThan(1.2);
    expect(after2).toBeLessThan(after1 ?? 0);
    const replayed = await ModelLine.open(document, { blobs, weights: blobs }, rows);
    expect(replayed.newest).toEqual(line.newest);
    const otherNorm = rows.map((row, i) => (i === 2 ? { ...row, roundNorm: rows[0]?.roundNorm ?? null } : row));
    await expect(ModelLine.open(document, { blobs, weights: blobs }, otherNorm)).rejects.toThrow("norm");
    const { state } = await line.checkpoint();
    const loaded = await ModelLine.open(document, { blobs, weights: blobs }, [{ ...line.newest, checkpoint: state }]);
    const again = await Promise.all([line, replayed, loaded].map((own) => step(own, 3, 0.1)));
    expect(new Set(again.map(({ digest }) => digest)).size).toBe(1);
    expect(new Set(again.map(({ roundNorm }) => roundNorm)).size).toBe(1);
  });

  test("a sum that was clipped to another norm moves the model by as much as one clipped to C", async () => {
    const [flat, adapted] = await Promise.all([
      ModelLine.open(smallStudy(), { blobs, weights: blobs }, []),
      ModelLine.open(document, { blobs, weights: blobs }, []),
    ]);
    const start = adapted.parameters.slice();
    await step(adapted, 1, -0.5);
    const norm = adapted.newest.roundNorm ?? Number.NaN;
    const between = adapted.parameters.slice();
    await step(adapted, 4, 0);
    expect(flat.newest.roundNorm).toBeNull();
    // Momentum .9: v₂ = .9 v₁ + g₂, and g₂ is in units of the signed norm over the round's.
    const next = publicUniform(4);
    const scale = coarseStep(adapted.grid) * norm;
    const batch = document.privacy.samplingRate * document.sites.reduce((sum, { patients }) => sum + patients, 0);
    for (const [i, value] of adapted.parameters.entries()) {
      const gradient = (Math.round(40 * (next() - 0.5)) * scale) / batch;
      const first = (start[i] ?? 0) - (between[i] ?? 0);
      expect((between[i] ?? 0) - value).toBeCloseTo(0.9 * first + 0.5 * gradient, 5);
    }
  });
});

describe("[GCA3] sums in which directions are looked for", () => {
  const looking = StudyDocument.parse({
    ...smallStudy({}),
    model: { preset: "mlp", hidden: [400] },
    audit: { ...smallStudy({}).audit, gradientCanaries: { count: 5, seed: 1 } },
  });

  test("add up over rounds, and are the same after a replay and from a checkpoint", async () => {
    const folders = { blobs, weights: blobs };
    const line = await ModelLine.open(looking, folders, []);
    const slow = new Float64Array(line.parameters.length);
    const rows = [line.newest];
    for (const seed of [1, 2, 3]) {
      const next = publicUniform(seed);
      line.sum.reset();
      for (let i = 0; i < slow.length; i++) {
        const value = Math.round(40 * (next() - 0.5));
        line.sum.values[i] = value;
        slow[i] = (slow[i] ?? 0) + value;
      }
      rows.push(await line.step(SITES));
    }
    expect(line.total).toEqual(slow);
    expect((await ModelLine.open(looking, folders, rows)).total).toEqual(slow);
    const { state } = await line.checkpoint();
    const loaded = await ModelLine.open(looking, folders, [{ ...line.newest, checkpoint: state }]);
    expect(loaded.total).toEqual(slow);
    expect((await ModelLine.open(smallStudy({}), folders, [])).total).toBeNull();
  });

  test.each<[string, object]>([
    ["clipping by layers", { privacy: { ...looking.privacy, clipping: { mode: "per-layer" } } }],
    ["local steps", { training: { ...looking.training, localSteps: 2, local: { learningRate: 0.1 } } }],
    ["too few numbers", { model: { preset: "logistic" } }],
  ])("refused: %s", (_what, change) => {
    const { error } = StudyDocument.safeParse({ ...looking, ...change });
    expect(error?.issues.map(({ path }) => path.join("."))).toContain("audit.gradientCanaries");
  });
});
