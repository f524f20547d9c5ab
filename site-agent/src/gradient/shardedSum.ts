import { asClippedSum, type ClippedSum } from "@consilium/shared/contribution/stages";
import { assert } from "@consilium/shared/failure/failure";

/**
 * A step's clipped sum from those of its shards, added in their order in float64 into `total`, which the result borrows.
 * Each patient was in exactly one shard and each shard took the rounding bound of the whole step (`patientsInStep`), so
 * all float sums together err within the same η as one that was never sharded: their `sensitivity` is as before.
 */
export function shardedSum(
  shards: readonly (Float32Array | Float64Array)[],
  sensitivity: number,
  total: Float64Array,
): ClippedSum {
  const [first, ...rest] = shards;
  assert(first !== undefined, "a step has a shard");
  if (rest.length === 0) return asClippedSum(first, sensitivity);
  total.set(first);
  for (const shard of rest) {
    assert(shard.length === total.length, "shards have the model's coordinates");
    for (let i = 0; i < total.length; i++) total[i] = (total[i] ?? 0) + (shard[i] ?? 0);
  }
  return asClippedSum(total, sensitivity);
}
