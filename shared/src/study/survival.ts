/** A survival study: a discrete-time hazard for each interval, by the classifier that every study trains. */
import { canonicalJson } from "../encoding/canonicalJson.ts";
import type { DataContract } from "./contract.ts";
import type { StudyDocument } from "./document.ts";
import { featureLayout } from "./features.ts";
import { INTERVAL, intervalColumn } from "./survivalRule.ts";

/** Where the interval stands among a record's features: one place each. */
export interface IntervalPlace {
  readonly offset: number;
  readonly intervals: number;
}

/** Null where a study is of no survival. */
export function intervalPlaceOf({
  survival,
  columns,
}: Pick<DataContract, "survival" | "columns">): IntervalPlace | null {
  if (survival === undefined) return null;
  const slot = featureLayout({ columns }).slots.find(({ column }) => column.name === INTERVAL);
  return slot === undefined ? null : { offset: slot.offset, intervals: survival.cuts.length };
}

/** The columns that data hold: all but the interval, which is the study's own. */
export function columnsOfData({
  survival,
  columns,
}: Pick<DataContract, "survival" | "columns">): DataContract["columns"] {
  return survival === undefined ? columns : columns.filter(({ name }) => name !== INTERVAL);
}

interface Fault {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What doesn't go with times in intervals, however the document was made. */
export function survivalFaults(
  study: Pick<StudyDocument, "data" | "evaluation" | "privacy" | "generator" | "training" | "audit">,
): Fault[] {
  const { data, evaluation, privacy, generator, training, audit } = study;
  const asksConcordance = evaluation.metrics.includes("concordance");
  if (data.survival === undefined) {
    return asksConcordance
      ? [{ path: ["evaluation", "metrics"], message: "concordance is of a study with data.survival" }]
      : [];
  }
  const faults: Fault[] = [];
  const refuse = (path: Fault["path"], message: string): void => void faults.push({ path, message });
  const { cuts } = data.survival;
  const column = data.columns.find(({ name }) => name === INTERVAL);
  if (column === undefined || canonicalJson(column) !== canonicalJson(intervalColumn({ cuts })))
    refuse(
      ["data", "survival"],
      `needs a category column '${INTERVAL}' with a value for each of ${cuts.length} intervals`,
    );
  if (data.label.values.length !== 2) refuse(["data", "label"], "of times has two values: no event, event");
  if (data.maxRecordsPerPatient !== cuts.length)
    refuse(["data", "maxRecordsPerPatient"], `must be the number of intervals, ${cuts.length}`);
  if (evaluation.metrics.join() !== "concordance")
    refuse(["evaluation", "metrics"], "of times are [concordance] alone");
  if (training.earlyStop !== undefined && training.earlyStop.metric !== "concordance")
    refuse(["training", "earlyStop", "metric"], "of times is concordance");
  if (privacy.mechanism === "sanitized")
    refuse(["privacy", "mechanism"], "sanitized records hold no times in intervals");
  if (generator !== undefined) refuse(["generator"], "makes no times");
  // A patient's class would be that of the first interval.
  if (audit.classes === "apart")
    refuse(["audit", "classes"], "apart is of one outcome a patient, and times have one an interval");
  if (audit.shadow !== undefined)
    refuse(["audit", "shadow"], "learns by class, and times have an outcome for each interval");
  return faults;
}
