import { assert } from "@consilium/shared/failure/failure";

/** The value below which this share of the values lies, between neighbours by line (Hyndman & Fan 1996, type 7). */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  assert(below !== undefined && above !== undefined, "a quantile is of at least one value");
  return below + (place - Math.floor(place)) * (above - below);
}
