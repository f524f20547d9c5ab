import { frozenSlots, parameterCount, sizeOf } from "../model/spec.ts";
import type { StudyDocument } from "./document.ts";
import { modelSpecOfStudy, weightsOfStudy } from "./network.ts";

/** What a study starts from, for whoever is to sign it; nothing where that is its seed alone. */
export function weightsLines(document: StudyDocument): readonly string[] {
  const weights = weightsOfStudy(document);
  if (weights === undefined) return [];
  const spec = modelSpecOfStudy(document);
  const { source, fresh, digest, bytes } = weights;
  const frozen = spec.layers.filter((layer) => "frozen" in layer && layer.frozen).length;
  return [
    `${source.file}, SHA-256 ${source.digest}`,
    `as the study's weights file: ${bytes} bytes, SHA-256 ${digest}`,
    `trained: ${parameterCount(spec)} parameters; frozen: ${sizeOf(frozenSlots(spec))} in ${frozen} layers`,
    ...(fresh.length === 0 ? [] : [`${fresh.join(", ")}: not from there, but from training.initialSeed`]),
    "Whoever proposed the study declares these weights public. If they were trained on this study's patients,",
    "what they tell of them is not in this study's ε.",
  ];
}
