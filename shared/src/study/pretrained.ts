import { digestOf } from "../encoding/digest.ts";
import type { ModelChoice } from "../model/choice.ts";
import type { ModelSpec } from "../model/spec.ts";
import { type StudyWeights, studyWeights } from "../model/studyWeights.ts";
import { openTensorFile } from "../model/tensorFile.ts";
import {
  pytorchNames,
  SQUEEZENET_NAMES,
  TORCHVISION_SQUEEZENET_NAMES,
  type WeightNames,
} from "../model/weightNames.ts";
import { holdsLayer, readWeights, tensorsOf } from "../model/weights.ts";

/** Somebody else's weights as a study file names them. */
export interface Pretrained {
  /** From the study file's folder. */
  readonly path: string;
  /** What its tensors are called; a Keras model says so itself. */
  readonly names: (tensors: readonly string[]) => WeightNames;
  /** Layer that may start anew: the study's classes needn't be those that were learnt. */
  readonly head: string | null;
}

export const ZOO_HEADS = { resnet18: "fc", resnet20: "linear", squeezenet: "conv10" } as const;

/** How a network of the zoo is written by those who publish its weights. */
export function zooNames(preset: keyof typeof ZOO_HEADS, tensors: readonly string[]): WeightNames {
  if (preset !== "squeezenet") return pytorchNames();
  if (tensors.some((name) => name.endsWith(".weight_hwio"))) return SQUEEZENET_NAMES;
  return tensors.some((name) => name.startsWith("features.")) ? TORCHVISION_SQUEEZENET_NAMES : pytorchNames();
}

/**
 * The study's own weights file, from somebody else's. A head whose kernel the file hasn't, or has for other classes,
 * starts from the study's seed; every other tensor must be there, finite, in its shape. `notes` say what of the file was
 * left out although it looks broken.
 */
export function readPretrained(
  { path, names: namesOf, head }: Pretrained,
  spec: ModelSpec,
  seed: number,
  file: Uint8Array,
): { readonly named: StudyWeights; readonly bytes: Uint8Array; readonly notes: readonly string[] } {
  const tensors = openTensorFile(file);
  const names = namesOf([...tensors.keys()]);
  const fresh = head === null || holdsLayer(spec, tensors, names, head) ? [] : [head];
  const weights = readWeights(spec, file, { names, fresh, seed });
  const notes = tensorsOf(tensors, names, fresh)
    .filter((name) => tensors.get(name)?.isFinite() === false)
    .map((name) => `tensor ${name} holds numbers that are not finite; it is left out, since ${fresh} starts anew`);
  const name = path.split(/[\\/]/).at(-1) ?? path;
  return { ...studyWeights(weights, { source: { file: name.slice(0, 200), digest: digestOf(file) }, fresh }), notes };
}

/** The choice with its weights, where its network can have any. */
export function withWeights(choice: ModelChoice, weights: StudyWeights): ModelChoice {
  switch (choice.preset) {
    case "resnet18":
    case "resnet20":
    case "squeezenet":
    case "keras":
      return { ...choice, weights };
    default:
      return choice;
  }
}
