import { type Grid, gridOf } from "../contribution/grid.ts";
import { modelSpecOf } from "../model/preset.ts";
import { type ModelSpec, parameterCount } from "../model/spec.ts";
import type { StudyDocument } from "./document.ts";
import { featureCount } from "./features.ts";

/** The network that a study trains, from the signed document alone. */
export function modelSpecOfStudy(document: StudyDocument): ModelSpec {
  return modelSpecOf(document.model, featureCount(document.data), document.data.label.values.length);
}

/** The one grid of a study: packed values must hold the expected batch of the largest site. All of it is public. */
export function gridOfStudy(document: StudyDocument): Grid {
  const { clippingNorm, noiseMultiplier, samplingRate } = document.privacy;
  const patients = Math.max(...document.sites.map((site) => site.patients));
  return gridOf(parameterCount(modelSpecOfStudy(document)), clippingNorm, noiseMultiplier, samplingRate * patients);
}
