import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { digestOfJson } from "@consilium/shared/encoding/digest";
import { Failure, unreachable } from "@consilium/shared/failure/failure";
import type { CapChange } from "@consilium/shared/ledger/cap";
import { capsInForce, today } from "@consilium/shared/ledger/capFilter";
import { requirePromised } from "@consilium/shared/ledger/postProcessing";
import type { LedgerState } from "@consilium/shared/ledger/state";
import { revisedStudy } from "@consilium/shared/plan/revisedStudy";
import { type Signer, signStatement, verifyStatement } from "@consilium/shared/signing/ed25519";
import {
  APPROVAL_DOMAIN,
  type Approval,
  type ApprovalStatement,
  Disclosure,
  requireSameStudy,
} from "@consilium/shared/study/approval";
import { plannedEvents } from "@consilium/shared/study/charges";
import type { StudyDocument } from "@consilium/shared/study/document";
import type { DatasetId, Digest, SiteName, StudyName } from "@consilium/shared/units/identity";
import { type Policy, requireAllowed } from "../approval/policy.ts";
import { requireAffordable } from "../ledger/affordable.ts";
import type { SiteLedger } from "../ledger/store.ts";
import { answerEffect } from "../release/answer.ts";
import { splitRule } from "../split/keyedHash.ts";
import type { DatasetRecord, ProposalRecord, Records } from "../storage/records.ts";
import { approvedAlready, capMoved, notDisclosed, notPrepared, notSigned, otherNumber } from "./approvalRefusals.ts";
import { capBody, openRaise, requireLowering, requireRaise, requireStanding } from "./capDecision.ts";
import type { Effect } from "./effect.ts";
import { recordsEffect } from "./recordsDecision.ts";
import { sanitizeEffect } from "./sanitizeDecision.ts";
import { type SignedStatement, type StewardAction, type StewardStatement, verifyDecision } from "./statement.ts";
import { stewardEffect } from "./stewardDecision.ts";

export interface DecisionOptions {
  readonly site: SiteName;
  readonly identity: Signer;
  readonly policy: Policy;
  readonly records: Records;
  readonly ledger: SiteLedger;
  readonly now: () => Date;
  /** Whether the patients that an approval names stand prepared, and the very sanitized ones where it names such. */
  readonly isPrepared: (approval: Pick<ApprovalStatement, "studyDigest" | "dataset" | "sanitized">) => boolean;
}

/**
 * Lets a steward's decision take effect: statement, effect and ledger entry in one transaction, or nothing at all.
 * Nobody else can approve, raise or lower a cap, freeze or veto.
 */
export function decide(options: DecisionOptions, signed: SignedStatement): void {
  const { site, records, ledger, now } = options;
  const digest = verifyDecision(signed, site, records.stewards(), records.lastStatementNumber());
  const { bodies, check, also } = effectOf(options, signed.statement, digest);
  ledger.append(bodies, check, () => {
    records.insertStatement(signed, digest, now().toISOString());
    also();
  });
}

function effectOf(
  options: DecisionOptions,
  { decision, steward: by, number }: StewardStatement,
  statement: Digest,
): Effect {
  const { records, site, ledger } = options;
  const nothing = (): void => {};
  switch (decision.action) {
    case "approve":
      return approval(options, decision, number);
    case "reject":
    case "veto": {
      const { study, studyDigest, reason } = decision;
      requireProposal(records, study, studyDigest);
      const state = decision.action === "veto" ? "vetoed" : "rejected";
      return { bodies: [], check: nothing, also: () => records.refuse(studyDigest, state, reason) };
    }
    case "set-cap": {
      const { dataset, cap } = decision;
      return lowering(options, dataset, { of: "data-set", ...cap }, statement);
    }
    case "lower-cap":
      return lowering(options, decision.dataset, decision.change, statement);
    case "ask-raise": {
      const { dataset, change, reason } = decision;
      requireDataset(records, dataset);
      const check = (state: LedgerState): void => requireRaise(state, site, dataset, change, records.stewards().length);
      return {
        bodies: [{ kind: "raise-asked", site, dataset, change, by, reason, statement }],
        check,
        also: nothing,
      };
    }
    case "settle-raise": {
      const { request, isGranted, reason } = decision;
      const raise = openRaise(ledger.state, request);
      const { dataset, change } = raise.asked;
      const settled = { kind: "raise-settled" as const, site, request, isGranted, by, reason, statement };
      const granted = isGranted ? [capBody(site, dataset, change, statement)] : [];
      const check = isGranted ? (): void => requireStanding(ledger.entries(), raise) : nothing;
      return { bodies: [settled, ...granted], check, also: nothing };
    }
    case "add-steward":
    case "ask-steward":
    case "settle-steward":
      return stewardEffect(options, decision, { by, statement });
    case "sanitize": {
      const stewards = records.stewards();
      return sanitizeEffect(decision, requireDataset(records, decision.dataset), { site, stewards }, { by, statement });
    }
    case "release-records":
      return recordsEffect(decision, requireDataset(records, decision.words.dataset), options, { by, statement });
    case "answer-release":
      return answerEffect(options, decision);
    case "counter-offer":
      return counterOffer(options, decision);
    case "freeze": {
      const { dataset, frozen } = decision;
      requireDataset(records, dataset);
      return { bodies: [], check: nothing, also: () => records.freeze(dataset, frozen) };
    }
    case "freeze-study": {
      const { study, studyDigest, frozen } = decision;
      requireProposal(records, study, studyDigest);
      return { bodies: [], check: nothing, also: () => records.freezeStudy(studyDigest, frozen) };
    }
    default:
      return unreachable(decision);
  }
}

