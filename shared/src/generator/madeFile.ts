import { Failure } from "../failure/failure.ts";
import { decodeSafetensors, encodeSafetensors, type SafetensorsFile } from "../release/safetensors.ts";
import type { SyntheticClassifier } from "./classifier.ts";
import type { MadeRecords } from "./made.ts";

/** What the sites choose generators by: of each candidate a classifier that was trained on its records alone. */
export interface Candidates {
  /** Training round of each, ascending. */
  readonly rounds: readonly number[];
  readonly classifiers: readonly SyntheticClassifier[];
}

/** The release's records as a model reads them, and the classifier that was trained on them alone. */
export interface Synthetic {
  readonly records: MadeRecords;
  readonly classifier: SyntheticClassifier;
}

export function encodeCandidates({ rounds, classifiers }: Candidates): Uint8Array {
  const { classes = 0, features = 0 } = classifiers[0] ?? {};
  const size = classes * (features + 1);
  const values = new Float32Array(classifiers.length * size);
  classifiers.forEach(({ weights }, index) => {
    values.set(weights, index * size);
  });
  return fileOf("candidates", [
    { name: "rounds", shape: [rounds.length], values: Float32Array.from(rounds) },
    { name: "classifiers", shape: [rounds.length, classes, features + 1], values },
  ]);
}

export function decodeCandidates(bytes: Uint8Array): Candidates {
  const file = decodeSafetensors(bytes);
  const { values: rounds } = tensor(file, "rounds", 1);
  const { values, shape } = tensor(file, "classifiers", 3);
  const [count = 0, classes = 0, width = 0] = shape;
  if (count !== rounds.length) throw malformed("it has not one classifier for each candidate");
  const size = classes * width;
  const classifiers = Array.from(rounds, (_, index) => {
    return { classes, features: width - 1, weights: values.slice(index * size, (index + 1) * size) };
  });
  return { rounds: [...rounds], classifiers };
}

export function encodeSynthetic({ records: { features, labels }, classifier }: Synthetic): Uint8Array {
  const { classes, features: width, weights } = classifier;
  return fileOf("synthetic", [
    { name: "records", shape: [labels.length, width], values: features },
    { name: "labels", shape: [labels.length], values: Float32Array.from(labels) },
    { name: "classifier", shape: [classes, width + 1], values: weights },
  ]);
}

export function decodeSynthetic(bytes: Uint8Array): Synthetic {
  const file = decodeSafetensors(bytes);
  const { values: features, shape } = tensor(file, "records", 2);
  const { values: labels } = tensor(file, "labels", 1);
  const { values: weights, shape: fitted } = tensor(file, "classifier", 2);
  const [records = 0, width = 0] = shape;
  const [classes = 0, columns = 0] = fitted;
  if (records !== labels.length || records === 0 || columns !== width + 1)
    throw malformed("its records, labels and classifier don't belong together");
  if (labels.some((label) => !Number.isInteger(label) || label < 0 || label >= classes))
    throw malformed("a label is outside the classifier's classes");
  return { records: { features, labels: Uint8Array.from(labels) }, classifier: { classes, features: width, weights } };
}

function fileOf(holds: "candidates" | "synthetic", tensors: SafetensorsFile["tensors"]): Uint8Array {
  return encodeSafetensors({ tensors, metadata: { holds } });
}

function tensor({ tensors }: SafetensorsFile, name: string, rank: number): SafetensorsFile["tensors"][number] {
  const found = tensors.find((own) => own.name === name);
  if (found === undefined || found.shape.length !== rank) throw malformed(`it has no ${name} of rank ${rank}`);
  return found;
}

function malformed(why: string): Failure {
  return new Failure({
    code: "generator/made-malformed",
    kind: "refused",
    what: `What the coordinator made can't be used: ${why}.`,
    remedy: "Have the lead check that coordinator and sites run the same version.",
  });
}
