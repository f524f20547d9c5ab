import { recordEpsilon } from "../accountant/recordEpsilon.ts";
import type { RecordEvent } from "../event/recordEvent.ts";
import type { SanitizingBody } from "./state.ts";

/** What one entry says of a sanitized data set, for people: "Laplace noise on records, ε = 2; labels disclosed, …". */
export function sanitizingWords({ events, disclosure }: Pick<SanitizingBody, "events" | "disclosure">): string {
  const disclosed =
    disclosure === undefined
      ? []
      : [`${disclosure.of.join(" and ")} disclosed without protection, signed by ${disclosure.by.join(" and ")}`];
  return [...events.map(eventWords), ...disclosed].join("; ");
}

const NAMES: Readonly<Record<RecordEvent["kind"], string>> = {
  "record-laplace": "Laplace noise on records",
  "record-gaussian": "Gaussian noise on records",
  metric: "metric noise on clipped records",
  "randomised-response": "labels answered at random",
};

function eventWords(event: RecordEvent): string {
  const times = event.count === 1 ? "" : `, ${event.count} records a patient`;
  const figure =
    event.kind === "record-gaussian" ? `σ = ${rounded(event.noiseMultiplier)}` : `ε = ${rounded(recordEpsilon(event))}`;
  return `${NAMES[event.kind]}, ${figure}${times}`;
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(4)));
}
