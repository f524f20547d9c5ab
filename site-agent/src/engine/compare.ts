import type { Network } from "@consilium/engine/network";
import { classesOf, predictWith } from "@consilium/engine/predict";
import type { RecordOutput } from "@consilium/shared/audit/attacks";
import type { Counted } from "@consilium/shared/audit/histogram";
import { classAt, madeUpPopulation } from "@consilium/shared/audit/population";
import { type Compared, referenceScores, referenceUnit } from "@consilium/shared/audit/referenceAttacks";
import { Failure } from "@consilium/shared/failure/failure";
import { applyScales, type FeatureScale } from "@consilium/shared/normalisation/columnScales";
import type { ReferenceAttack } from "@consilium/shared/study/audit";
import type { PreparedPatients } from "../contract/preparedPatients.ts";
import { outputsOf } from "./outputs.ts";
import type { Scoring } from "./score.ts";

/** The released model on the device, and reference models that are put there one by one. */
export interface Comparison {
  readonly released: Network;
  /** Each makes a network that the caller disposes. */
  readonly references: readonly (() => Network)[];
}

export type Side = "members" | "nonMembers";

interface Sides {
  readonly sides: Readonly<Record<Side, Int32Array>>;
  /** What the released model says of each side's patients. */
  readonly outputs: Readonly<Record<Side, readonly (readonly RecordOutput[])[]>>;
  readonly scales: readonly FeatureScale[];
}

type References = NonNullable<Extract<Scoring, { purpose: "audit" }>["references"]>;

/**
 * Each patient's score by an attack that compares models, on its public scale. Members and non-members were in no
 * reference model, and a patient's score depends on the models and its own records alone.
 */
export function compareSides(
  { released, references }: Comparison,
  patients: PreparedPatients,
  { sides, outputs, scales }: Sides,
  { rule, population: { slots, count, seed } }: References,
): (attack: ReferenceAttack, side: Side) => Counted[] {
  if (references.length === 0) notLoaded();
  const made = madeUpPopulation(slots, patients.featureCount, count, seed);
  applyScales(made.features, patients.featureCount, scales);
  const members: number[][] = [];
  const nonMembers: number[][] = [];
  const ofMade: Float32Array[] = [];
  for (const make of references) {
    const network = make();
    try {
      members.push(outputsOf(network, patients, sides.members).flat().map(trueClass));
      nonMembers.push(outputsOf(network, patients, sides.nonMembers).flat().map(trueClass));
      ofMade.push(predictWith(network, made.features));
    } finally {
      network.dispose();
    }
  }
  const compared: Record<Side, Compared> = {
    members: { target: outputs.members.flat().map(trueClass), references: members },
    nonMembers: { target: outputs.nonMembers.flat().map(trueClass), references: nonMembers },
  };
  const population = labelled(predictWith(released, made.features), ofMade, made.places, classesOf(released.spec));
  return (attack, side) => countedOf(attack, outputs[side], referenceScores(attack, rule, compared[side], population));
}

/** Each made-up record has a class as likely as the reference models on average hold it to be. */
function labelled(
  target: Float32Array,
  references: readonly Float32Array[],
  places: Float64Array,
  classes: number,
): Compared {
  const labels = Array.from(places, (place, record) => {
    const mean = Array.from({ length: classes }, (_, index) => {
      const at = record * classes + index;
      return references.reduce((sum, own) => sum + (own[at] ?? Number.NaN), 0) / references.length;
    });
    return classAt(mean, place);
  });
  const own = (outputs: Float32Array) => labels.map((label, record) => outputs[record * classes + label] ?? Number.NaN);
  return { target: own(target), references: references.map(own) };
}

/** Scores stand record after record, patient after patient. */
function countedOf(
  attack: ReferenceAttack,
  patients: readonly (readonly RecordOutput[])[],
  scores: readonly number[],
): Counted[] {
  let at = 0;
  return patients.map((records) => {
    const own = scores.slice(at, at + records.length);
    at += records.length;
    return { unit: referenceUnit(attack, own), group: records[0]?.label ?? 0 };
  });
}

function trueClass({ probabilities, label }: RecordOutput): number {
  return probabilities[label] ?? Number.NaN;
}

export function notLoaded(): never {
  throw new Failure({
    code: "engine/no-references",
    kind: "refused",
    what: "The audit compares with reference models, and none were loaded.",
    remedy: "Load them after the study was opened: the engine process was started anew.",
  });
}
