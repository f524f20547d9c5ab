import { roundAndAdd } from "@consilium/kernel/roundAndAdd";
import { PrivacyEvent } from "../event/event.ts";
import { assert } from "../failure/failure.ts";
import { roundingOf } from "./fixedPoint.ts";
import type { Grid } from "./grid.ts";
import type { ClippedSum, SanitizedSum } from "./stages.ts";

/**
 * A sum over sanitized patients alone, on its grid, with nothing added: the records were noised one by one and charged
 * before, and what is computed from them is post-processing (Dwork & Roth 2014, Proposition 2.1). For
 * `site-agent/src/engine/sanitizedRound.ts` alone, whose patients come from a file that only sanitized ones are in.
 */
export function sanitizedSum(sum: ClippedSum, grid: Grid): SanitizedSum {
  assert(sum.values.length === grid.dimension, "sum and grid have the same dimension");
  const values = new Int32Array(grid.dimension);
  roundAndAdd(sum.values, values, roundingOf(grid));
  return { values, grid, event: POST_PROCESSING } as SanitizedSum;
}

/** What such a sum costs: nothing. */
const POST_PROCESSING = PrivacyEvent.parse({ kind: "post-processing", adjacency: "add-remove", count: 1 });
