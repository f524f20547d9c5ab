import type { SanitizingBody } from "../ledger/state.ts";
import type { SanitizedPromise } from "../study/sanitizedPromise.ts";
import type { LabelRule } from "./method.ts";
import { type SanitizerStatement, statementOf } from "./statement.ts";

/** What a ledger says of one sanitizer's charge. */
export type SanitizedWords = Pick<SanitizingBody, "events" | "disclosure">;

/** Sums of proven figures may differ in their last digits from what a study's author wrote. */
const ROUNDING = 1 + 1e-9;

/** What sanitized records promise, by the events of their charge alone. */
export function promisedBy({ events, disclosure }: SanitizedWords, delta: number): SanitizerStatement {
  return statementOf(events, labelsOf({ events, disclosure }), delta);
}

/** How labels left: every label is answered at random, or stands as it was by two signatures, or was left out. */
function labelsOf({ events, disclosure }: SanitizedWords): LabelRule["label"] {
  if (disclosure?.of.includes("labels") === true) return "public";
  return events.some(({ kind }) => kind === "randomised-response") ? "randomised" : "dropped";
}

/** Why sanitized records promise less than a study asks of them; null where they don't. */
export function promiseFault(asked: SanitizedPromise, made: SanitizedWords, delta: number): string | null {
  const labels = labelsOf(made);
  if (labels === "dropped") return "its sanitized records have no labels, and training needs them";
  if (asked.labels === "randomised" && labels === "public")
    return "its labels left as they were, and the study asks for labels that were answered at random";
  if (asked.promise === "unprotected") return null;
  if (made.disclosure?.of.includes("features") === true)
    return "no figure for a record holds for its sanitized records, and the study asks for one";
  const { record, metric } = promisedBy(made, delta);
  if (asked.promise === "record") return beyond("two records", record?.epsilon, asked.epsilon);
  return beyond("two records at distance 1", metric?.epsilonPerDistance, asked.epsilonPerDistance);
}

function beyond(what: string, promised: number | undefined, asked: number): string | null {
  if (promised === undefined) return `no figure for ${what} holds for its sanitized records`;
  if (promised <= asked * ROUNDING) return null;
  return `its sanitized records tell ${what} apart by up to ε = ${promised}, and the study allows ${asked}`;
}
