import type { DataContract } from "@consilium/shared/study/contract";
import { featureLayout, presentValue } from "@consilium/shared/study/features";

/** A plain CSV's records as a released model takes them elsewhere: values in the columns' own units, by position. */
export function rawFeatures(contract: Pick<DataContract, "columns">, csv: string): Float32Array {
  const [header = "", ...rows] = csv.trim().split(/\r?\n/);
  const names = header.split(",");
  const { slots, featureCount } = featureLayout(contract);
  const features = new Float32Array(rows.length * featureCount);
  for (const [row, line] of rows.entries()) {
    const cells = line.split(",");
    for (const slot of slots) {
      const { column } = slot;
      const at = row * featureCount + slot.offset;
      const cell = cells[names.indexOf(column.name)];
      const present = presentValue(slot, cell === "NA" || cell === "?" ? null : cell);
      const value = present ?? (column.missing === "refuse" ? Number.NaN : column.missing.fill);
      if (present === null && slot.indicator >= 0) features[at + slot.indicator] = 1;
      if (column.type === "number") features[at] = Number(value);
      else features[at + (slot.positions.get(String(Number(value))) ?? Number.NaN)] = 1;
    }
  }
  return features;
}
