import { z } from "zod";
import { Failure } from "../failure/failure.ts";
import { Digest, StudyName } from "../units/identity.ts";
import type { AttackName, Audit } from "./audit.ts";
import { isOutputAttack } from "./audit.ts";
import type { StudyDocument } from "./document.ts";

/** What a study is that trains nothing: a second audit of a model that was released. */
export const AgainRule = z.strictObject({
  study: StudyName.describe("The study whose model it is."),
  studyDigest: Digest.describe("Of that study, as it was signed."),
  manifest: Digest.describe("Of that release's manifest."),
  model: z.strictObject({ digest: Digest, round: z.number().int().positive() }).describe("The released model."),
  reason: z
    .string()
    .min(10)
    .max(500)
    .describe("Why patients are charged once more, in words that a steward can judge."),
});
export type AgainRule = z.infer<typeof AgainRule>;

/** What a second audit asks for. */
export interface Again {
  readonly name: StudyName;
  readonly attacks: readonly AttackName[];
  readonly epsilon: Audit["epsilon"];
  readonly bins: number;
  readonly classes: Audit["classes"];
  readonly rule: AgainRule;
}

/**
 * The study of a second audit: the first one's document, so that patients are split alike, shapes and gates are the
 * same, with one audit for its whole schedule. Its ε is that audit's alone, and comes on top of everything before.
 */
export function againDocument(first: StudyDocument, { name, attacks, epsilon, bins, classes, rule }: Again): unknown {
  const foreign = attacks.find((attack) => !isOutputAttack(attack));
  if (foreign !== undefined) throw notHeld(foreign, first.name);
  const { earlyStop: _, ...training } = first.training;
  const { audit, privacy, generator: __, overlap, ...rest } = first;
  return {
    ...rest,
    ...(overlap === undefined ? {} : { overlap }),
    name,
    purpose: `Second audit of ${first.name}: ${rule.reason}`.slice(0, 1000),
    privacy: { ...privacy, epsilon: attacks.length * Math.max(epsilon.members, epsilon.nonMembers) },
    training,
    audit: { attacks: [...attacks], epsilon, bins, classes, gates: audit.gates },
    release: { formats: ["safetensors"] },
    again: rule,
  };
}

function notHeld(attack: AttackName, study: StudyName): Failure {
  return new Failure({
    code: "audit/attack-not-again",
    kind: "usage",
    what: `${attack} needs more than the released model of ${study}: reference models, or synthetic records.`,
    remedy: "Take attacks on a model's outputs: loss, confidence, modified-entropy, entropy or correctness.",
  });
}

interface Auditing {
  readonly again?: AgainRule | undefined;
  readonly name: StudyName;
  readonly privacy: { readonly mechanism: string };
  readonly training: { readonly rounds: number; readonly earlyStop?: unknown };
  readonly generator?: unknown;
  readonly audit: Omit<Audit, "gates" | "bins" | "classes" | "epsilon">;
}

/** Why a study can't be a second audit; nothing where it is none. */
export function againFaults(study: Auditing): { path: string[]; message: string }[] {
  const { again, name, privacy, training, generator, audit } = study;
  if (again === undefined) return [];
  const faults: { path: string[]; message: string }[] = [];
  const refuse = (path: string[], message: string): void => {
    faults.push({ path, message });
  };
  if (again.study === name) refuse(["name"], "must be another than that of the study whose model is audited again");
  if (again.model.round > training.rounds) refuse(["again", "model", "round"], "is after that study's last round");
  if (privacy.mechanism !== "dp-sgd")
    refuse(["again"], "can't be had of a model that was trained on sanitized records");
  if (generator !== undefined) refuse(["generator"], "makes nothing in a second audit: remove it");
  if (training.earlyStop !== undefined) refuse(["training", "earlyStop"], "stops nothing in a second audit: remove it");
  const { references, shadow, canaries, gradientCanaries } = audit;
  for (const [key, value] of Object.entries({ references, shadow, canaries, gradientCanaries }))
    if (value !== undefined)
      refuse(["audit", key], "belongs to training, and a second audit trains nothing: remove it");
  const foreign = audit.attacks.filter((attack) => !isOutputAttack(attack));
  if (foreign.length > 0) refuse(["audit", "attacks"], `has ${foreign.join(", ")}, which need more than the model`);
  return faults;
}
