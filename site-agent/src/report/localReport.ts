/** Everything that a data set's report shows, computed from its records: nothing of it may leave the site. */
import type { RandomSource } from "@consilium/shared/random/randomSource";
import { type DistanceSweep, distancesOf, type LocalDistances, methodOf } from "@consilium/shared/sanitizer/distances";
import { energyKept, type LocalEnergy } from "@consilium/shared/sanitizer/energy";
import { coefficientsOf } from "@consilium/shared/sanitizer/sanitize";
import { type LocalSpectrum, spectrumOf } from "@consilium/shared/sanitizer/spectrum";
import type { ContractReport } from "../contract/prepare.ts";
import type { LocalLook } from "./look.ts";
import { type PictureRow, pictureRows } from "./pictures.ts";

export interface LocalReport {
  readonly study: string;
  readonly contract: ContractReport;
  readonly look: LocalLook;
  /** Null where the contract has too few numbers for a sanitizer to be of use. */
  readonly sanitizers: SanitizerLook | null;
  readonly pictures: readonly PictureRow[];
}

export interface SanitizerLook {
  /** Records that were tried: the first ones, where there are more. */
  readonly records: number;
  readonly columns: number;
  readonly clips: Clips;
  readonly energy: LocalEnergy;
  /** Of Laplace noise on the least K, at the ε for a record that is shown. */
  readonly spectrum: LocalSpectrum & { readonly epsilon: number };
  /** For both promises. */
  readonly distances: readonly LocalDistances[];
}

/** In the units of the coefficients. */
export interface Clips {
  readonly l1Bound: number;
  readonly l2Bound: number;
  /** `quantile`: the data's own 95th percentile, which tells of records and may be used for this drawing alone. */
  readonly from: "given" | "quantile";
}

export interface SanitizerWishes {
  readonly coefficients: readonly number[];
  readonly epsilons: readonly number[];
  readonly l1Bound?: number | undefined;
  readonly l2Bound?: number | undefined;
}

/** What `data report` tries unless it is told otherwise. */
export const USUAL_WISHES: SanitizerWishes = { coefficients: [10, 50], epsilons: [1, 5, 10, 50, 100, 200] };

const NUMBERS_MIN = 4;
const QUANTILE = 0.95;

export function reportOf(
  study: string,
  contract: ContractReport,
  look: LocalLook,
  wishes: SanitizerWishes,
  random: RandomSource,
): LocalReport {
  return {
    study,
    contract,
    look,
    sanitizers: sanitizerLook(look, wishes, random),
    pictures: pictureRows(look, random),
  };
}

function sanitizerLook({ numbers }: LocalLook, wishes: SanitizerWishes, random: RandomSource): SanitizerLook | null {
  const columns = numbers?.rules.low_C.length ?? 0;
  if (numbers === null || columns < NUMBERS_MIN) return null;
  const { records, rules } = numbers;
  const wanted = wishes.coefficients.filter((count) => count <= columns);
  const coefficients = wanted.length > 0 ? wanted : [columns];
  const most = Math.max(...coefficients);
  const clips = clipsOf(coefficientsOf(records, rules, most), most, wishes);
  const sweep: Omit<DistanceSweep, "promise"> = { ...clips, coefficients, epsilons: wishes.epsilons };
  const middle = wishes.epsilons[Math.floor(wishes.epsilons.length / 2)] ?? 1;
  const least = { ...clips, coefficients: Math.min(...coefficients) };
  const shown = methodOf({ method: "dct-laplace", sampler: "exact", epsilon: middle }, least);
  return {
    records: records.labels_R.length,
    columns,
    clips,
    energy: energyKept(
      records,
      rules,
      [...new Set([...coefficients, ...doublings(columns)])].sort((a, b) => a - b),
    ),
    spectrum: { ...spectrumOf(records, rules, shown, random), epsilon: middle },
    distances: (["record", "metric"] as const).map((promise) =>
      distancesOf(records, rules, { ...sweep, promise }, random),
    ),
  };
}

/** 1, 2, 4 … and all of them. */
function doublings(columns: number): readonly number[] {
  return [...Array.from({ length: Math.ceil(Math.log2(columns)) }, (_, i) => 2 ** i), columns];
}

/** The bounds that were given; for a drawing, where none were, those that 95 of 100 records keep within. */
function clipsOf(coefficients: Float64Array, width: number, { l1Bound, l2Bound }: SanitizerWishes): Clips {
  if (l1Bound !== undefined && l2Bound !== undefined) return { l1Bound, l2Bound, from: "given" };
  const rows = Array.from({ length: coefficients.length / width }, (_, r) =>
    coefficients.subarray(r * width, (r + 1) * width),
  );
  const l1 = rows.map((row) => row.reduce((sum, value) => sum + Math.abs(value), 0));
  const l2 = rows.map((row) => Math.sqrt(row.reduce((sum, value) => sum + value * value, 0)));
  return { l1Bound: l1Bound ?? quantile(l1), l2Bound: l2Bound ?? quantile(l2), from: "quantile" };
}

/** Of at least one number; 1 where all records are zero, which no clip shortens. */
function quantile(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(QUANTILE * sorted.length))] || 1;
}
