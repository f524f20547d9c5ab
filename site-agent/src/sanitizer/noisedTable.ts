import type { SanitizerMethod } from "@consilium/shared/sanitizer/method";
import type { DataContract } from "@consilium/shared/study/contract";
import { type FeatureSlot, featureLayout } from "@consilium/shared/study/features";
import type { GivenSplit } from "../split/keyedHash.ts";

/** One record of the file that is to come: only noised numbers, and what leaves as the plan says. */
export interface NoisedRecord {
  readonly key: string | null;
  readonly split: GivenSplit | null;
  /** Borrowed until the next record. */
  readonly features: Float64Array;
  /** Index into the label's values; null where it is left out. */
  readonly label: number | null;
}

/** Noised records in the order of the file, and what their columns are. */
export interface NoisedTable {
  readonly contract: DataContract;
  readonly method: SanitizerMethod;
  readonly hasLabel: boolean;
  readonly count: number;
  /** As often as is asked, until the table is closed. */
  readonly records: Iterable<NoisedRecord>;
}

/** What a table will be like, before anything is noised: of its records the keys alone. */
export type ForeseenTable = Omit<NoisedTable, "records"> & {
  readonly records: Iterable<Pick<NoisedRecord, "key">>;
};

/** One column of the file: the contract's with its place among the noised numbers, or a projection's own number. */
export type NoisedColumn =
  | { readonly name: string; readonly slot: FeatureSlot }
  | { readonly name: string; readonly slot: null; readonly offset: number };

/** The contract's columns, so that the file reads as its source does; a projection's are its own. */
export function noisedColumns({ contract, method }: Pick<NoisedTable, "contract" | "method">): readonly NoisedColumn[] {
  if (method.method !== "projection")
    return featureLayout(contract).slots.map((slot) => ({ name: slot.column.name, slot }));
  return Array.from({ length: method.dimensions }, (_, offset) => ({ name: `p${offset + 1}`, slot: null, offset }));
}

/** Whether a noised record's value is missing now: what its indicator says. */
export function isMissing(features: Float64Array, { offset, indicator }: FeatureSlot): boolean {
  return indicator >= 0 && (features[offset + indicator] ?? 0) > 0.5;
}

/** A number in its column's own unit, not held to its range. */
export function ownUnit(unit: number, { min, max }: { readonly min: number; readonly max: number }): number {
  return min + ((max - min) * (unit + 1)) / 2;
}

/** Of a category's places the largest, the first of equals. */
export function largestPlace(features: Float64Array, offset: number, places: number): number {
  let largest = 0;
  for (let place = 1; place < places; place++)
    if ((features[offset + place] ?? 0) > (features[offset + largest] ?? 0)) largest = place;
  return largest;
}
