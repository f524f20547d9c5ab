import { statedNoise } from "../contribution/gaussianNoise.ts";
import { noiseStdDev } from "../contribution/grid.ts";
import { PrivacyEvent } from "../event/event.ts";
import { type ChargeId, ChargeId as ChargeIdSchema, type Part } from "../ledger/entry.ts";
import { discreteLaplaceEvent } from "../mechanism/discreteLaplace.ts";
import { exponentialMechanismEvent } from "../mechanism/exponentialMechanism.ts";
import { wideGaussianDistance } from "../mechanism/wideGaussian.ts";
import { normalisationEvent } from "../normalisation/statistics.ts";
import { type RoundKey, RoundPurpose } from "../protocol/messages.ts";
import type { SiteName } from "../units/identity.ts";
import { type DpSgdStudy, isDpSgd, type StudyDocument } from "./document.ts";
import { referenceRounds, referenceStudy } from "./modelLines.ts";
import { noisedGridOf } from "./network.ts";

/** One thing that a round does to one part of a site's data set. */
export interface PlannedCharge {
  readonly part: Part;
  readonly event: PrivacyEvent;
}

/**
 * What one round of a purpose does at each site, from the signed study alone: both ledgers book exactly this.
 * All values made from one sample are ONE event; each local step of a round has a sample and an event of its own. An
 * audit's histograms are pure ε = 1 / scale each, sensitivity 1: every patient is counted once in each.
 */
export function plannedCharges(document: StudyDocument, purpose: RoundPurpose): readonly PlannedCharge[] {
  switch (purpose) {
    case "normalise":
      return document.normalisation === undefined
        ? []
        : [{ part: "train", event: normalisationEvent(document.normalisation) }];
    case "reference":
      return document.audit.references === undefined
        ? []
        : [{ part: "reference", event: trainingEvent(referenceStudy(document, 1)) }];
    case "shadow": {
      const { shadow } = document.audit;
      return shadow === undefined
        ? []
        : [
            { part: "reference", event: discreteLaplaceEvent(1, shadow.epsilon.members, 1) },
            { part: "validation", event: discreteLaplaceEvent(1, shadow.epsilon.nonMembers, 1) },
          ];
    }
    case "train":
      return [{ part: "train", event: trainingEvent(document) }];
    case "evaluate":
      return [{ part: "validation", event: discreteLaplaceEvent(1, document.evaluation.epsilon, 1) }];
    case "choose": {
      const { generator } = document;
      return generator === undefined
        ? []
        : [{ part: "validation", event: exponentialMechanismEvent(generator.epsilon, generator.best) }];
    }
    case "audit": {
      const attacks = document.audit.attacks.length;
      // What a classifier of synthetic records makes of patients who trained nothing is one look more at those.
      const looks = attacks + (document.generator === undefined ? 0 : 1);
      return [
        { part: "train", event: discreteLaplaceEvent(1, document.audit.epsilon.members, attacks) },
        { part: "audit", event: discreteLaplaceEvent(1, document.audit.epsilon.nonMembers, looks) },
      ];
    }
  }
}

/** On sanitized records a step costs nothing; that it was done stands in the ledgers all the same. */
function trainingEvent(document: StudyDocument): PrivacyEvent {
  const { localSteps: count } = document.training;
  if (!isDpSgd(document)) return PrivacyEvent.parse({ kind: "post-processing", adjacency: "add-remove", count });
  const { samplingRate, noiseMultiplier } = document.privacy;
  return PrivacyEvent.parse({
    kind: "poisson-gaussian",
    adjacency: "add-remove",
    samplingRate,
    noiseMultiplier,
    count,
    ...noiseOf(document),
  });
}

/** Everything that the study may ever do at a site: what must fit under the cap when it is approved. */
export function plannedEvents(document: StudyDocument): readonly PlannedCharge[] {
  return chargesAfter(document)(document.training.rounds, true);
}

/**
 * What was done to each part after so many training rounds, the normalisation and all steps of reference models before
 * them and the evaluations among them, with or without the audit: each round's charges as one, counted as often as they
 * were made. The study's own are worked out once.
 */
export function chargesAfter(document: StudyDocument): (rounds: number, audited: boolean) => readonly PlannedCharge[] {
  const each = RoundPurpose.options.map((purpose) => ({ purpose, charges: plannedCharges(document, purpose) }));
  const before = referenceRounds(document);
  return (asked, audited) => {
    const rounds = document.again === undefined ? asked : 0;
    const times: Readonly<Record<RoundPurpose, number>> = {
      normalise: rounds > 0 ? 1 : 0,
      reference: rounds > 0 ? before : 0,
      shadow: rounds > 0 ? 1 : 0,
      train: rounds,
      evaluate: Math.floor(rounds / document.evaluation.everyRounds),
      choose: audited ? 1 : 0,
      audit: audited ? 1 : 0,
    };
    return each.flatMap(({ purpose, charges }) => charges.flatMap((charge) => repeated(charge, times[purpose])));
  };
}

function repeated({ part, event }: PlannedCharge, times: number): readonly PlannedCharge[] {
  return times === 0 ? [] : [{ part, event: { ...event, count: event.count * times } }];
}

/** Name of a planned charge of one attempt at one site, the same in both ledgers. */
export function chargeId(key: RoundKey, site: SiteName, part: Part): ChargeId {
  return ChargeIdSchema.parse(`${key.study}/${key.purpose}-${key.round}.${key.attempt}/${site}/${part}`);
}

/** What the event of one contribution says of its noise: figures of its grid alone, public beforehand. */
function noiseOf(document: DpSgdStudy): ReturnType<typeof statedNoise> {
  const grid = noisedGridOf(document);
  const stdDev = noiseStdDev(grid);
  return statedNoise({ stdDev, drawDistance: wideGaussianDistance(stdDev) }, grid.dimension);
}
