import { clipRounding } from "@consilium/shared/contribution/grid";
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

/**
 * Most places b (rows, or rows times positions) of one float32 sum over patients, for a step with N of them.
 * Each coordinate of such a sum errs by at most γ_b Σ|a·g| in whatever order it is summed (Higham 2002, eq. 3.5),
 * so all sums of a step together move the result by at most γ_b·κ·N·C in L2 norm, κ the excess by cancellation. Both
 * neighbours may err so, in opposite directions: 2·b·2⁻²⁴·κ·N ≤ η − other rounding. Sums are then added in float64.
 * Where only one record fits, each sum is a function of one patient alone, and its norm was raised for its rounding.
 */
export function placesPerSum(dimension: number, patients: number, excess: number): number {
  assert(patients <= PATIENTS_PER_STEP_MAX, "a step's patients are within the float64 bound");
  const room = (clipRounding(dimension) - OTHER_ROUNDING) * 2 ** 23;
  return Math.max(1, Math.floor(room / (excess * Math.max(1, patients))));
}
