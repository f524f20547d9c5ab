import { canonicalJson } from "../encoding/canonicalJson.ts";
import { type PlannedCharge, plannedEvents } from "../study/charges.ts";
import type { StudyDocument } from "../study/document.ts";

/**
 * Whether the signed schedule holds everything that was, or will be, charged at one site: then what the whole schedule
 * costs bounds it. A repeated round is beyond it, and so is any event that isn't exactly a signed one.
 */
export function withinSchedule(document: StudyDocument, charges: readonly PlannedCharge[]): boolean {
  const signed = countsOf(plannedEvents(document));
  return [...countsOf(charges)].every(([event, count]) => count <= (signed.get(event) ?? 0));
}

/** How often each event was done to each part. */
function countsOf(charges: readonly PlannedCharge[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { part, event } of charges) {
    const key = `${part} ${canonicalJson({ ...event, count: 1 })}`;
    counts.set(key, (counts.get(key) ?? 0) + event.count);
  }
  return counts;
}
