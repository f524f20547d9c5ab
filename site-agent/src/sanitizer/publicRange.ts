/**
 * The sanitize step of records: what a record may say is bounded by the study's public contract alone. Columns
 * outside it were never read; numbers are clipped to their public range, categories are one of the public values,
 * missing values get the public fill. A bounded record is not a private one: privacy comes from the noise on sums.
 */
import {
  encodeValue,
  type FeatureSlot,
  isArrayValue,
  parseNumber,
  presentValue,
  type RawValue,
  type ValueFault,
} from "@consilium/shared/study/features";

/** How one value came through: used as it is, clipped, filled, or not usable. */
export type Sanitized = "kept" | "clipped" | "filled" | ValueFault;

/** Writes one value's bounded features at its place in a record's `features` (zeros before); says what was done. */
export function sanitizeValue(slot: FeatureSlot, value: RawValue, features: Float32Array): Sanitized {
  const fault = encodeValue(slot, value, features, slot.offset);
  if (fault !== null) return fault;
  const present = presentValue(slot, value);
  if (present === null) return "filled";
  const { column } = slot;
  if (column.type === "category") return "kept";
  if (isArrayValue(present))
    return present.values.some((value) => value < column.min || value > column.max) ? "clipped" : "kept";
  const number = parseNumber(present);
  return number !== null && (number < column.min || number > column.max) ? "clipped" : "kept";
}
