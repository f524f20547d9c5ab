/** Classes that are rare and matter: their records' loss counts more. */
import { z } from "zod";
import { CLASS_WEIGHT_MAX } from "../model/spec.ts";
import type { StudyDocument } from "./document.ts";

/**
 * By value of the label: what its records' cross-entropy is multiplied by, before the patient's gradient is clipped. So
 * each patient's part is still at most C long, and a study costs the same with any weights. Signed with the study: like
 * all that it says they are to come from public knowledge, such as published prevalence, never from counted records.
 */
export const ClassWeights = z
  .record(z.string(), z.number().positive().max(CLASS_WEIGHT_MAX))
  .describe("A weight for each value of the label, by which its records' loss counts; from public knowledge alone.");

interface Fault {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Weights that aren't one for each class, or of a study that has no one class a record to weigh. */
export function classWeightFaults({
  data: { label, survival },
  training: { classWeights },
  generator,
  model,
}: Pick<StudyDocument, "data" | "training" | "generator" | "model">): Fault[] {
  if (classWeights === undefined) return [];
  const path = ["training", "classWeights"];
  if (survival !== undefined)
    return [{ path, message: "would bias hazards: without an event in an interval is no class of patients" }];
  if (generator !== undefined || model.preset === "acgan" || model.preset === "acgan-discriminator")
    return [{ path, message: "are of a classifier's loss; an AC-GAN's classes come as its generator's labels say" }];
  const values = label.values.map(String);
  const missing = values.filter((value) => !Object.hasOwn(classWeights, value));
  const unknown = Object.keys(classWeights).filter((value) => !values.includes(value));
  return [
    ...missing.map((value) => ({ path, message: `has no weight for '${value}'` })),
    ...unknown.map((value) => ({
      path: [...path, value],
      message: `is no value of the label '${label.name}': ${values.join(", ")}`,
    })),
  ];
}
