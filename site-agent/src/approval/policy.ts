import { Failure } from "@consilium/shared/failure/failure";
import type { StudyDocument } from "@consilium/shared/study/document";
import { z } from "zod";

/** What a hospital allows, whatever a study wishes. An absent rule allows everything that the schema knows. */
export const Policy = z.strictObject({
  mechanisms: z
    .array(z.enum(["dp-sgd", "sanitized"]))
    .min(1)
    .optional()
    .describe("Mechanisms that a study may use."),
  minNoiseMultiplier: z
    .number()
    .positive()
    .optional()
    .describe("Least noise multiplier σ of a step that is noised: of training, and of an audit's reference models."),
  maxEpsilonPerStudy: z.number().positive().optional().describe("Most ε that one study may plan for."),
  purposes: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe("Patterns for a study's purpose, * for any text; letter case doesn't matter. One must fit."),
  models: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe("Patterns such as preset:logistic or preset:*. One must fit."),
});
export type Policy = z.infer<typeof Policy>;

/** A rule of the policy that a study breaks. */
export interface BrokenRule {
  readonly rule: keyof Policy;
  readonly allowed: string;
  readonly asked: string;
}

/** Every rule that the study breaks, in the policy's order; empty when it may be approved. */
export function brokenRules(policy: Policy, document: StudyDocument): readonly BrokenRule[] {
  const { privacy } = document;
  const model = `preset:${document.model.preset}`;
  const broken: BrokenRule[] = [];
  const require = (rule: keyof Policy, holds: boolean, allowed: string, asked: string): void => {
    if (!holds) broken.push({ rule, allowed, asked });
  };
  const { mechanisms, minNoiseMultiplier, maxEpsilonPerStudy, purposes, models } = policy;
  if (mechanisms !== undefined) {
    require("mechanisms", mechanisms.includes(privacy.mechanism), mechanisms.join(", "), privacy.mechanism);
  }
  if (minNoiseMultiplier !== undefined && privacy.mechanism === "dp-sgd") {
    const least = Math.min(
      privacy.noiseMultiplier,
      document.audit.references?.noiseMultiplier ?? Number.POSITIVE_INFINITY,
    );
    require("minNoiseMultiplier", least >= minNoiseMultiplier, `σ ≥ ${minNoiseMultiplier}`, `σ = ${least}`);
  }
  if (maxEpsilonPerStudy !== undefined) {
    const holds = privacy.epsilon <= maxEpsilonPerStudy;
    require("maxEpsilonPerStudy", holds, `ε ≤ ${maxEpsilonPerStudy}`, `ε = ${privacy.epsilon}`);
  }
  if (purposes !== undefined) {
    require("purposes", purposes.some((p) => fits(p, document.purpose)), purposes.join(", "), document.purpose);
  }
  if (models !== undefined) require("models", models.some((p) => fits(p, model)), models.join(", "), model);
  return broken;
}

/** Throws, naming the first rule broken. */
export function requireAllowed(policy: Policy, document: StudyDocument): void {
  const [first] = brokenRules(policy, document);
  if (first === undefined) return;
  throw new Failure({
    code: `policy/${KEBAB[first.rule]}`,
    kind: "refused",
    what: `This site's policy (allow.${first.rule}: ${first.allowed}) refuses study ${document.name}: it asks ${first.asked}.`,
    remedy: "Have the study changed and proposed again, or change the policy in this site's site.yaml.",
    fields: { rule: first.rule },
  });
}

const KEBAB: Record<keyof Policy, string> = {
  mechanisms: "mechanism",
  minNoiseMultiplier: "noise-multiplier",
  maxEpsilonPerStudy: "epsilon-per-study",
  purposes: "purpose",
  models: "model",
};

function fits(pattern: string, text: string): boolean {
  const source = pattern
    .split("*")
    .map((literal) => literal.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
    .join(".*");
  return new RegExp(`^${source}$`, "is").test(text);
}
