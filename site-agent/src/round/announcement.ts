import { isReachable } from "@consilium/shared/clipping/adaptiveNorm";
import { Failure } from "@consilium/shared/failure/failure";
import type { ChargeId, ConsistencyProof, LedgerHead } from "@consilium/shared/ledger/entry";
import { verifyConsistency } from "@consilium/shared/ledger/merkle";
import { scalesFit } from "@consilium/shared/normalisation/columnScales";
import {
  LEDGER_HEAD_DOMAIN,
  type RoundKey,
  type RoundPurpose,
  type RoundSpec,
  type SignedHead,
} from "@consilium/shared/protocol/messages";
import { verifyStatement } from "@consilium/shared/signing/ed25519";
import type { PlannedCharge } from "@consilium/shared/study/charges";
import type { StudyDocument } from "@consilium/shared/study/document";
import { isFounded, type StopReason, stopRound } from "@consilium/shared/study/earlyStop";
import { referenceRounds } from "@consilium/shared/study/modelLines";
import {
  COORDINATOR,
  type DatasetId,
  type Digest,
  type PublicKey,
  type SiteName,
} from "@consilium/shared/units/identity";
import { type PublicRefusal, publicRefusal } from "../disclosure/outgoing.ts";

/** A study as this site's steward left it. */
export interface StudyStanding {
  readonly document: StudyDocument;
  readonly digest: Digest;
  readonly state: "proposed" | "approved" | "rejected" | "vetoed";
  /** Data set that the steward gave it; null before. */
  readonly dataset: DatasetId | null;
  /** The charge that made the sanitized records which the approval named; undefined where it named none. */
  readonly sanitized?: ChargeId | undefined;
  /** What a steward froze: the data set that it uses, or the study itself. */
  readonly frozen: "dataset" | "study" | null;
  /** Values in the model's flat parameter vector. */
  readonly parameterCount: number;
  /** What a round of each purpose does to this site's data set. */
  readonly charges: Readonly<Record<RoundPurpose, readonly PlannedCharge[]>>;
}

/**
 * Why this site must not act in an announced round, from the approved document alone; null when it may.
 * The coordinator's word counts for nothing here: every parameter is this site's own copy's.
 */
export function announcementRefusal(
  spec: RoundSpec,
  standing: StudyStanding | null,
  site: SiteName,
): PublicRefusal | null {
  if (standing === null) return refusal("study/unknown", "This site has no such study.");
  if (standing.digest !== spec.studyDigest) {
    return refusal("study/digest-differs", "The round is of another version of the study than this site knows.");
  }
  if (standing.state !== "approved") return refusal(`study/${standing.state}`, STANDING[standing.state]);
  if (standing.frozen === "dataset") return refusal("dataset/frozen", "The steward froze the data set of this study.");
  if (standing.frozen === "study") return refusal("study/frozen", "The steward froze this study.");
  return roundRefusal(spec, standing, site);
}

function roundRefusal(spec: RoundSpec, standing: StudyStanding, site: SiteName): PublicRefusal | null {
  const { key, cohort, update } = spec;
  const { document } = standing;
  const { training } = document;
  const members = new Set(document.sites.map(({ name }) => name));
  const cohortSet = new Set(cohort);
  const strangers = [...cohort, ...(update?.contributors ?? [])].some((name) => !members.has(name));
  if (key.study !== document.name)
    return refusal("round/other-study", "The round names another study than its digest.");
  if (!cohortSet.has(site)) return refusal("round/not-in-cohort", "This site is not in the round's cohort.");
  if (strangers || cohortSet.size !== cohort.length) {
    return refusal("round/cohort-invalid", "The cohort holds a stranger to the study, or a site twice.");
  }
  if (cohort.length < training.minSites) {
    return refusal("round/cohort-too-small", `The study asks for at least ${training.minSites} sites in a round.`);
  }
  if (!isPlanned(document, key.purpose, key.round)) {
    return refusal("round/not-planned", `The study plans no ${key.purpose} round ${key.round}.`);
  }
  // Before its normalisation a study has no scales, and without one it never has any.
  if (key.purpose === "normalise" ? spec.scales !== undefined : !scalesFit(document, spec.scales)) {
    return refusal("round/scales-not-planned", "The round's scales are not those of the columns that the study names.");
  }
  if (spec.stop !== undefined && !stopHolds(document, key, spec.stop)) {
    return refusal(
      "round/stop-unfounded",
      "By the figures that it names, the study's early stop doesn't end training here.",
    );
  }
  if (spec.answerAfterMs !== training.answerAfterMs || spec.deadlineMs !== training.deadlineMs) {
    return refusal("round/times-differ", "The round's answer time or deadline is not the study's.");
  }
  const isAdaptive =
    (key.purpose === "train" || key.purpose === "reference") && document.privacy.clipping.mode === "adaptive";
  if (isAdaptive !== (spec.roundNorm !== undefined)) {
    return refusal(
      "round/norm-not-planned",
      "A round names its own clipping norm where the study adapts it, nowhere else.",
    );
  }
  if (spec.roundNorm !== undefined && !isReachable(spec.roundNorm, document.privacy.clippingNorm)) {
    return refusal(
      "round/norm-out-of-reach",
      "No round of the study can come to the clipping norm that this one names.",
    );
  }
  if (!referencesFit(spec, standing)) {
    return refusal("round/references-not-planned", "The round's reference models are not as many as the study plans.");
  }
  if ((spec.shadow !== undefined) !== (key.purpose === "audit" && document.audit.shadow !== undefined)) {
    return refusal("round/shadow-not-planned", "The round's learnt attacks are not what the study plans.");
  }
  if (!madeFits(spec, document)) {
    return refusal("round/made-not-planned", "What the round names as made by generators is not what the study plans.");
  }
  if (spec.model.bytes !== standing.parameterCount * Float32Array.BYTES_PER_ELEMENT) {
    return refusal("round/model-size-differs", "The round's model is not of the study's size.");
  }
  return null;
}

