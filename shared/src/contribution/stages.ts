/**
 * What a site's numbers are called on their way out, each made only by the step before it:
 * `ClippedSum → NoisySum → Contribution`. Only a `Contribution` has an encoder, so a leak doesn't compile.
 * Of sanitized records: `ClippedSum → SanitizedSum → Contribution`.
 */
import type { PrivacyEvent } from "../event/event.ts";
import { type Charged, charged } from "../mechanism/charged.ts";
import type { Grid, NoisedGrid } from "./grid.ts";

declare const clipped: unique symbol;
declare const noised: unique symbol;
declare const sanitized: unique symbol;
declare const packed: unique symbol;

/**
 * Sum over a batch's patients of their clipped gradients. Adding or removing one patient moves
 * the exact sum's L2 norm by ≤ l2Sensitivity = C(1 + η), rounding of the arithmetic included. May be an empty batch's
 * zeros.
 */
export interface ClippedSum {
  readonly [clipped]: true;
  readonly values: Float32Array | Float64Array;
  readonly l2Sensitivity: number;
}

/** Integers on the coarse public grid: rounded once, noised in full, saturated. DP on its own. */
export interface NoisySum {
  readonly [noised]: true;
  readonly values: Int32Array;
  readonly grid: NoisedGrid;
  readonly event: PrivacyEvent;
}

/** Integers on the public grid, of records that were noised one by one beforehand: nothing else is read. */
export interface SanitizedSum {
  readonly [sanitized]: true;
  readonly values: Int32Array;
  readonly grid: Grid;
  readonly event: PrivacyEvent;
}

/** A sum that may be packed: noised itself, or of nothing but what was noised before. */
export type AccountedSum = NoisySum | SanitizedSum;

/** An accounted sum packed to the bits it needs: the only form that may leave a site. */
export interface Contribution {
  readonly [packed]: true;
  readonly bytes: Uint8Array;
  readonly bits: number;
  readonly count: number;
  readonly event: PrivacyEvent;
}

/** For `site-agent/src/gradient/{clippedSum,shardedSum}.ts` alone (and the bench's and tests' random sums). */
export function asClippedSum(values: Float32Array | Float64Array, l2Sensitivity: number): ClippedSum {
  return { values, l2Sensitivity } as ClippedSum;
}

/** A contribution as it is written and sent. */
export function chargedBytes({ bytes, event }: Contribution): Charged<Uint8Array> {
  return charged(bytes, [event]);
}
