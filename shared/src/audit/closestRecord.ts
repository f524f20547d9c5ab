import type { MadeRecords } from "../generator/made.ts";

/**
 * Distance to the closest synthetic record, as a membership score in [0, 1]: 1 for a copy, 0 for what is farther off
 * than synthetic records are from each other. A generator that remembers patients makes records near them (Hilprecht
 * et al. 2019, doi:10.2478/popets-2019-0067, section 4: with the ball's size as threshold). Distances run from one
 * real record to synthetic ones, so the score hangs on what is released and that record alone. Equal steps of the
 * score are equal ratios of distances, between scales that the synthetic records themselves give: nobody knows
 * beforehand how near real ones lie to them, and a scale in the distance itself would leave most of them in one bin.
 */
export class ClosestRecord {
  readonly #features: Float32Array;
  readonly #width: number;
  /** Logarithms of the squared distances that score 1 and 0. */
  readonly #near: number;
  readonly #far: number;

  constructor({ features, labels }: MadeRecords) {
    this.#features = features;
    this.#width = features.length / labels.length;
    const { spacing, spread } = scalesOf(features, this.#width);
    this.#near = Math.log(spacing) - 1;
    this.#far = Math.max(Math.log(2 * spread), this.#near + 1);
  }

  /** Of one real record's features. */
  score(record: Float32Array): number {
    const squared = Math.log(closest(this.#features, this.#width, record, -1));
    return Math.max(0, Math.min(1, (this.#far - squared) / (this.#far - this.#near)));
  }
}

/** Synthetic records whose distances are looked at: the median of more is hardly another. */
const PROBES = 500;

/**
 * Median squared distances of synthetic records: to the closest other one, and to one that was made half the records
 * away. Above 0 even where all are copies.
 */
function scalesOf(features: Float32Array, width: number): { readonly spacing: number; readonly spread: number } {
  const records = features.length / width;
  const probes = Math.min(PROBES, records);
  const at = (record: number): Float32Array => features.subarray(record * width, (record + 1) * width);
  const chosen = Array.from({ length: probes }, (_, index) => Math.floor((index * records) / probes));
  const spacing = chosen.map((record) => closest(features, width, at(record), record));
  const spread = chosen.map((record) => {
    const other = at((record + Math.floor(records / 2)) % records);
    return at(record).reduce((sum, value, i) => sum + (value - (other[i] ?? 0)) ** 2, 0);
  });
  const least = width * 1e-6;
  return { spacing: Math.max(median(spacing), least), spread: Math.max(median(spread), least) };
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** Least squared Euclidean distance from a record to any other but the one at `except`. */
function closest(features: Float32Array, width: number, record: Float32Array, except: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let start = 0, index = 0; start < features.length; start += width, index++) {
    if (index === except) continue;
    let squared = 0;
    for (let i = 0; i < width && squared < least; i++) squared += ((features[start + i] ?? 0) - (record[i] ?? 0)) ** 2;
    if (squared < least) least = squared;
  }
  return least;
}
