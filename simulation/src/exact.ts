/** Figures that only a simulation has: the model on every site's records, exactly. */
import { predict } from "@consilium/engine/predict";
import { summarise } from "@consilium/shared/attack/summary";
import type { RecordOutput } from "@consilium/shared/audit/attacks";
import { exactAudit } from "@consilium/shared/audit/exactAudit";
import type { Figure } from "@consilium/shared/audit/report";
import { assert } from "@consilium/shared/failure/failure";
import type { ModelSpec } from "@consilium/shared/model/spec";
import type { Weights } from "@consilium/shared/model/weights";
import { applyScales, type FeatureScale } from "@consilium/shared/normalisation/columnScales";
import { isOutputAttack, type OutputAttack } from "@consilium/shared/study/audit";
import type { StudyDocument } from "@consilium/shared/study/document";
import { type IntervalPlace, intervalPlaceOf } from "@consilium/shared/study/survival";
import type { SiteName } from "@consilium/shared/units/identity";
import { type PartName, type PreparedPatients, patientsOf } from "@consilium/site-agent/contract/preparedPatients";
import type { RunResult } from "./result.ts";
import { concordanceFigures, heldRisks } from "./survival.ts";

export interface TrainedModel {
  readonly spec: ModelSpec;
  readonly weights: Weights;
  readonly scales: readonly FeatureScale[];
}

/** What the study fixes of its figures. */
export interface Asked {
  readonly classes: number;
  /** Of the study's, those that need no reference models: an open run has none. */
  readonly attacks: readonly OutputAttack[];
  /** The study's gate. */
  readonly limit: number;
  /** Of a study of times. */
  readonly interval: IntervalPlace | null;
}

/** Attacks and metrics on all sites' records together, each site's by its model: the same one, or its own. */
export function exactFigures(
  { classes, attacks, limit, interval }: Asked,
  sites: readonly ModelOfSite[],
): RunResult["exact"] {
  const of = (...parts: PartName[]): RecordOutput[] =>
    sites.flatMap(({ model, patients }) => outputsOf(model, classes, patients, parts));
  const [train, audit, held] = [of("train"), of("audit"), of("validation", "audit")];
  // Of times, an output is of an interval and not of a patient: neither rates nor attacks would be of patients.
  const isAudited = interval === null && train.length > 0 && audit.length > 0 && attacks.length > 0;
  const report = isAudited ? exactAudit({ members: train, nonMembers: audit, classes, attacks, limit }) : null;
  return {
    train: metricsOf(train, classes, interval === null),
    held: metricsOf(held, classes, interval === null),
    heldOfSites: sites.map(({ name: site, model, patients }) => {
      if (interval !== null) return { site, accuracy: null };
      const { accuracy } = metricsOf(outputsOf(model, classes, patients, ["validation", "audit"]), classes);
      return { site, accuracy };
    }),
    attacks: (report?.orderings ?? []).map((ordering) => ({
      attacks: [...ordering.attacks],
      auc: rateOf(ordering.auc) ?? 0,
      advantage: rateOf(ordering.advantage) ?? 0,
      tprAtOnePercentFpr: rateOf(ordering.tprAtFpr.find(({ fpr }) => fpr === 0.01)?.tpr),
    })),
    bestAttackAuc: report === null ? null : rateOf(report.best),
    ...(interval === null ? {} : { concordance: concordanceOfModels(sites, interval) }),
  };
}

export type ModelOfSite = {
  readonly name: SiteName;
  readonly model: TrainedModel;
  readonly patients: PreparedPatients;
};

function concordanceOfModels(sites: readonly ModelOfSite[], place: IntervalPlace) {
  const risks = sites.map(({ name, model, patients }) => ({ site: name, own: heldRisks(model, patients, place) }));
  return concordanceFigures(risks, place, new Set(sites.map(({ model }) => model.weights)).size === 1);
}

