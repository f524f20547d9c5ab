import type { ClipRule } from "@consilium/shared/clipping/clipping";
import { unreachable } from "@consilium/shared/failure/failure";

/** A patient's norms over one group of parameters that is clipped together, as far as clipping needs them. */
export interface PatientNorm {
  /** ‖gradient of the sum of the patient's losses‖², over the group's parameters. */
  readonly squared: number;
  /** Σ over records of what float32 sums add for each: the norm without cancellation. */
  readonly triangle: number;
  /** Largest of all records' ‖input‖ and ‖delta‖; NaN or ∞ where a number is not finite. */
  readonly largest: number;
}

/** What a group's gradients are brought to: factor · ‖g‖ = bound · ‖g‖ / (max(‖g‖, threshold) + stability) ≤ bound. */
export interface ClipLimit {
  readonly bound: number;
  readonly threshold: number;
  readonly stability: number;
}

/** Limit of each of `groups` groups; the squares of all bounds together are C². */
export function clipLimit({ clipping, clippingNorm, roundNorm }: ClipRule, groups: number): ClipLimit {
  switch (clipping.mode) {
    case "flat":
    case "adaptive":
      return { bound: clippingNorm, threshold: roundNorm, stability: 0 };
    case "per-layer": {
      const bound = clippingNorm / Math.sqrt(groups);
      return { bound, threshold: bound, stability: 0 };
    }
    case "automatic":
      return { bound: clippingNorm, threshold: 0, stability: clipping.stability };
    default:
      return unreachable(clipping);
  }
}

/**
 * What a squared norm is raised by, as a part of (Σ‖record's gradient‖)²: more than float64 dot products of up to
 * 2²⁰ numbers can be off, cancellation between a patient's records included. A norm is never too small.
 */
const NORM_ROUNDING = 2 ** -30;

/**
 * A record whose activations or deltas are beyond this is treated as not finite: float32 products of it could
 * overflow.
 */
const LARGEST = 2 ** 30;

/**
 * No gradient is made longer than this many times, whatever norm or stability a study or an announcement names: with
 * `LARGEST`, float32 products and their sums stay finite. Else one patient whose gradient is 0 could turn everybody's
 * sum into what isn't a number, or make a step fail.
 */
const FACTOR_MAX = 2 ** 40;

/** A norm that is surely not below the true one; ∞ for a gradient with a number that is not finite. */
export function raisedNorm({ squared, triangle, largest }: PatientNorm): number {
  if (!isWithinRange(largest)) return Number.POSITIVE_INFINITY;
  const raised = Math.sqrt(Math.max(0, squared) + triangle ** 2 * NORM_ROUNDING);
  return Number.isNaN(raised) ? Number.POSITIVE_INFINITY : raised;
}

/**
 * The factor by which a patient's gradient enters the sum, so that ‖factor · gradient‖ ≤ bound (`ClipLimit`). Exactly 0
 * for a patient with a number that is not finite. Also ≤ `excess` · bound over the norm without cancellation, which
 * bounds what float32 sums can add (`placesPerSum`).
 */
export function clipScale(norm: PatientNorm, { bound, threshold, stability }: ClipLimit, excess: number): number {
  const raised = raisedNorm(norm);
  if (raised === Number.POSITIVE_INFINITY) return 0;
  const divisor = Math.max(raised, threshold) + stability;
  return Math.min(FACTOR_MAX, bound / divisor, norm.triangle > 0 ? (excess * bound) / norm.triangle : FACTOR_MAX);
}

/** Whether numbers of this length are finite, and their products too; false of NaN. */
export function isWithinRange(largest: number): boolean {
  return largest <= LARGEST;
}
