import { coarseStep, type Grid } from "@consilium/shared/contribution/grid";
import { assert } from "@consilium/shared/failure/failure";
import { makeRecords, noiseFor } from "@consilium/shared/generator/made";
import { initialGenerator, jointSpec } from "@consilium/shared/generator/network";
import { type GeneratorRule, keptRounds } from "@consilium/shared/generator/rule";
import { publicUniform } from "@consilium/shared/model/initial";
import { featureCount, type ModelSpec } from "@consilium/shared/model/spec";
import type { StudyDocument } from "@consilium/shared/study/document";
import { modelSpecOfStudy } from "@consilium/shared/study/network";
import { divisorOf } from "@consilium/shared/study/schedule";
import type { SiteName } from "@consilium/shared/units/identity";
import { type GeneratorRecord, newestGenerator } from "../storage/generators.ts";
import type { Sql } from "../storage/sql.ts";
import { adamAtStart, adamStep } from "./adam.ts";
import type { LabelledRecords } from "./meanGradient.ts";

/**
 * A study's generator, trained beside its discriminator. It learns from discriminators alone, which are what noised
 * sums made of public starts, so that everything here is post-processing (Dwork & Roth 2014, Proposition 2.1): it
 * costs no patient anything. Its noise is public too, from the study's seed, so whoever has the aggregates can train
 * it again.
 */
export class GeneratorLine {
  readonly #document: StudyDocument;
  readonly #rule: GeneratorRule;
  readonly #spec: ModelSpec;
  #newest: GeneratorRecord;

  private constructor(document: StudyDocument, rule: GeneratorRule, newest: GeneratorRecord) {
    this.#document = document;
    this.#rule = rule;
    this.#spec = modelSpecOfStudy(document);
    this.#newest = newest;
  }

  /** As the database knows it; null for a study without one. */
  static open(sql: Sql, document: StudyDocument): GeneratorLine | null {
    return document.generator === undefined ? null : GeneratorLine.from(document, newestGenerator(sql, document.name));
  }

  /** Before its first step, or from where it last stood. */
  static from(document: StudyDocument, newest?: GeneratorRecord): GeneratorLine {
    const { generator: rule } = document;
    assert(rule !== undefined, "a study that trains a generator has a rule for it");
    const parameters = initialGenerator(rule, modelSpecOfStudy(document));
    const start = { round: 0, parameters, memory: adamAtStart(parameters.length), isKept: false };
    return new GeneratorLine(document, rule, newest ?? start);
  }

  /**
   * Adds made records' gradient to the sum of the patients' own: as many as patients on average, q·n of the contributors,
   * each clipped to C as a patient's is. The sum stays on the study's grid, so that sites replay it like any other.
   */
  async addMade(
    sum: Int32Array,
    discriminator: Float32Array,
    { contributors, grid }: { readonly contributors: readonly SiteName[]; readonly grid: Grid },
  ): Promise<void> {
    const count = Math.max(1, Math.round(divisorOf(this.#document, contributors)));
    const gradient = await this.madeGradient(discriminator, count, this.#document.privacy.clippingNorm);
    const step = coarseStep(grid);
    const most = contributors.length * (2 ** (grid.bits - 1) - 1);
    for (let i = 0; i < gradient.length; i++) {
      const steps = Math.round((gradient[i] ?? 0) / step);
      sum[i] = (sum[i] ?? 0) + Math.max(-most, Math.min(most, steps));
    }
  }

  /** As many made records as this round's discriminator is to know, of class c under the label classes + c. */
  makeForStep(count: number): LabelledRecords {
    const { round, parameters } = this.#newest;
    const classes = this.#document.data.label.values.length;
    const features = featureCount(this.#spec);
    const made = makeRecords(this.#rule, { classes, features }, parameters, count, { use: "step", round });
    return { input: made.features, labels: made.labels.map((label) => classes + label) };
  }

  /** Sum of so many made records' gradients, each clipped to `norm`. */
  async madeGradient(discriminator: Float32Array, count: number, norm: number): Promise<Float64Array> {
    const records = this.makeForStep(count);
    const uniform = publicUniform(`${this.#rule.seed} dropout ${this.#newest.round}`, "made-records");
    return onWasm(({ loadNetwork, clippedGradientSum }) => {
      const network = loadNetwork(this.#spec, discriminator);
      try {
        return clippedGradientSum(network, records, norm, uniform);
      } finally {
        network.dispose();
      }
    });
  }

  /** The generator's own steps against the discriminator that this round came to. */
  async train(discriminator: Float32Array): Promise<GeneratorRecord> {
    const round = this.#newest.round + 1;
    const { steps, batch, learningRate } = this.#rule;
    const classes = this.#document.data.label.values.length;
    let { parameters, memory } = this.#newest;
    const joint = jointSpec(this.#rule, this.#spec);
    for (let step = 0; step < steps; step++) {
      // What it makes is to pass for real records of their class, so that they bear a real record's label.
      const made = noiseFor(this.#rule, classes, batch, { use: "training", round, step });
      const sum = await onWasm(({ loadNetwork, clippedGradientSum }) => {
        const network = loadNetwork(joint, parameters, discriminator);
        try {
          return clippedGradientSum(network, made, Number.POSITIVE_INFINITY);
        } finally {
          network.dispose();
        }
      });
      const mean = sum.map((value) => value / batch);
      ({ parameters, memory } = adamStep(parameters, mean, memory, learningRate));
    }
    const isKept = keptRounds(this.#rule, this.#document.training.rounds).includes(round);
    this.#newest = { round, parameters, memory, isKept };
    return this.#newest;
  }

  get newest(): GeneratorRecord {
    assert(this.#newest.round > 0, "a generator is asked for after its first step");
    return this.#newest;
  }
}

type Compute = typeof import("./meanGradient.ts") & typeof import("@consilium/engine/network");

/**
 * WebAssembly everywhere: one set of kernels, so that machines agree, and small networks are quickest there. Loaded for
 * studies that need it alone; between the choice of the backend and the work nothing else runs.
 */
async function onWasm<T>(work: (compute: Compute) => T): Promise<T> {
  const [{ useBackend }, gradient, network] = await Promise.all([
    import("@consilium/engine/backend"),
    import("./meanGradient.ts"),
    import("@consilium/engine/network"),
  ]);
  await useBackend("wasm");
  return work({ ...gradient, ...network });
}
