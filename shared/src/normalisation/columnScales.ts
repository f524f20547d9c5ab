import { z } from "zod";
import { assert } from "../failure/failure.ts";
import type { DataContract } from "../study/contract.ts";
import { SiteName } from "../units/identity.ts";
import { type NormalisationRule, type NormalisedColumn, normalisedColumns } from "./rule.ts";
import { STATISTIC_STEPS, statisticsSensitivity } from "./statistics.ts";

/** A column's affine map: what its public range made of a value, in [−1, 1], becomes (value − centre) / spread. */
export const ColumnScale = z.strictObject({
  column: z.string().min(1).max(200),
  centre: z.number().min(-1).max(1),
  spread: z.number().min(1e-4).max(2),
  /** `public-range`: the noise hid the statistics, so the map leaves the column as its range scaled it. */
  from: z.enum(["statistics", "public-range"]),
});
export type ColumnScale = z.infer<typeof ColumnScale>;

/** What the round before training came to: the sum of its contributors' noised statistics, and what follows from it. */
export const Normalisation = z.strictObject({
  contributors: z.array(SiteName).min(1),
  sums: z.array(z.number().int()).min(1),
  scales: z.array(ColumnScale).min(1).max(1000),
});
export type Normalisation = z.infer<typeof Normalisation>;

/** What of a study decides its scales. */
export interface Normalised {
  readonly data: Pick<DataContract, "columns">;
  readonly normalisation?: NormalisationRule | undefined;
  readonly sites: readonly { readonly name: string; readonly patients: number }[];
}

/**
 * Post-processing of noised sums by public numbers alone, the same bits for every party: additions, products, quotients
 * and square roots, which IEEE 754 rounds in one way.
 */
export function normalisationOf(
  study: Normalised,
  contributors: readonly SiteName[],
  sums: readonly number[],
): Normalisation {
  const rule = study.normalisation;
  assert(rule !== undefined, "a study that is normalised says how");
  const columns = normalisedColumns(rule, study.data);
  const noise = noiseOf(rule, columns.length, contributors.length);
  const patients = study.sites.reduce(
    (sum, { name, patients }) => sum + (contributors.some((site) => site === name) ? patients : 0),
    0,
  );
  const scaleOf = rule.by === "quantiles" ? byQuantiles(sums, rule.bins, noise, patients) : byMoments(sums, noise);
  const scales = columns.map(({ name }, index) => {
    const scale = scaleOf(index);
    return scale === null ? unscaled(name) : { column: name, ...scale, from: "statistics" as const };
  });
  return { contributors: [...contributors], sums: [...sums], scales };
}

/** Standard deviation of the noise in a sum over so many sites, in patients. */
export function noiseOf(rule: NormalisationRule, columns: number, sites: number): number {
  const unit = rule.by === "quantiles" ? 1 : STATISTIC_STEPS;
  return (rule.noiseMultiplier * statisticsSensitivity(rule, columns) * Math.sqrt(sites)) / unit;
}

type Scale = Pick<ColumnScale, "centre" | "spread">;

function unscaled(column: string): ColumnScale {
  return { column, centre: 0, spread: 1, from: "public-range" };
}

/** So many standard deviations of its noise must a figure be, or the noise is all that it says. */
export const CLEAR = 3;
const SPREAD_LEAST = 1e-4;

/** Null where the noise hides how many patients there are, or how they vary. */
function byMoments(sums: readonly number[], noise: number): (column: number) => Scale | null {
  const at = (index: number): number => (sums[index] ?? 0) / STATISTIC_STEPS;
  const patients = at(0);
  return (column) => {
    if (patients < CLEAR * noise || patients <= 0) return null;
    const mean = at(1 + 2 * column) / patients;
    const square = at(2 + 2 * column) / patients;
    const variance = square - mean * mean;
    // By the first derivatives of square − mean² in the three noised sums.
    const byCount = 2 * mean * mean - square;
    const stdDev = (noise / patients) * Math.sqrt(1 + 4 * mean * mean + byCount * byCount);
    if (variance < CLEAR * stdDev || variance < SPREAD_LEAST * SPREAD_LEAST) return null;
    return { centre: Math.min(1, Math.max(-1, mean)), spread: Math.min(2, Math.sqrt(variance)) };
  };
}

const TAIL = 0.05;

/**
 * Bins that noise alone may have filled count as empty: those below noise · √(2 ln bins), which the largest of so many
 * normal deviates seldom passes (Donoho & Johnstone 1994). Quantiles are those of the rest, which are monotone. Null
 * where less than half of the patients lie in bins that show: a column that fills its range, or noise too great.
 */
function byQuantiles(
  sums: readonly number[],
  bins: number,
  noise: number,
  patients: number,
): (column: number) => Scale | null {
  const least = binThreshold(noise, bins);
  return (column) => {
    const shown = sums.slice(column * bins, (column + 1) * bins).map((count) => (count < least ? 0 : count));
    if (2 * shown.reduce((sum, count) => sum + count, 0) < patients) return null;
    const [low, middle, high] = [TAIL, 0.5, 1 - TAIL].map((share) => quantile(shown, share));
    // Nothing is known below the width of a bin.
    const spread = Math.max(((high ?? 1) - (low ?? -1)) / 2, 1 / bins);
    return { centre: middle ?? 0, spread };
  };
}

/** Patients that a bin must hold to show. Logarithms aren't rounded alike everywhere; this constant's product is. */
export function binThreshold(noise: number, bins: number): number {
  return noise * Math.sqrt(2 * Math.LN2 * (32 - Math.clz32(bins - 1)));
}

/** In [−1, 1], evenly within its bin. */
function quantile(counts: readonly number[], share: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let below = 0;
  for (const [bin, count] of counts.entries()) {
    if (count > 0 && below + count >= share * total)
      return (2 * (bin + (share * total - below) / count)) / counts.length - 1;
    below += count;
  }
  return 1;
}

/** Whether scales name the study's columns in their order: what a site asks of an announcement. */
export function scalesFit({ data, normalisation }: Normalised, scales: readonly ColumnScale[] | undefined): boolean {
  if (normalisation === undefined || scales === undefined) return normalisation === undefined && scales === undefined;
  const columns = normalisedColumns(normalisation, data);
  return columns.length === scales.length && columns.every(({ name }, index) => scales[index]?.column === name);
}

/** A feature's place in a record and its map. */
export const FeatureScale = z.strictObject({
  place: z.number().int().nonnegative(),
  centre: ColumnScale.shape.centre,
  spread: ColumnScale.shape.spread,
});
export type FeatureScale = z.infer<typeof FeatureScale>;

/** The maps of a study's features; throws where they are of other columns. */
export function featureScales(study: Normalised, scales: readonly ColumnScale[] | undefined): readonly FeatureScale[] {
  assert(scalesFit(study, scales), "a study's columns are scaled by maps of their own");
  const columns: readonly NormalisedColumn[] =
    study.normalisation === undefined ? [] : normalisedColumns(study.normalisation, study.data);
  return columns.map(({ place }, index) => {
    const { centre, spread } = scales?.[index] ?? { centre: 0, spread: 1 };
    return { place, centre, spread };
  });
}

/** Changes [records, features] where they stand. Fills for missing values are mapped like any other value. */
export function applyScales(features: Float32Array, featureCount: number, scales: readonly FeatureScale[]): void {
  for (let start = 0; start < features.length; start += featureCount) {
    for (const { place, centre, spread } of scales) {
      features[start + place] = ((features[start + place] ?? 0) - centre) / spread;
    }
  }
}