export function askedBy({ data, audit }: StudyDocument): Asked {
  return {
    classes: data.label.values.length,
    attacks: outputAttacks(audit),
    limit: audit.gates.maxAttackAucUpper,
    interval: intervalPlaceOf(data),
  };
}

export function outputAttacks({ attacks }: StudyDocument["audit"]): readonly OutputAttack[] {
  return attacks.flatMap((attack) => (isOutputAttack(attack) ? [attack] : []));
}

function rateOf(figure: Figure | undefined): number | null {
  return figure?.state === "resolved" ? figure.value : null;
}

/** Share of all sites' records in these parts that each site's model classifies rightly, of so many a site; null of none. */
export function accuracyOf(
  classes: number,
  sites: readonly Omit<ModelOfSite, "name">[],
  of: { readonly parts: PartName[]; readonly recordsMax: number },
): number | null {
  const outputs = sites.flatMap(({ model, patients }) => outputsOf(model, classes, patients, of.parts, of.recordsMax));
  return metricsOf(outputs, classes).accuracy;
}

export function metricsOf(
  outputs: readonly RecordOutput[],
  classes: number,
  isOfPatients = true,
): RunResult["exact"]["train"] {
  if (outputs.length === 0 || !isOfPatients) return { patients: outputs.length, accuracy: null, auc: null };
  const right = outputs.filter(({ probabilities, label }) => label === likeliest(probabilities)).length;
  const scoresOf = (wanted: number): number[] =>
    outputs.flatMap(({ probabilities, label }) => (label === wanted ? [probabilities[1] ?? Number.NaN] : []));
  const [positives, negatives] = [scoresOf(1), scoresOf(0)];
  const isBinary = classes === 2 && positives.length > 0 && negatives.length > 0;
  return {
    patients: outputs.length,
    accuracy: right / outputs.length,
    auc: isBinary ? summarise(positives, negatives).auc : null,
    balancedAccuracy: balancedAccuracyOf(outputs, classes),
  };
}

/** Each class counts alike, however few its records are. */
function balancedAccuracyOf(outputs: readonly RecordOutput[], classes: number): number {
  const ofClasses = Array.from({ length: classes }, () => ({ records: 0, right: 0 }));
  for (const { probabilities, label } of outputs) {
    const own = ofClasses[label];
    assert(own !== undefined, "a record is of one of the study's classes");
    own.records += 1;
    if (likeliest(probabilities) === label) own.right += 1;
  }
  const shares = ofClasses.flatMap(({ records, right }) => (records === 0 ? [] : [right / records]));
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

function likeliest(probabilities: ArrayLike<number>): number {
  let best = 0;
  for (let label = 1; label < probabilities.length; label++)
    if ((probabilities[label] ?? 0) > (probabilities[best] ?? 0)) best = label;
  return best;
}

/** Every record of these parts, or so many of them at even steps, as the model sees it. */
function outputsOf(
  { spec, weights, scales }: TrainedModel,
  classes: number,
  patients: PreparedPatients,
  parts: PartName[],
  recordsMax = Number.POSITIVE_INFINITY,
): RecordOutput[] {
  const { featureCount: width, recordStart, labels } = patients;
  const all = [...patientsOf(patients, ...parts)].flatMap((patient) => {
    const first = recordStart[patient] ?? 0;
    return Array.from({ length: (recordStart[patient + 1] ?? 0) - first }, (_, index) => first + index);
  });
  const step = Math.max(1, all.length / recordsMax);
  const records = Array.from(
    { length: Math.floor(all.length / step) },
    (_, index) => all[Math.floor(index * step)] ?? 0,
  );
  const features = new Float32Array(records.length * width);
  records.forEach((record, row) => {
    features.set(patients.features.subarray(record * width, (record + 1) * width), row * width);
  });
  applyScales(features, width, scales);
  const probabilities = predict(spec, weights, features);
  return records.map((record, row) => ({
    probabilities: probabilities.subarray(row * classes, (row + 1) * classes),
    label: labels[record] ?? 0,
  }));
}