function lowering(options: DecisionOptions, dataset: DatasetId, change: CapChange, statement: Digest): Effect {
  const { records, site } = options;
  requireDataset(records, dataset);
  return {
    bodies: [capBody(site, dataset, change, statement)],
    check: (state) => requireLowering(state, site, dataset, change),
    also: () => undefined,
  };
}

const OFFER_LESS = "Offer an ε that the caps leave room for (consilium-site budget show); nothing was offered.";

/** What is offered would be granted as things stand: policy and caps let such a study through. */
function counterOffer(
  { records, site, policy, now }: DecisionOptions,
  { study, studyDigest, dataset, offer, reason }: Extract<StewardAction, { action: "counter-offer" }>,
): Effect {
  const proposal = requireProposal(records, study, studyDigest);
  requireDataset(records, dataset);
  if (proposal.state === "approved") throw approvedAlready(study);
  requireLess(offer.epsilon, proposal.document);
  const document = revisedStudy(proposal.document, offer);
  requireAllowed(policy, document);
  return {
    bodies: [],
    check: (state) =>
      requireAffordable(state, { site, document, dataset }, plannedEvents(document), today(state, now()), OFFER_LESS),
    also: () => records.offer(studyDigest, offer, reason),
  };
}

/** More than it asks for is no offer. */
function requireLess(offered: number, { name, privacy }: StudyDocument): void {
  if (offered < privacy.epsilon) return;
  throw new Failure({
    code: "study/offer-not-less",
    kind: "usage",
    what: `Study ${name} asks for ε = ${privacy.epsilon} itself: an offer of ${offered} is not less.`,
    remedy: `Offer less, or approve it as it is: consilium-site study approve ${name}`,
  });
}

function approval(
  options: DecisionOptions,
  { approval: statement, signature }: Extract<StewardAction, { action: "approve" }>,
  number: number,
): Effect {
  const { records, site, identity, policy, now, isPrepared } = options;
  const steward = records.steward();
  const proposal = requireProposal(records, statement.study, statement.studyDigest);
  const record = requireDataset(records, statement.dataset);
  const { dataset } = record;
  requireOwnWords(statement, site, steward.name);
  if (statement.number !== number) throw otherNumber();
  if (!verifyStatement(steward.publicKey, APPROVAL_DOMAIN, statement, signature)) throw notSigned();
  requireAllowed(policy, proposal.document);
  if (!isPrepared(statement)) throw notPrepared(proposal.study);
  requireSameSplit(proposal, record);
  const approved: Approval = {
    statement,
    stewardKey: steward.publicKey,
    stewardSignature: signature,
    siteSignature: signStatement(identity, APPROVAL_DOMAIN, statement),
  };
  const { study, studyDigest, sanitized } = statement;
  const approval = { approval: digestOfJson(approved), number, ...(sanitized === undefined ? {} : { sanitized }) };
  return {
    bodies: [{ kind: "study-approved", site, dataset, study, studyDigest, ...approval }],
    check: (state) => {
      const { document } = proposal;
      const cap = capsInForce(state, site, dataset, study);
      requireSameStudy(state, statement);
      requirePromised(state, document, statement);
      if (cap === undefined || canonicalJson(cap) !== canonicalJson(statement.cap)) throw capMoved(dataset);
      requireAffordable(state, { site, document, dataset }, plannedEvents(document), today(state, now()));
    },
    also: () => {
      records.approve(studyDigest, approved);
      records.keepSplitRule(dataset, splitRule(proposal.document.data));
    },
  };
}

/** Budgets are kept by part, so a patient must be in the same part for every study on a data set. */
function requireSameSplit({ document }: ProposalRecord, { dataset, splitRule: kept }: DatasetRecord): void {
  if (kept === null || kept === splitRule(document.data)) return;
  throw new Failure({
    code: "data/split-differs",
    kind: "refused",
    what: `Study ${document.name} splits the patients of ${dataset} otherwise than the first study on it did.`,
    remedy:
      "Have the study use the same patient key, split column or shares, or register its data as a data set of their own patients.",
  });
}

function requireOwnWords(statement: ApprovalStatement, site: SiteName, steward: string): void {
  if (statement.site !== site || statement.steward !== steward) throw notSigned();
  if (Disclosure.options.some((each) => statement.disclosures?.includes(each) !== true)) throw notDisclosed();
}

function requireProposal(records: Records, study: StudyName, digest: Digest): ProposalRecord {
  const proposal = records.proposalOf(digest);
  if (proposal !== null && proposal.study === study) return proposal;
  throw new Failure({
    code: "study/unknown",
    kind: "refused",
    what: `No study ${study} with this digest was proposed to this site.`,
    remedy: "See what was proposed: consilium-site study list",
  });
}

function requireDataset(records: Records, dataset: DatasetId): DatasetRecord {
  const record = records.dataset(dataset);
  if (record !== null) return record;
  throw new Failure({
    code: "data/unknown",
    kind: "usage",
    what: `No data set ${dataset} is registered at this site.`,
    remedy: `Register it: consilium-site data register ${dataset} PATH`,
  });
}
