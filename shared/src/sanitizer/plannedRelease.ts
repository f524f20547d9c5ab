import { hasRecordFigure } from "../accountant/recordEpsilon.ts";
import type { PricedEvent } from "../event/pricedEvent.ts";
import { RecordEvent } from "../event/recordEvent.ts";
import type { UnprotectedDisclosure } from "../ledger/entry.ts";
import { aesCtrStream } from "../random/aesCtrStream.ts";
import type { LabelRule, SanitizerMethod } from "./method.ts";
import { sanitize } from "./sanitize.ts";

/** What a method will do to a patient, before it is done to anyone. */
export interface PlannedRelease {
  /** All of it, also what has no figure for a record. */
  readonly all: readonly PricedEvent[];
  /** What is charged. */
  readonly events: readonly RecordEvent[];
  /** What leaves without a figure for a record, and takes two signatures. */
  readonly disclosed: UnprotectedDisclosure["of"];
}

/** What is public of the records. */
export interface PublicCounts {
  readonly columns: number;
  readonly labelValues: number;
  readonly recordsPerPatient: number;
}

/**
 * The events of a method, labels included: the same for all records there are, so those of one made-up record. Throws
 * where the method doesn't fit such records.
 */
export function plannedRelease(
  method: SanitizerMethod,
  labels: LabelRule,
  { columns, labelValues, recordsPerPatient }: PublicCounts,
): PlannedRelease {
  const record = { values_RC: new Float64Array(columns), labels_R: Int32Array.of(0), recordStart: Int32Array.of(0, 1) };
  const range = { low_C: new Float64Array(columns).fill(-1), high_C: new Float64Array(columns).fill(1), order_C: null };
  const nobodys = aesCtrStream({ origin: "seeded", bytes: (count) => new Uint8Array(count) });
  const { events: all } = sanitize(record, { ...range, labelValues, recordsPerPatient }, { method, labels }, nobodys);
  const isBounded = all.every(hasRecordFigure);
  return {
    all,
    events: all.filter(hasRecordFigure).map((event) => RecordEvent.parse(event)),
    disclosed: [...(isBounded ? [] : ["features" as const]), ...(labels.label === "public" ? ["labels" as const] : [])],
  };
}
