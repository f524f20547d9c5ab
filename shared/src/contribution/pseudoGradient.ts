import { sgdStep } from "@consilium/kernel/applyUpdate";
import { z } from "zod";
import { canonicalJson } from "../encoding/canonicalJson.ts";
import { assert } from "../failure/failure.ts";
import { coarseStep } from "./grid.ts";
import type { AccountedSum } from "./stages.ts";

/** A site's steps between two exchanges, all of it public: from the signed study. */
export const LocalSteps = z.strictObject({
  /** Steps k in a round, each with a sample and noise of its own. */
  steps: z.number().int().min(2),
  /** η of w ← w − η (g + μ (w − w₀)). */
  learningRate: z.number().positive(),
  /** μ: pull back to the round's model w₀; 0 is plain local SGD. */
  proximal: z.number().nonnegative(),
  /** q times the public patients of this site: the divisor of its sums. */
  expectedBatch: z.number().positive(),
});
export type LocalSteps = z.infer<typeof LocalSteps>;

/**
 * What several local steps add up to: (w₀ − w) / η · B̄ in coarse steps, B̄ = q·n the site's public divisor, so that
 * the coordinator's sum over sites, divided by Σ B̄, is the weighted mean pseudo-gradient that its optimizer steps on
 * (Reddi et al. 2021, arXiv:2003.00295, algorithm 1, here over η). One local step is FedSGD's noisy sum, bit for bit.
 *
 * With g = noisy sum · c / B̄, c the coarse step, the local step w ← w − η (g + μ (w − w₀)) makes of
 * z = (w₀ − w) B̄ / (ηc) the next z ← (1 − ημ) z + noisy sum. FedAvg's local SGD has μ = 0 (McMahan et al. 2017,
 * arXiv:1602.05629, algorithm 1), FedProx μ > 0 (Li et al. 2020, arXiv:1812.06127, eq. 2). z is kept in integers,
 * rounded after each pull: by at most half a coarse step, 1/32 of one noise's standard deviation. Everything here is
 * post-processing of sums that are noised already, or are of sanitized records.
 */
export class PseudoGradient<Sum extends AccountedSum> {
  readonly #first: Sum;
  readonly #local: Omit<LocalSteps, "steps">;
  #steps = 1;

  /** After the first step; its values' memory is used up. */
  constructor(first: Sum, local: Omit<LocalSteps, "steps">) {
    assert(local.learningRate * local.proximal <= 1, "a pull doesn't go beyond the round's model");
    this.#first = first;
    this.#local = local;
  }

  /** into ← w = start − z · ηc / B̄: the site's model now. */
  modelFrom(start: Float32Array, into: Float32Array): void {
    const { learningRate, expectedBatch } = this.#local;
    const { values, grid } = this.#first;
    const scale = coarseStep(grid) / expectedBatch;
    sgdStep({ parameters: start, into, aggregate: values, scale, rate: learningRate });
  }

  /** One more step, whose sum was made at `modelFrom`. */
  add({ values, event }: Sum): void {
    assert(canonicalJson(event) === canonicalJson(this.#first.event), "every local step costs the same");
    const keep = 1 - this.#local.learningRate * this.#local.proximal;
    const into = this.#first.values;
    assert(into.length === values.length, "every local step has the same dimension");
    if (keep < 1) for (let i = 0; i < into.length; i++) into[i] = Math.round(keep * (into[i] ?? 0));
    for (let i = 0; i < into.length; i++) into[i] = (into[i] ?? 0) + (values[i] ?? 0);
    this.#steps++;
  }

  /** Saturated to what is packed; its event is all the steps together. */
  finish(): Sum {
    const { values, grid, event } = this.#first;
    const limit = 2 ** (grid.bits - 1) - 1;
    for (let i = 0; i < values.length; i++) values[i] = Math.max(-limit, Math.min(limit, values[i] ?? 0));
    return { ...this.#first, event: { ...event, count: event.count * this.#steps } };
  }
}
