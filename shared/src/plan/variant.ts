import { Failure } from "../failure/failure.ts";
import { type DpSgdStudy, isDpSgd, StudyDocument } from "../study/document.ts";
import { leastNoiseOf } from "../study/noise.ts";

/** What a planner turns: each a number of the study file, by the name that the literature gives it. */
export const TURNED = ["q", "sigma", "rounds", "epsilon"] as const;
export type Turned = (typeof TURNED)[number];
export type Turns = Readonly<Partial<Record<Turned, number>>>;

/** A study with other numbers, and where its σ comes from. */
export interface Variant {
  readonly document: StudyDocument;
  readonly noiseWasAuto: boolean;
}

const KEYS = { q: "samplingRate", sigma: "noiseMultiplier", rounds: "rounds", epsilon: "epsilon" } as const;

/**
 * The study with some of its numbers turned. σ follows as the least that fits wherever nobody fixed it: where the file
 * says auto, or where ε is turned and σ is not. A fixed σ may pass ε: the plan says so.
 * Throws `plan/bad-value` for a number that no study may have, `accounting/unaffordable` where no σ fits.
 */
export function variantOf(study: Variant, turns: Turns): Variant {
  const { epsilon, sigma, q, rounds } = turns;
  if (Object.keys(turns).length === 0) return study;
  const { privacy, training } = requireDpSgd(study.document);
  const turned = StudyDocument.safeParse({
    ...study.document,
    privacy: {
      ...privacy,
      epsilon: epsilon ?? privacy.epsilon,
      samplingRate: q ?? privacy.samplingRate,
      noiseMultiplier: sigma ?? privacy.noiseMultiplier,
    },
    training: { ...training, rounds: rounds ?? training.rounds },
  });
  if (!turned.success) throw badValue(turns, turned.error.issues[0]?.message ?? "");
  const document = requireDpSgd(turned.data);
  const noiseWasAuto = sigma === undefined && (study.noiseWasAuto || epsilon !== undefined);
  if (!noiseWasAuto) return { document, noiseWasAuto };
  const noiseMultiplier = leastNoiseOf(document, document.privacy);
  if (noiseMultiplier === null) throw noNoise(document);
  return {
    document: StudyDocument.parse({ ...document, privacy: { ...document.privacy, noiseMultiplier } }),
    noiseWasAuto,
  };
}

/** Throws `plan/nothing-to-plan` for a study whose steps have no noise: neither σ nor rounds change what it costs. */
export function requireDpSgd(document: StudyDocument): DpSgdStudy {
  if (isDpSgd(document)) return document;
  throw new Failure({
    code: "plan/nothing-to-plan",
    kind: "usage",
    what: `Study ${document.name} trains on sanitized records: its steps have no noise to plan, and cost nothing.`,
    remedy: "See what its metrics and its audit cost: consilium validate FILE",
  });
}

function noNoise({ privacy: { epsilon, delta } }: StudyDocument): Failure {
  return new Failure({
    code: "accounting/unaffordable",
    kind: "config",
    what: `No noise is proven for ε = ${epsilon} at δ = ${delta}.`,
    remedy: "Ask for ε ≤ 50, and for a δ below one over the smallest site's patients.",
  });
}

function badValue(turns: Turns, why: string): Failure {
  const said = TURNED.flatMap((name) => (turns[name] === undefined ? [] : [`${KEYS[name]} ${turns[name]}`]));
  return new Failure({
    code: "plan/bad-value",
    kind: "usage",
    what: `No study may have ${said.join(", ")}: ${why}.`,
    remedy: "q is in (0, 1], sigma and epsilon are above 0, rounds is a whole number from 1 to 1,000,000.",
  });
}
