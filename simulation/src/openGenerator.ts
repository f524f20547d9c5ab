/** A generator trained in one place, beside a discriminator that sees all records: to compare studies with. */
import { GeneratorLine } from "@consilium/coordinator/generator/generatorLine";
import type { Network } from "@consilium/engine/network";
import { type ClipRule, clipRuleOf } from "@consilium/shared/clipping/clipping";
import { assert } from "@consilium/shared/failure/failure";
import { fitClassifier } from "@consilium/shared/generator/classifier";
import { makeRecords } from "@consilium/shared/generator/made";
import type { ChosenGenerator } from "@consilium/shared/generator/released";
import type { StudyDocument } from "@consilium/shared/study/document";
import { featureCount } from "@consilium/shared/study/features";
import { ClippingNorm } from "@consilium/shared/units/privacy";
import type { PreparedPatients } from "@consilium/site-agent/contract/preparedPatients";
import { rightCount } from "@consilium/site-agent/engine/made";
import { clippedSum } from "@consilium/site-agent/gradient/clippedSum";
import { SumBuffer } from "@consilium/site-agent/gradient/sumBuffer";

/** Made records that a candidate's classifier learns from, as in a study. */
const CANDIDATE_RECORDS_MAX = 2_000;

/** How a step takes made records beside the patients' own gradients. */
export interface MadeStep {
  readonly parameters: Float32Array;
  /** Patients in a step on average. */
  readonly batch: number;
  /** To which each gradient is clipped; ∞: not at all. */
  readonly norm: number;
}

export class OpenGenerator {
  readonly #document: StudyDocument;
  readonly #line: GeneratorLine;
  readonly #kept: ChosenGenerator[] = [];

  constructor(document: StudyDocument) {
    this.#document = document;
    this.#line = GeneratorLine.from(document);
  }

  /** Adds made records' gradients to a step's sum, as a study's coordinator does: as many as patients on average. */
  async addMade(sum: Float64Array, { parameters, batch, norm }: MadeStep): Promise<void> {
    const gradient = await this.#line.madeGradient(parameters, Math.max(1, Math.round(batch)), norm);
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + (gradient[i] ?? 0);
  }

  /**
   * Σ over a step's patients of clip_C(½(∇ of the patient + ∇ of a made record)): one pair is SPRINT_gan's batch
   * (Beaulieu-Jones et al. 2019; github.com/greenelab/SPRINT_gan, dp_gan.py, with batch_size 1). The mean has norm ≤ C
   * where the sum of both has ≤ 2C.
   */
  addPairs(
    sum: Float64Array,
    network: Network,
    sites: readonly { readonly patients: PreparedPatients; readonly batch: Int32Array }[],
    { norm, clipRounding }: { readonly norm: number; readonly clipRounding: number },
  ): void {
    const rule: ClipRule = clipRuleOf({ clipping: { mode: "flat" }, clippingNorm: ClippingNorm.parse(2 * norm) });
    const buffer = new SumBuffer(sum.length);
    const made = this.#line.makeForStep(
      Math.max(
        1,
        sites.reduce((count, { batch }) => count + batch.length, 0),
      ),
    );
    let next = 0;
    for (const { patients, batch } of sites) {
      const pairs = pairsOf(patients, batch, made, next);
      next += batch.length;
      const all = { patients: Int32Array.from(batch, (_, index) => index) };
      const { values } = clippedSum(network, pairs, all, { rule, clipRounding }, buffer);
      for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + (values[i] ?? 0) / 2;
    }
  }

  /** The generator's own steps, once the discriminator has made its own. */
  async train(parameters: Float32Array): Promise<void> {
    const { round, parameters: own, isKept } = await this.#line.train(parameters);
    if (isKept) this.#kept.push({ round, parameters: own });
  }

  /** The best of those kept, by how many validation patients a classifier of its records is right about, exactly. */
  chosen(sites: readonly PreparedPatients[]): readonly ChosenGenerator[] {
    const { generator: rule, data } = this.#document;
    assert(rule !== undefined, "a study that chooses generators has a rule for them");
    const shape = { classes: data.label.values.length, features: featureCount(data) };
    const count = Math.min(rule.records, CANDIDATE_RECORDS_MAX);
    const scored = this.#kept.map((own) => {
      const records = makeRecords(rule, shape, own.parameters, count, { use: "candidate", round: own.round });
      const classifier = fitClassifier(records, shape.classes);
      const right = sites.reduce((sum, patients) => sum + rightCount(classifier, patients, shape.classes), 0);
      return { own, right };
    });
    const best = scored.sort((a, b) => b.right - a.right || b.own.round - a.own.round).slice(0, rule.best);
    return best.map(({ own }) => own);
  }
}

/** Each of a step's patients with one made record more, as if it were the patient's. */
function pairsOf(
  patients: PreparedPatients,
  batch: Int32Array,
  made: { readonly input: Float32Array; readonly labels: Uint8Array },
  firstMade: number,
): PreparedPatients {
  const width = patients.featureCount;
  const lengths = Array.from(batch, (patient) => {
    return (patients.recordStart[patient + 1] ?? 0) - (patients.recordStart[patient] ?? 0) + 1;
  });
  const recordStart = new Int32Array(batch.length + 1);
  for (const [i, length] of lengths.entries()) recordStart[i + 1] = (recordStart[i] ?? 0) + length;
  const records = recordStart.at(-1) ?? 0;
  const features = new Float32Array(records * width);
  const labels = new Int32Array(records);
  for (const [i, patient] of batch.entries()) {
    const [first, end] = [patients.recordStart[patient] ?? 0, patients.recordStart[patient + 1] ?? 0];
    const row = recordStart[i] ?? 0;
    features.set(patients.features.subarray(first * width, end * width), row * width);
    labels.set(patients.labels.subarray(first, end), row);
    const last = row + end - first;
    const own = firstMade + i;
    features.set(made.input.subarray(own * width, (own + 1) * width), last * width);
    labels[last] = made.labels[own] ?? 0;
  }
  return { featureCount: width, features, labels, recordStart, parts: new Uint8Array(batch.length) };
}
