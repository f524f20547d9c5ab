import type { ClipRule } from "@consilium/shared/clipping/clipping";
import { assert } from "@consilium/shared/failure/failure";
import { blockNorms } from "./blockNorm.ts";
import type { ClipGroups } from "./clipGroups.ts";
import { clipLimit, clipScale, isWithinRange, raisedNorm } from "./clipScale.ts";
import type { FormedGradients } from "./formedGradients.ts";
import { type BlockNorms, forPatients, type RowStart } from "./norms.ts";
import type { Uses } from "./pass.ts";

export interface ClipScales {
  /** For each group the factor of each row: its patient's, and 0 for rows that no patient owns. */
  readonly groups_R: readonly Float64Array[];
  /** Σ over patients of ½ where all of the gradient is within the round's norm, else −½; 0 for a rejected one. */
  readonly count: number;
  /** Whether every row's inputs and deltas are finite, rows that no patient owns among them. */
  readonly areFinite: boolean;
}

/** What each of a physical batch's `rows` rows is multiplied by. A patient is rejected as a whole or not at all. */
export function clipScales(
  { blocks }: Uses,
  rowStart: RowStart,
  rows: number,
  rule: ClipRule,
  groups: ClipGroups,
  excess: number,
  formed: FormedGradients,
): ClipScales {
  const groups_R = Array.from({ length: groups.count }, () => new Float64Array(rows));
  const limit = clipLimit(rule, groups.count);
  const norms = groups_R.map((): BlockNorms[] => []);
  for (const use of blocks) norms[groups.of(use.offset)]?.push(blockNorms(use, rowStart, formed));
  let count = 0;
  forPatients(rowStart, (patient, first, end) => {
    const ofGroups = norms.map((blockNorms) => patientNorm(blockNorms, patient, first, end));
    const scales = ofGroups.map((norm) => clipScale(norm, limit, excess));
    if (scales.includes(0)) return;
    const isBelow = ofGroups.every((norm) => raisedNorm(norm) <= limit.threshold);
    count += isBelow ? 0.5 : -0.5;
    for (const [group, scale] of scales.entries()) {
      assert(scale > 0 && scale < Number.POSITIVE_INFINITY, "a clip factor is a positive number");
      groups_R[group]?.fill(scale, first, end);
    }
  });
  const areFinite = norms.flat().every(({ largest_R }) => largest_R.every(isWithinRange));
  return { groups_R, count, areFinite };
}

/** One patient's norms over the blocks of one group. */
function patientNorm(norms: readonly BlockNorms[], patient: number, first: number, end: number) {
  const over = (of: (norm: BlockNorms) => number): number => norms.reduce((sum, norm) => sum + of(norm), 0);
  let triangle = 0;
  let largest = 0;
  for (let row = first; row < end; row++) {
    triangle += Math.sqrt(over(({ triangleSquared_R }) => triangleSquared_R[row] ?? Number.NaN));
    // Not Math.max over finite values alone: NaN must come through.
    largest = Math.max(largest, ...norms.map(({ largest_R }) => largest_R[row] ?? Number.NaN));
  }
  return { squared: over(({ squared_P }) => squared_P[patient] ?? Number.NaN), triangle, largest };
}
