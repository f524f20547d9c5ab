import { patientPart } from "../clipping/patientPart.ts";
import { type Grid, gridOf, type NoisedGrid, plainGridOf } from "../contribution/grid.ts";
import { modelSpecOf } from "../model/preset.ts";
import { type ModelSpec, parameterCount } from "../model/spec.ts";
import type { StudyWeights } from "../model/studyWeights.ts";
import { type DpSgdStudy, isDpSgd, type StudyDocument } from "./document.ts";
import { featureCount } from "./features.ts";

/** The network that a study trains, from the signed document alone. */
export function modelSpecOfStudy(document: StudyDocument): ModelSpec {
  const { values } = document.data.label;
  const spec = modelSpecOf(document.model, featureCount(document.data), values.length);
  const { classWeights } = document.training;
  if (classWeights === undefined || spec.loss.kind === "acgan") return spec;
  return { ...spec, loss: { ...spec.loss, classWeights: values.map((value) => classWeights[value] ?? 1) } };
}

/** The weights file that a study starts from; undefined where it starts from its seed alone. */
export function weightsOfStudy({ model }: StudyDocument): StudyWeights | undefined {
  return "weights" in model ? model.weights : undefined;
}

/** Patients in a step at the largest site, on average, by the numbers that the study states publicly. */
export function expectedBatchOf({ privacy, sites }: StudyDocument): number {
  return privacy.samplingRate * Math.max(...sites.map((site) => site.patients));
}

/** The one grid of a study: packed values must hold the expected batch of the largest site. All of it is public. */
export function gridOfStudy(document: StudyDocument): NoisedGrid | Grid {
  if (isDpSgd(document)) return noisedGridOf(document);
  return plainGridOf(...sumsOf(document));
}

/** The same where steps are noised. */
export function noisedGridOf(document: DpSgdStudy): NoisedGrid {
  const [dimension, norm, expectedBatch, localSteps] = sumsOf(document);
  return gridOf(dimension, norm, document.privacy.noiseMultiplier, expectedBatch, localSteps);
}

/**
 * How many contributions' room an aggregate of so many sites takes: made records are as many as patients on average,
 * and their gradient is clipped alike, so that it has room for as many again.
 */
export function aggregatedAs({ generator }: Pick<StudyDocument, "generator">, contributors: number): number {
  return generator === undefined ? contributors : 2 * contributors;
}

function sumsOf(document: StudyDocument): [dimension: number, norm: number, expectedBatch: number, localSteps: number] {
  const { dimension, norm } = patientPart(document.privacy, parameterCount(modelSpecOfStudy(document)));
  return [dimension, norm, expectedBatchOf(document), document.training.localSteps];
}
