import { canonicalJson } from "../encoding/canonicalJson.ts";
import type { PricedEvent } from "../event/pricedEvent.ts";
import { assert } from "../failure/failure.ts";
import { type Charged, charged } from "./charged.ts";

/**
 * Records that one mechanism noised one by one, and what the patient pays whose records they are: m times a record's,
 * m the public bound that every patient is held to. How many records there are, and whose each is, must be public: it
 * shows. No record: nothing was done. Records that were noised otherwise than the first are a broken invariant.
 */
export function perPatient<Value, Event extends PricedEvent>(
  records: readonly Charged<Value, Event>[],
  recordsPerPatient: number,
): Charged<readonly Value[], Event> {
  assert(Number.isSafeInteger(recordsPerPatient) && recordsPerPatient >= 1, "a patient has records");
  const [first] = records;
  if (first === undefined) return charged([], []);
  const done = canonicalJson(first.events);
  assert(
    records.every(({ events }) => events === first.events || canonicalJson(events) === done),
    "all records are noised alike",
  );
  return charged(
    records.map(({ value }) => value),
    first.events.map((event) => ({ ...event, count: event.count * recordsPerPatient })),
  );
}
