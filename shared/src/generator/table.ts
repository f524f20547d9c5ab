import type { CategoryValue, DataContract, NumberColumn } from "../study/contract.ts";
import { type FeatureSlot, featureLayout } from "../study/features.ts";
import type { MadeRecords } from "./made.ts";

/** Synthetic records as a table of the study's columns, the label last; `null` is a missing value. */
export interface SyntheticTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (CategoryValue | null)[])[];
}

/** Significant digits of a number's range that a record bears: a generator tells no finer. */
const DIGITS = 4;

/**
 * From features back to the columns' own values: numbers from [−1, 1] to their public range, rounded to four digits of
 * it; of a category the likeliest value; missing where its indicator is above a half. The inverse of `encodeRecord`, but
 * for what it rounds.
 */
export function tableOf(contract: DataContract, { features, labels }: MadeRecords): SyntheticTable {
  const { slots, featureCount } = featureLayout(contract);
  const rows = Array.from(labels, (label, record) => {
    const own = features.subarray(record * featureCount, (record + 1) * featureCount);
    return [...slots.map((slot) => cellOf(slot, own)), contract.label.values[label] ?? null];
  });
  return { columns: [...contract.columns.map(({ name }) => name), contract.label.name], rows };
}

function cellOf({ column, offset, indicator }: FeatureSlot, features: Float32Array): CategoryValue | null {
  if (indicator >= 0 && (features[offset + indicator] ?? 0) > 0.5) return null;
  if (column.type === "category") {
    const [first, ...others] = column.values;
    let [best, value] = [features[offset] ?? Number.NEGATIVE_INFINITY, first ?? null];
    for (const [index, other] of others.entries()) {
      const score = features[offset + index + 1] ?? Number.NEGATIVE_INFINITY;
      if (score > best) [best, value] = [score, other];
    }
    return value;
  }
  if (column.type === "array") throw new RangeError("synthetic records are tables of numbers and categories");
  return inRange(column, features[offset] ?? 0);
}

function inRange({ min, max }: Pick<NumberColumn, "min" | "max">, scaled: number): number {
  const value = min + ((scaled + 1) / 2) * (max - min);
  const decimals = Math.max(0, Math.min(12, DIGITS - 1 - Math.floor(Math.log10(max - min))));
  return Math.min(max, Math.max(min, Number(value.toFixed(decimals))));
}
