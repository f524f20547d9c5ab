import { assert, Failure } from "../failure/failure.ts";

/** Steps of a noise's scale, or of a bound: rounding a record is lost beside its noise. */
const STEPS_MIN = 2 ** 10;

/** Noise of that scale stays safe integers, but for a draw of a probability below e^−2¹⁰. */
const SCALE_STEPS_MAX = 2 ** 32;

/** Above it sums of squares of steps are no safe integers. */
const BOUND_STEPS_MAX = 2 ** 26;

/** A power of two of at most 2⁻¹⁰ of the noise's scale, and of the bound where there is one: public, as they are. */
export function gridStep(scale: number, bound: number | null): number {
  const width = Math.min(scale, bound ?? scale);
  assert(width > 0 && Number.isFinite(width), "a noise's scale and a record's bound are positive and finite");
  const step = 2 ** Math.floor(Math.log2(width / STEPS_MIN));
  if (scale / step <= SCALE_STEPS_MAX) return step;
  throw new Failure({
    code: "mechanism/too-much-noise",
    kind: "config",
    what: "There is so much noise for a record's bound that its integers would pass what is exact.",
    remedy: "Ask for a larger ε, or leave the numbers out: nothing of them could be seen.",
  });
}

/** Whole steps of a bound: dividing by a power of two is exact, so they are never more than the bound. */
export function boundSteps(bound: number, step: number): number {
  const steps = Math.floor(bound / step);
  assert(steps >= 1, "a bound is some steps wide");
  if (steps <= BOUND_STEPS_MAX) return steps;
  throw new Failure({
    code: "mechanism/too-little-noise",
    kind: "config",
    what: "There is so little noise for a record's bound that its integers would pass what is exact: ε is above 60,000.",
    remedy: "Ask for a smaller ε, or a smaller bound: such an ε protects nobody.",
  });
}

type Norm = "l1" | "l2";

/**
 * A record in whole steps, rounded towards zero and clipped once more as integers: its norm is at most `bound` steps,
 * exactly, whatever floating point made of the record before. What isn't finite makes all of it zero.
 */
export function boundedSteps(values: Float64Array, step: number, norm: Norm, bound: number): Float64Array {
  const finite = values.every(Number.isFinite);
  const held = (value: number): number => Math.min(bound, Math.max(-bound, Math.trunc(value / step))) + 0;
  let steps = values.map((value) => (finite ? held(value) : 0));
  for (let size = sizeOf(steps, norm); size > sizeOf([bound], norm); size = sizeOf(steps, norm)) {
    const share = norm === "l1" ? bound / size : bound / Math.sqrt(size);
    steps = steps.map((value) => Math.trunc(value * share * (1 - 2 ** -40)) + 0);
  }
  return steps;
}

/** Sum of magnitudes, or of squares: exact below 2⁵³, and above it far above any bound's. */
function sizeOf(steps: ArrayLike<number>, norm: Norm): number {
  let sum = 0;
  for (let i = 0; i < steps.length; i++) sum += norm === "l1" ? Math.abs(steps[i] ?? 0) : (steps[i] ?? 0) ** 2;
  return sum;
}

/** The nearest integer; never −0, whose sign would be the number's own. */
export function nearestStep(value: number): number {
  return Math.round(value) + 0;
}
