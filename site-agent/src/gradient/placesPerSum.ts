import { assert } from "@consilium/shared/failure/failure";

/**
 * Share of η that the sums' float32 parts may use. What is left covers clip factors (2⁻²³) and float64 sums (N²·2⁻⁵²,
 * N ≤ 2²⁰).
 */
const OTHER_ROUNDING = 2 ** -11;

/** Most patients in one step: beyond it float64 accumulation would need a bound of its own. */
export const PATIENTS_PER_STEP_MAX = 2 ** 20;

/**
 * Gradients of one patient's records, or positions, that cancel have summands larger than their sum; clipping keeps
 * Σ‖summand‖ ≤ κC for each patient (`clipScale`). Independent positions cancel by the square root of their number.
 * Of the model alone: a κ that hung on the batch would let one patient change everybody's factor.
 */
export function cancellationMax(hasPositions: boolean): number {
  return hasPositions ? 16 : 4;
}

/** Most additions that a number of one float32 sum may go through. */
export interface Places {
  /** Where each summand is a patient's whole gradient of the block: one position, or a formed gradient. */
  readonly whole: number;
  /** Where a patient has several summands, that may cancel. */
  readonly several: number;
}

export interface Summands {
  /** Whether some kernel is used at several positions of a record. */
  readonly hasPositions: boolean;
  /** Whether no patient of the step has several records. */
  readonly isSingle: boolean;
}

/** Squares add up to 1: blocks of both kinds err independently of each other, in different coordinates. */
const SHARE = { whole: 0.6, several: 0.8 } as const;

/**
 * Most places b of one float32 sum over patients (rows, or rows times positions), for a step with N of them. Each
 * coordinate of such a sum errs by at most γ_b Σ|a·g| in whatever order it is summed (Higham 2002, eq. 3.5), and, where
 * it is a sum of sums, by γ of the additions on the longest way to it (ibid., §4.2). Over all blocks k, by Minkowski's
 * inequality, the result moves by at most Σ over patients of √(Σ_k γ_k² t_k²), t_k ≥ Σ‖summand‖ of the patient in k
 * after clipping: √Σ t_k² ≤ C over the blocks of whole gradients, and ≤ κC over the others. So γ = 0.6·γ′ for the
 * first and 0.8·γ′/κ for the others moves it by at most γ′·N·C. Both neighbours may err so, in opposite directions:
 * 2·γ′·N ≤ η − other rounding. Several sums are added in float64. Where only one record fits, each sum is a function
 * of one patient alone, and its norm was raised for its rounding; not so a float64 sum over patients that is kept in
 * float32 (`fitsFloat32`).
 * η is that of the study's grid, made for the batch that it expects; a larger batch gets fewer places.
 */
export function placesPerSum(clipRounding: number, patients: number, { hasPositions, isSingle }: Summands): Places {
  assert(patients <= PATIENTS_PER_STEP_MAX, "a step's patients are within the float64 bound");
  const room = roundings(clipRounding, patients);
  const places = (share: number): number => Math.max(1, Math.floor(room * share));
  const excess = cancellationMax(hasPositions);
  if (!isSingle) return { whole: places(1 / excess), several: places(1 / excess) };
  if (!hasPositions) return { whole: places(1), several: places(1 / excess) };
  return { whole: places(SHARE.whole), several: places(SHARE.several / excess) };
}

/** Float32 roundings of a step's sum, each by at most 2⁻²⁴·N·C, that both neighbours have room for. */
function roundings(clipRounding: number, patients: number): number {
  return ((clipRounding - OTHER_ROUNDING) * 2 ** 23) / Math.max(1, patients);
}

/** Whether float64 sums over patients may be rounded to float32, once, to be kept (`sumBuffer.ts`). */
export function fitsFloat32(clipRounding: number, patients: number): boolean {
  return roundings(clipRounding, patients) >= 1;
}

/** Rows of one float32 sum: groups of rows, each one product, and then the sum of these. */
export interface RowsOfSum {
  readonly groups: number;
  readonly rowsInGroup: number;
}

/**
 * The most of `rows` rows, of so many positions each, that one sum may hold: a product of n rows adds n·T numbers, and
 * G of them G more, n·T + G ≤ `places`. One group where that is enough; one row alone may always be a sum.
 */
export function rowsOfSum(rows: number, positions: number, places: number): RowsOfSum {
  let best: RowsOfSum = { groups: 1, rowsInGroup: Math.max(1, Math.min(rows, Math.floor(places / positions))) };
  for (let rowsInGroup = 1; rowsInGroup * positions < places && rowsInGroup <= rows; rowsInGroup++) {
    const groups = Math.min(Math.floor(rows / rowsInGroup), places - rowsInGroup * positions);
    const isMore = groups * rowsInGroup - best.groups * best.rowsInGroup;
    if (groups > 1 && (isMore > 0 || (isMore === 0 && groups < best.groups))) best = { groups, rowsInGroup };
  }
  return best;
}
