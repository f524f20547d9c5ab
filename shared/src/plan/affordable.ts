import { Failure } from "../failure/failure.ts";
import { type DpSgdStudy, isDpSgd, StudyDocument } from "../study/document.ts";
import { leastNoiseOf } from "../study/noise.ts";
import { lastRoundBeside } from "../study/schedule.ts";
import { epsilonsAfter, largest, NOTHING_BEFORE, type SpentCurves } from "./epsilonCurve.ts";

/** Most rounds that a study may have. */
const ROUNDS_MAX = 1_000_000;

/** ε at δ, beside what was spent before. */
export interface Limit {
  readonly epsilon: number;
  readonly delta: number;
  readonly spent?: SpentCurves;
}

/** Most rounds at the document's σ, with their evaluations and the audit. */
export function mostRounds(document: StudyDocument, { epsilon, delta, spent = NOTHING_BEFORE }: Limit): number {
  const endless = { ...document, training: { ...document.training, rounds: ROUNDS_MAX } };
  return lastRoundBeside(endless, epsilon, delta, spent);
}

/**
 * Least σ for the document's rounds. Null where no noise helps: what else the study does to the same patients, or to
 * others, passes the limit alone; and where its steps have no noise.
 */
export function leastNoise(document: StudyDocument, { epsilon, delta, spent = NOTHING_BEFORE }: Limit): number | null {
  if (!isDpSgd(document)) return null;
  const { validation, audit } = epsilonsAfter(document, delta, spent)(document.training.rounds, true);
  if ([validation, audit].some((cost) => cost === null || cost > epsilon)) return null;
  try {
    return leastNoiseOf(document, { epsilon, delta, spent: spent.train });
  } catch (error) {
    if (isUnaffordable(error)) return null;
    throw error;
  }
}

/** That no σ fits, or none that a study may have. */
export function isUnaffordable(error: unknown): boolean {
  return error instanceof Failure && ["accounting/unaffordable", "study/noise-too-wide"].includes(error.code);
}

/**
 * One σ that fits several limits at once. Costs fall as σ grows, so a limit that holds goes on holding: mostly one
 * limit, the one that is passed most, decides.
 */
export function leastNoiseUnder(document: StudyDocument, limits: readonly Limit[]): number | null {
  if (!isDpSgd(document)) return null;
  const excess = (limit: Limit): number => costAt(document, limit) - limit.epsilon;
  const byExcess = limits.map((limit) => ({ limit, by: excess(limit) })).sort((a, b) => b.by - a.by);
  let least: number | null = null;
  for (const { limit } of byExcess) {
    const noised: StudyDocument | null = least === null ? null : withNoise(document, least);
    if (noised !== null && costAt(noised, limit) <= limit.epsilon) continue;
    const own = leastNoise(document, limit);
    if (own === null) return null;
    least = Math.max(own, least ?? 0);
  }
  return least;
}

/** ε of the part that pays most, all done. */
function costAt(document: StudyDocument, { delta, spent = NOTHING_BEFORE }: Limit): number {
  return largest(epsilonsAfter(document, delta, spent)(document.training.rounds, true)) ?? Number.POSITIVE_INFINITY;
}

function withNoise(document: DpSgdStudy, noiseMultiplier: number): StudyDocument {
  return StudyDocument.parse({ ...document, privacy: { ...document.privacy, noiseMultiplier } });
}
