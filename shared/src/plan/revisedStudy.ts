import { Failure } from "../failure/failure.ts";
import { isDpSgd, StudyDocument } from "../study/document.ts";
import { plannedEpsilons } from "../study/noise.ts";
import { StudyName } from "../units/identity.ts";
import { leastNoise } from "./affordable.ts";

/** What becomes of a study that adopts an offer. */
export interface Revision {
  readonly epsilon: number;
  /** Another number of training rounds. */
  readonly rounds?: number | undefined;
  /** A study's name means one document for ever: a revised one that is proposed needs another. */
  readonly name?: string | undefined;
}

/**
 * The same study at another ε, with the least noise that keeps each part within it. Throws `study/offer-too-small` where
 * no noise is enough: its evaluations or its audit pass it alone.
 */
export function revisedStudy(document: StudyDocument, { epsilon, rounds, name }: Revision): StudyDocument {
  const asked = StudyDocument.parse({
    ...document,
    ...(name === undefined ? {} : { name }),
    privacy: { ...document.privacy, epsilon },
    training: { ...document.training, rounds: rounds ?? document.training.rounds },
  });
  if (!isDpSgd(asked)) {
    if (Object.values(plannedEpsilons(asked)).some((cost) => cost > epsilon)) throw tooSmall(document, epsilon);
    return asked;
  }
  const noiseMultiplier = leastNoise(asked, asked.privacy);
  if (noiseMultiplier === null) throw tooSmall(document, epsilon);
  return StudyDocument.parse({ ...asked, privacy: { ...asked.privacy, noiseMultiplier } });
}

/** The next of the names `heart`, `heart-2`, `heart-3` …. */
export function nextName(name: StudyName): StudyName {
  const [, stem = name, count = "1"] = /^(.*?)(?:-(\d+))?$/.exec(name) ?? [];
  return StudyName.parse(`${stem}-${Number(count) + 1}`);
}

function tooSmall({ name, evaluation, audit, training }: StudyDocument, epsilon: number): Failure {
  const { members, nonMembers } = audit.epsilon;
  return new Failure({
    code: "study/offer-too-small",
    kind: "refused",
    what:
      `No noise brings ${name} to ε = ${epsilon}: its evaluations (${evaluation.epsilon} each) and its audit ` +
      `(${members} and ${nonMembers} for each of ${audit.attacks.length} attacks) are charged beside ${training.rounds} rounds.`,
    remedy: "Name a larger ε, or have the study propose fewer or coarser evaluations.",
  });
}
