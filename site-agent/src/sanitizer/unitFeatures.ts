import { Failure } from "@consilium/shared/failure/failure";
import type { PublicRules } from "@consilium/shared/sanitizer/patientRecords";
import type { DataContract } from "@consilium/shared/study/contract";
import { featureLayout } from "@consilium/shared/study/features";

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

function noArrays(column: string): Failure {
  return new Failure({
    code: "sanitizer/array-column",
    kind: "config",
    what: `Column '${column}' holds an array; a sanitized table has one number in a cell.`,
    remedy: "Give a study whose columns are numbers and categories: a picture's pixels as columns, for instance.",
  });
}
