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
 * A patient whose records' gradients cancel has summands larger than their sum; clipping keeps Σ‖summand‖ ≤ 4C for each
 * patient (`clipScale`), and a patient with one record has no such excess.
 */
export const CANCELLATION = 4;

/**
 * Most rows b of one float32 matrix product over records, for a step with N patients.
 * Each coordinate of such a product errs by at most γ_b Σ|a·g| in whatever order it is summed (Higham 2002, eq. 3.5),
 * so all products of a step together move the sum by at most γ_b·κ·N·C in L2 norm, κ the excess by cancellation. Both
 * neighbours may err so, in opposite directions: 2·b·2⁻²⁴·κ·N ≤ η − other rounding. Products are then added in
 * float64. With b = 1 nothing is added in float32 and each product is a function of one patient alone.
 */
export function rowsPerSum(dimension: number, patients: number, recordsMax: number): number {
  assert(patients <= PATIENTS_PER_STEP_MAX, "a step's patients are within the float64 bound");
  const excess = recordsMax > 1 ? CANCELLATION : 1;
  const room = (clipRounding(dimension) - OTHER_ROUNDING) * 2 ** 23;
  return Math.max(1, Math.floor(room / (excess * Math.max(1, patients))));
}
