import type { PublicRules } from "@consilium/shared/sanitizer/patientRecords";
import { type DataContract, valueCount } from "@consilium/shared/study/contract";
import { type FeatureSlot, featureLayout } from "@consilium/shared/study/features";
import { type ColumnOrder, type ColumnPlaces, placesInOrder } from "./columnOrder.ts";

/**
 * Public ranges of a contract's features: numbers, an array's among them, scaled to [−1, 1]; a category's places and
 * indicators 0 or 1.
 */
export function rulesOf(contract: DataContract, order: ColumnOrder | null): PublicRules {
  const { slots, featureCount } = featureLayout(contract);
  const low_C = new Float64Array(featureCount);
  for (const { column, offset } of slots) {
    if (column.type !== "category") low_C.fill(-1, offset, offset + valueCount(column));
  }
  return {
    low_C,
    high_C: new Float64Array(featureCount).fill(1),
    order_C: order === null ? null : placesInOrder(order, slots.map(placesOf)),
    labelValues: contract.label.values.length,
    recordsPerPatient: contract.maxRecordsPerPatient,
  };
}

function placesOf({ column: { name }, offset, width }: FeatureSlot): ColumnPlaces {
  return { name, offset, count: width };
}
