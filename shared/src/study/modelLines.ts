import { assert } from "../failure/failure.ts";
import { type DpSgdStudy, isDpSgd, type StudyDocument } from "./document.ts";
import { weightsOfStudy } from "./network.ts";

/**
 * A study trains one line of model versions after another: each reference model's, 1 … K, and then its own, 0.
 * A reference line is a study in little: the same document with other patients, noise, rounds and start, so that grid,
 * divisor, optimizer and charges follow from it as the study's own follow from the document.
 */
export type LineNumber = number;

export const OWN_LINE: LineNumber = 0;

/**
 * The line that a round belongs to, and how many of its steps come before. Normalisation comes before all lines, and
 * bears the start of the first.
 */
export function placeOf(
  { audit: { references } }: StudyDocument,
  { purpose, round }: { readonly purpose: string; readonly round: number },
): { readonly line: LineNumber; readonly stepsBefore: number } {
  if (references === undefined) return { line: OWN_LINE, stepsBefore: Math.max(0, round - 1) };
  if (purpose === "normalise") return { line: 1, stepsBefore: 0 };
  const before = round - 1;
  if (purpose !== "reference") return { line: OWN_LINE, stepsBefore: before };
  return { line: Math.floor(before / references.rounds) + 1, stepsBefore: before % references.rounds };
}

/** All steps of all reference models; 0 without any. */
export function referenceRounds({ audit: { references } }: StudyDocument): number {
  return references === undefined ? 0 : references.models * references.rounds;
}

/** The document by which a line is trained: the study's own is itself. */
export function lineDocument(document: StudyDocument, line: LineNumber): StudyDocument {
  return line === OWN_LINE ? document : referenceStudy(document, line);
}

/**
 * The study of one reference model. Its patients are public too: the study's own, by the ratio of the two shares. It
 * starts from a seed of its own, or from the weights file that the study starts from.
 */
export function referenceStudy(document: StudyDocument, line: LineNumber): DpSgdStudy {
  const { audit, privacy, training, data, sites } = document;
  const { references } = audit;
  const share = data.shares.reference ?? 0;
  assert(references !== undefined && isDpSgd(document) && share > 0, "a study with reference models says how");
  const { earlyStop: _, ...steps } = training;
  const { gradientCanaries: __, ...audited } = audit;
  const seed = (training.initialSeed + line) % Number.MAX_SAFE_INTEGER;
  return {
    ...document,
    audit: audited,
    privacy: {
      ...document.privacy,
      noiseMultiplier: references.noiseMultiplier,
      samplingRate: references.samplingRate ?? privacy.samplingRate,
    },
    training: {
      ...steps,
      rounds: references.rounds,
      initialSeed: weightsOfStudy(document) === undefined ? seed : training.initialSeed,
    },
    sites: sites.map((site) => {
      return { ...site, patients: Math.max(1, Math.round((site.patients * share) / data.shares.train)) };
    }),
  };
}
