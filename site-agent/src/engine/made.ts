import { readFile } from "node:fs/promises";
import type { RecordOutput } from "@consilium/shared/audit/attacks";
import { ClosestRecord } from "@consilium/shared/audit/closestRecord";
import type { Counted } from "@consilium/shared/audit/histogram";
import { digestOf } from "@consilium/shared/encoding/digest";
import { Failure } from "@consilium/shared/failure/failure";
import { classify, type SyntheticClassifier } from "@consilium/shared/generator/classifier";
import { encodeChoice } from "@consilium/shared/generator/contribution";
import type { MadeRecords } from "@consilium/shared/generator/made";
import { decodeCandidates } from "@consilium/shared/generator/madeFile";
import type { Charged } from "@consilium/shared/mechanism/charged";
import { chooseBest } from "@consilium/shared/mechanism/exponentialMechanism";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { Epsilon } from "@consilium/shared/units/privacy";
import { type PreparedPatients, patientsOf } from "../contract/preparedPatients.ts";
import type { EngineRequest } from "./message.ts";

/** The coordinator's file, once its digest is the announced one. */
export async function readMade({ path, digest }: Extract<EngineRequest, { type: "load-made" }>): Promise<Uint8Array> {
  const bytes = await readFile(path);
  if (digestOf(bytes) === digest) return bytes;
  throw unfit("was given another file of made records than the one named");
}

export function madeOf(made: Uint8Array | null): Uint8Array {
  if (made === null) throw unfit("holds nothing that the study's generators made");
  return made;
}

/**
 * Which candidates' classifiers, trained on synthetic records alone, are right about most validation patients, by the
 * exponential mechanism. One patient more is right or wrong by each of them, so every count rises by 0 or 1.
 */
export function chooseGenerators(
  patients: PreparedPatients,
  file: Uint8Array,
  { best, epsilon, classes }: { readonly best: number; readonly epsilon: Epsilon; readonly classes: number },
  random: RandomSource,
): Charged<Uint8Array> {
  const { classifiers } = decodeCandidates(file);
  const counts = classifiers.map((classifier) => rightCount(classifier, patients, classes));
  return encodeChoice(chooseBest({ kind: "qualities", counts }, epsilon, best, random));
}

/** Validation patients whom a classifier is right about. */
export function rightCount(classifier: SyntheticClassifier, patients: PreparedPatients, classes: number): number {
  const validation = patientsOf(patients, "validation");
  return classified(fitting(classifier, patients, classes), patients, validation).filter(isRight).length;
}

/** Whether the likeliest class, of the records' mean probabilities, is that of the first record. */
function isRight(records: readonly RecordOutput[]): boolean {
  const classes = records[0]?.probabilities.length ?? 0;
  const sums = Array.from({ length: classes }, (_, c) =>
    records.reduce((sum, { probabilities }) => sum + (probabilities[c] ?? 0), 0),
  );
  return sums.indexOf(Math.max(...sums)) === records[0]?.label;
}

/** What a classifier of synthetic records says of each patient's records. */
export function classified(
  classifier: SyntheticClassifier,
  patients: PreparedPatients,
  members: Int32Array,
): readonly (readonly RecordOutput[])[] {
  return Array.from(members, (patient) =>
    recordsOf(patients, patient).map(({ features, label }) => {
      return { probabilities: classify(classifier, features), label };
    }),
  );
}

/** Each patient's score by the distance of its closest record to any synthetic one, in the class of its first. */
export function closestScores(synthetic: MadeRecords, patients: PreparedPatients, members: Int32Array): Counted[] {
  const attack = new ClosestRecord(synthetic);
  return Array.from(members, (patient) => {
    const records = recordsOf(patients, patient);
    const unit = Math.max(...records.map(({ features }) => attack.score(features)));
    return { unit, group: records[0]?.label ?? 0 };
  });
}

function recordsOf(
  { features, featureCount, recordStart, labels }: PreparedPatients,
  patient: number,
): { readonly features: Float32Array; readonly label: number }[] {
  const first = recordStart[patient] ?? 0;
  const end = recordStart[patient + 1] ?? first;
  return Array.from({ length: end - first }, (_, index) => {
    const record = first + index;
    const own = features.subarray(record * featureCount, (record + 1) * featureCount);
    return { features: own, label: labels[record] ?? 0 };
  });
}

/** Refuses, before a record is looked at, what was made for other columns or classes than the study's. */
export function fitting(
  classifier: SyntheticClassifier,
  { featureCount }: PreparedPatients,
  classes: number,
): SyntheticClassifier {
  if (classifier.features === featureCount && classifier.classes === classes) return classifier;
  throw unfit("was given what was made for other columns or classes than the study's");
}

function unfit(why: string): Failure {
  return new Failure({
    code: "engine/made-differs",
    kind: "refused",
    what: `The engine ${why}.`,
    remedy: "Have the round announced again.",
  });
}