/** Whether the figures that the coordinator names end training at the audited round, by this site's own copy. */
function stopHolds({ training, evaluation }: StudyDocument, { purpose, round }: RoundKey, stop: StopReason): boolean {
  const rule = training.earlyStop;
  const isOfAudit = purpose === "audit" && stopRound(stop) === round;
  return rule !== undefined && isOfAudit && isFounded(rule, evaluation.everyRounds, stop);
}

/** An audit that needs reference models names all of them, a shadow round the last, each of the model's size. */
function referencesFit({ key, references = [] }: RoundSpec, { document, parameterCount }: StudyStanding): boolean {
  const { models = 0 } = document.audit.references ?? {};
  const wanted = key.purpose === "audit" ? models : key.purpose === "shadow" ? 1 : 0;
  const bytes = parameterCount * Float32Array.BYTES_PER_ELEMENT;
  return references.length === wanted && references.every((reference) => reference.bytes === bytes);
}

/** Room for what generators made: 100,000 records of 160 features. */
const MADE_BYTES_MAX = 64 * 1024 * 1024;

/** The choice of generators names classifiers to choose by, and their study's audit the synthetic records. */
function madeFits({ key: { purpose }, made }: RoundSpec, { generator }: StudyDocument): boolean {
  const isWanted = generator !== undefined && (purpose === "choose" || purpose === "audit");
  return isWanted === (made !== undefined) && (made?.bytes ?? 0) <= MADE_BYTES_MAX;
}

/** Whether the study, as signed, has such a round. An evaluation, choice or audit bears the round of its model. */
function isPlanned(document: StudyDocument, purpose: RoundPurpose, round: number): boolean {
  if (document.again !== undefined) return purpose === "audit" && round === document.again.model.round;
  if (purpose === "normalise") return document.normalisation !== undefined && round === 0;
  if (purpose === "reference") return round >= 1 && round <= referenceRounds(document);
  if (purpose === "shadow") return document.audit.shadow !== undefined && round === referenceRounds(document);
  const { rounds } = document.training;
  if (round < 1 || round > rounds) return false;
  if (purpose === "choose") return document.generator !== undefined;
  return purpose !== "evaluate" || round % document.evaluation.everyRounds === 0;
}

/**
 * Why the coordinator's ledger can't be trusted: it is not the growth of the one that this site saw before.
 * `held` is the newest head that this site took for good, null at first.
 */
export function headRefusal(
  shown: LedgerHead,
  { from, path }: ConsistencyProof,
  held: LedgerHead | null,
): PublicRefusal | null {
  if (held === null) return null;
  const seen = `This site saw the coordinator's ledger at entry ${held.sequence}`;
  if (shown.sequence < held.sequence) {
    return refusal(
      "ledger/head-behind",
      `${seen}; it now shows entry ${shown.sequence}.`,
      "The coordinator's ledger lost entries: restore it from a newer backup, then re-sync.",
    );
  }
  const [before, after] = [sizedRoot(held), sizedRoot(shown)];
  const isSame = shown.sequence !== held.sequence || shown.hash === held.hash;
  if (from === held.sequence && isSame && verifyConsistency(before, after, path)) return null;
  return refusal(
    "ledger/head-forked",
    `${seen}; the one that it now shows is not proved to be its growth.`,
    "The coordinator's ledger was rewritten: stop the study and compare both ledgers.",
  );
}

function sizedRoot({ sequence, root }: LedgerHead): { size: number; root: Digest } {
  return { size: sequence, root };
}

/** Throws for a head that the coordinator did not sign. */
export function requireGenuineHead({ head, signature }: SignedHead, coordinatorKey: PublicKey): void {
  if (head.writer === COORDINATOR && verifyStatement(coordinatorKey, LEDGER_HEAD_DOMAIN, head, signature)) return;
  throw new Failure({
    code: "ledger/head-not-signed",
    kind: "refused",
    what: "The ledger head beside this message is not signed by the coordinator.",
    remedy: "Compare fingerprints with the lead by telephone.",
  });
}

const STANDING = {
  proposed: "This site's steward has not approved the study.",
  rejected: "This site's steward rejected the study.",
  vetoed: "This site's steward withdrew the approval of the study.",
} as const;

function refusal(
  code: string,
  what: string,
  remedy = "Look at the study's approvals and the round's parameters.",
): PublicRefusal {
  return publicRefusal(code, what, remedy);
}
