/** What a sweep has every site do to its data set beforehand, and what that comes to. */
import type { DataContract } from "@consilium/shared/study/contract";
import type { StudyDocument } from "@consilium/shared/study/document";
import { featureCount } from "@consilium/shared/study/features";
import { z } from "zod";

export const SanitizeRule = z
  .strictObject({
    method: z.enum(["dct-laplace", "dct-metric", "pixel-laplace", "projection"]),
    epsilon: z.number().positive(),
    promise: z.enum(["record", "metric"]).optional(),
    coefficients: z.number().int().positive().optional(),
    clip: z.number().positive().optional(),
    firstClip: z.number().positive().optional(),
    dimensions: z.number().int().positive().optional(),
    sampler: z.enum(["exact", "floating-point"]).optional(),
    labels: z.string().default("randomised:1").describe("randomised:E, or public, which leaves labels unprotected."),
  })
  .describe("What consilium-site sanitize is told at every site, before the study is approved there.");
export type SanitizeRule = z.infer<typeof SanitizeRule>;

/** The genomics paper's number of coefficients, as the command has it. */
const COEFFICIENTS = 50;

/**
 * ε between any two whole records of so many numbers, labels included that were answered at random; null where no clip
 * bounds it, or where the noise isn't proven. Of a promise by distance: the farthest records' distance times its ε
 * (`sanitizeMethod.ts` of a site); of noise on pixels the sum over all of them (Dwork & Roth 2014, Theorem 3.16).
 */
export function recordEpsilonOf(rule: SanitizeRule, numbers: number): number | null {
  const { method, epsilon, promise = "record", clip, firstClip = 0, coefficients = COEFFICIENTS } = rule;
  const labels = labelEpsilonOf(rule);
  if (rule.sampler === "floating-point") return null;
  if (method === "pixel-laplace") return numbers * epsilon + labels;
  if (promise === "record") return epsilon + labels;
  if (clip === undefined) return null;
  const farthest =
    method === "dct-laplace"
      ? (2 * (clip + firstClip)) / Math.sqrt(Math.min(coefficients, numbers))
      : 2 * Math.hypot(clip, firstClip);
  return epsilon * farthest + labels;
}

/** ε of answering the labels at random; nothing where they leave as they are, unprotected. */
function labelEpsilonOf({ labels }: SanitizeRule): number {
  const epsilon = Number(labels.split(":")[1] ?? 0);
  return Number.isFinite(epsilon) ? epsilon : 0;
}

/** Bounds become whole steps of the noise's grid: a trifle more than was asked. */
const GRID_ROUNDING = 1.01;

/** A data set's cap that study and sanitizing fit under. */
export function capFor({ data, privacy: { epsilon, delta } }: StudyDocument, rule: SanitizeRule | undefined) {
  const ofRecords = rule === undefined ? null : recordEpsilonOf(rule, featureCount(data));
  return { epsilon: epsilon + (ofRecords ?? 0) * GRID_ROUNDING, delta };
}

/** Of the sanitized file's name: arrays stand in no CSV. */
export function sanitizedEnding({ columns }: DataContract): "npz" | "csv" {
  return columns.some(({ type }) => type === "array") ? "npz" : "csv";
}
