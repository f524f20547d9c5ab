import { modelSpecOf } from "@consilium/shared/model/preset";
import { type ModelSpec, parameterCount } from "@consilium/shared/model/spec";
import type { StudyDocument } from "@consilium/shared/study/document";
import { featureCount } from "@consilium/shared/study/features";

/** The network that a study trains, from the signed document alone. */
export function modelSpecOfStudy(document: StudyDocument): ModelSpec {
  return modelSpecOf(document.model, featureCount(document.data), document.data.label.values.length);
}

export function parameterCountOfStudy(document: StudyDocument): number {
  return parameterCount(modelSpecOfStudy(document));
}
