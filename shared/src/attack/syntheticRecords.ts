import { median } from "./likelihoodRatio.ts";

/**
 * Attacks on released synthetic records: each scores a real record by how the synthetic ones lie about it. Columns are
 * on one scale (the contract's public ranges as [0, 1], say), or the widest decides alone. Scores hang on released
 * records and that one real record, and for the density ratio on public ones.
 */
export type Rows = readonly (readonly number[])[];

/** Euclidean distance from each record to the synthetic record that is closest; the attack's score is its negative. */
export function closestDistances(records: Rows, synthetic: Rows): number[] {
  return records.map((record) => {
    let least = Number.POSITIVE_INFINITY;
    for (const other of synthetic) least = Math.min(least, squareWithin(record, other, least));
    return Math.sqrt(least);
  });
}

/** Squared distance, or any number that isn't below `limit` once it is clear that it can't be. */
function squareWithin(a: readonly number[], b: readonly number[], limit: number): number {
  let sum = 0;
  for (let column = 0; column < a.length && sum < limit; column++)
    sum += ((a[column] ?? Number.NaN) - (b[column] ?? Number.NaN)) ** 2;
  return sum;
}

/**
 * Hilprecht, Härterich & Bernau 2019, "Monte Carlo and Reconstruction Membership Inference Attacks against Generative
 * Models", PoPETs 2019(4): share of synthetic records within a radius of each record.
 */
export function monteCarloScores(records: Rows, synthetic: Rows, radius: number): number[] {
  const beyond = radius * radius;
  return records.map((record) => {
    const inside = synthetic.filter((other) => squareWithin(record, other, Number.POSITIVE_INFINITY) <= beyond);
    return inside.length / synthetic.length;
  });
}

/** Their median heuristic for the radius: the median of the records' distances to the closest synthetic record. */
export function medianRadius(records: Rows, synthetic: Rows): number {
  return median(closestDistances(records, synthetic));
}

/**
 * van Breugel, Sun, Qian & van der Schaar 2023, "Membership Inference Attacks against Synthetic Data through
 * Overfitting Detection" (DOMIAS), arXiv:2302.12580: log of the synthetic records' density at each record over that of
 * public reference records. Where synthetic records are denser than the population is, they were overfitted.
 */
export function densityRatioScores(records: Rows, synthetic: Rows, reference: Rows): number[] {
  const [released, population] = [kernelDensity(synthetic), kernelDensity(reference)];
  return records.map((record) => released(record) - population(record));
}

/** A column that (nearly) never changes still has a density: columns are on scales of about 1. */
const LEAST_BANDWIDTH = 1e-3;

/**
 * Log density by Gaussian kernels, one for each row, with a bandwidth for each column: its standard deviation times
 * n^(−1 / (columns + 4)) (Scott 1992). The whole covariance, as SciPy's gaussian_kde takes it, is singular where rows
 * are few or a column follows from others.
 */
export function kernelDensity(rows: Rows): (record: readonly number[]) => number {
  const columns = rows[0]?.length ?? 0;
  const shrink = rows.length ** (-1 / (columns + 4));
  const bandwidths = Array.from({ length: columns }, (_, column) =>
    Math.max(LEAST_BANDWIDTH, shrink * stdDevOf(rows.map((row) => row[column] ?? Number.NaN))),
  );
  const constant =
    bandwidths.reduce((sum, bandwidth) => sum + Math.log(bandwidth * Math.sqrt(2 * Math.PI)), 0) +
    Math.log(rows.length);
  return (record) => {
    const exponents = rows.map((row) =>
      bandwidths.reduce((sum, bandwidth, column) => {
        const apart = (record[column] ?? Number.NaN) - (row[column] ?? Number.NaN);
        return sum - 0.5 * (apart / bandwidth) ** 2;
      }, 0),
    );
    return logSumExp(exponents) - constant;
  };
}

/** Of a sample: divided by one less than the count; 0 for a single row. */
function stdDevOf(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

/** Far from all rows every term underflows: the greatest is taken out first. */
function logSumExp(exponents: readonly number[]): number {
  const most = exponents.reduce((greatest, exponent) => Math.max(greatest, exponent), Number.NEGATIVE_INFINITY);
  return most + Math.log(exponents.reduce((sum, exponent) => sum + Math.exp(exponent - most), 0));
}
