import type { PrivacyEvent } from "../event/event.ts";
import type { PricedEvent } from "../event/pricedEvent.ts";

declare const made: unique symbol;

/**
 * What a mechanism made of records, and what was done for it: the only form in which anything computed from records
 * goes towards the wire. A value without its events doesn't compile where one is asked for.
 */
export interface Charged<Value, Event extends PricedEvent = PrivacyEvent> {
  readonly [made]: true;
  readonly value: Value;
  /** One for each part of the data set that was touched, in the order of the study's charges. */
  readonly events: readonly Event[];
}

/** For mechanisms, and for post-processing that sees nothing but what they made (`.dependency-cruiser.cjs`). */
export function charged<Value, Event extends PricedEvent>(
  value: Value,
  events: readonly Event[],
): Charged<Value, Event> {
  return { value, events } as Charged<Value, Event>;
}
