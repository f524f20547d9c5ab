import { Failure } from "@consilium/shared/failure/failure";
import type { SanitizerMethod } from "@consilium/shared/sanitizer/method";
import type { PublicRules } from "@consilium/shared/sanitizer/patientRecords";
import type { DataContract } from "@consilium/shared/study/contract";
import { type FeatureSlot, featureLayout } from "@consilium/shared/study/features";

/** Public ranges of a contract's features: numbers scaled to [−1, 1], a category's places and indicators 0 or 1. */
export function rulesOf(contract: DataContract): PublicRules {
  const { slots, featureCount } = featureLayout(contract);
  const low_C = new Float64Array(featureCount);
  for (const { column, offset } of slots) {
    if (column.type === "array") throw noArrays(column.name);
    if (column.type === "number") low_C[offset] = -1;
  }
  return {
    low_C,
    high_C: new Float64Array(featureCount).fill(1),
    order_C: null,
    labelValues: contract.label.values.length,
    recordsPerPatient: contract.maxRecordsPerPatient,
  };
}

/** Names of the columns that a method's output has: the contract's, or a projection's own. */
export function outputColumns(contract: DataContract, method: SanitizerMethod): readonly string[] {
  if (method.method !== "projection") return contract.columns.map(({ name }) => name);
  return Array.from({ length: method.dimensions }, (_, index) => `p${index + 1}`);
}

/**
 * A noised record's cells as the contract's columns have them, so that the file reads as the source does. Only noised
 * numbers are seen: of a category's places the largest is the value, a missing one is what its indicator now says.
 */
export function cellsOf(features: Float64Array, contract: DataContract, method: SanitizerMethod): readonly string[] {
  if (method.method === "projection") return [...features].map(numberText);
  return featureLayout(contract).slots.map((slot) => cellOf(features, slot));
}

function cellOf(features: Float64Array, { column, offset, indicator }: FeatureSlot): string {
  if (indicator >= 0 && (features[offset + indicator] ?? 0) > 0.5) return "";
  if (column.type === "category") {
    const places = features.subarray(offset, offset + column.values.length);
    return String(column.values[places.indexOf(Math.max(...places))] ?? "");
  }
  return numberText(column.min + ((column.max - column.min) * ((features[offset] ?? Number.NaN) + 1)) / 2);
}

/** Nine digits: a float32 has no more, and noise far fewer. */
function numberText(value: number): string {
  return String(Number(value.toPrecision(9)));
}

function noArrays(column: string): Failure {
  return new Failure({
    code: "sanitizer/array-column",
    kind: "config",
    what: `Column '${column}' holds an array; a sanitized table has one number in a cell.`,
    remedy: "Give a study whose columns are numbers and categories: a picture's pixels as columns, for instance.",
  });
}
