import { digestOfJson } from "@consilium/shared/encoding/digest";
import { Failure } from "@consilium/shared/failure/failure";
import type { CapsInForce } from "@consilium/shared/ledger/cap";
import { capsInForce } from "@consilium/shared/ledger/capFilter";
import type { LedgerBody } from "@consilium/shared/ledger/entry";
import { requirePromised } from "@consilium/shared/ledger/postProcessing";
import { approvalOf, type LedgerState, lastDecision } from "@consilium/shared/ledger/state";
import type { SiteMessage } from "@consilium/shared/protocol/messages";
import { activeSite } from "@consilium/shared/protocol/roster";
import { verifyStatement } from "@consilium/shared/signing/ed25519";
import {
  APPROVAL_DOMAIN,
  type Approval,
  type ApprovalStatement,
  requireSameStudy,
} from "@consilium/shared/study/approval";
import type { Digest, SiteName } from "@consilium/shared/units/identity";
import { findStudy, repliesTo, type StudyRecord, saveReply } from "../storage/studies.ts";
import { move } from "./moves.ts";
import { isEnded } from "./study.ts";
import type { StudyWorld } from "./world.ts";

/**
 * Takes a site's approval: of exactly the proposed digest, signed by the steward key and the identity key that the
 * roster pins. The caps in it become the caps that the coordinator's ledger keeps to, unless a newer approval's are
 * there: an older one that comes late, or again, never lets more be spent.
 */
export function acceptApproval(world: StudyWorld, site: SiteName, approval: Approval): void {
  const { statement } = approval;
  const record = proposedStudy(world, site, statement.study, statement.studyDigest);
  if (statement.site !== site || !isSigned(world, site, approval)) {
    throw refused(
      "approval/signature-invalid",
      `The approval is not signed by the steward and the identity key of ${site}.`,
    );
  }
  const state = world.ledger.state();
  requireSameStudy(state, statement);
  requirePromised(state, record.document, statement);
  if (isInForce(world, site, approval)) return;
  const number = requireNewer(state, statement);
  world.sql.transaction(() => {
    const { dataset, study, studyDigest, sanitized } = statement;
    const made = sanitized === undefined ? {} : { sanitized };
    world.ledger.append([
      ...capBodies(state, approval),
      { kind: "study-approved", site, dataset, study, studyDigest, approval: digestOfJson(approval), number, ...made },
    ]);
    saveReply(world.sql, study, { site, answer: "approved", approval, at: world.clock.now().toISOString() });
    settle(world, record);
  });
  world.changed("studies", record.name);
  world.changed("budgets", record.name);
}

/** The very approval that stands: a site that didn't hear our reply tells it again. */
function isInForce({ ledger, sql }: StudyWorld, site: SiteName, approval: Approval): boolean {
  const { study } = approval.statement;
  const standing = repliesTo(sql, study).find((reply) => reply.site === site)?.answer;
  return standing === "approved" && approvalOf(ledger.state(), site, study)?.approval === digestOfJson(approval);
}

/** A study is approved, and approved again after a refusal, by a newer decision each time. */
function requireNewer(state: LedgerState, { site, study, number }: ApprovalStatement): number {
  const known = approvalOf(state, site, study)?.number ?? 0;
  if (number !== undefined && number > known) return number;
  throw new Failure({
    code: "approval/older",
    kind: "refused",
    what:
      number === undefined
        ? `The approval of ${study} bears no number, so nobody can tell whether a newer decision has taken its place.`
        : `The approval of ${study} is decision ${number} of ${site}'s stewards; decision ${known} on it is known already.`,
    remedy: `Sign it again with this version: consilium-site study approve ${study}`,
  });
}

/** A rejection, or an approval withdrawn; before training the study waits for it, in training it goes on without. */
export function acceptRejection(
  world: StudyWorld,
  site: SiteName,
  { study, studyDigest, reason, counterOffer }: Extract<SiteMessage, { type: "study-rejected" }>,
): void {
  const record = proposedStudy(world, site, study, studyDigest);
  world.sql.transaction(() => {
    const at = world.clock.now().toISOString();
    saveReply(world.sql, record.name, { site, answer: "rejected", reason, offer: counterOffer ?? null, at });
    settle(world, record);
  });
  world.changed("studies", record.name);
}

/** Sites that have not answered the proposal. */
export function unanswered(world: StudyWorld, record: StudyRecord): readonly SiteName[] {
  const answered = new Set(repliesTo(world.sql, record.name).map(({ site }) => site));
  return record.document.sites.map(({ name }) => name).filter((name) => !answered.has(name));
}

export function approvalCount(world: StudyWorld, record: StudyRecord): number {
  return repliesTo(world.sql, record.name).filter(({ answer }) => answer === "approved").length;
}

/** Approved once every listed site has answered and enough of them said yes; open again if one of those withdraws. */
function settle(world: StudyWorld, record: StudyRecord): void {
  const isEnough = approvalCount(world, record) >= record.document.training.minSites;
  const isReady = isEnough && unanswered(world, record).length === 0;
  const { state } = findStudy(world.sql, record.name)?.standing ?? record.standing;
  const motive = {
    by: "sites",
    reason: `${approvalCount(world, record)} of ${record.document.sites.length} sites approved`,
  };
  if (state === "proposed" && isReady) move(world, record.name, { type: "approved" }, motive);
  if (state === "approved" && !isEnough) move(world, record.name, { type: "reopened" }, motive);
}

function proposedStudy(world: StudyWorld, site: SiteName, name: string, digest: string): StudyRecord {
  const record = findStudy(world.sql, name);
  if (record === undefined || !record.document.sites.some((listed) => listed.name === site)) {
    throw refused("study/unknown", `There is no study ${name} for ${site}.`);
  }
  if (record.digest !== digest) {
    throw refused("study/digest-differs", `The answer is to another version of study ${name} than was proposed.`);
  }
  if (isEnded(record.standing.state)) throw refused("study/ended", `Study ${name} is ${record.standing.state}.`);
  return record;
}

function isSigned(world: StudyWorld, site: SiteName, approval: Approval): boolean {
  const entry = activeSite(world.roster().roster, site);
  const { statement, stewardKey, stewardSignature, siteSignature } = approval;
  return (
    entry !== undefined &&
    stewardKey === entry.stewardKey &&
    verifyStatement(entry.stewardKey, APPROVAL_DOMAIN, statement, stewardSignature) &&
    verifyStatement(entry.identityKey, APPROVAL_DOMAIN, statement, siteSignature)
  );
}

/**
 * The steward's caps as they stood when the approval was signed, as far as they differ. Those over all studies and for
 * periods only from the newest approval on the data set; the study's own from the newest on the study, which this is.
 */
function capBodies(state: LedgerState, { statement: signed }: Approval): LedgerBody[] {
  const { site, dataset, study, cap, number = 0 } = signed;
  const statement = digestOfJson(signed);
  const known = capsInForce(state, site, dataset, study);
  const own: LedgerBody[] =
    known?.study === cap.study
      ? []
      : [{ kind: "study-cap-set", site, dataset, study, epsilon: cap.study ?? null, statement }];
  return number > lastDecision(state, site, dataset) ? [...sharedCaps(known, signed, statement), ...own] : own;
}

/** Caps that bound every study on the data set. */
function sharedCaps(
  known: CapsInForce | undefined,
  { site, dataset, cap }: ApprovalStatement,
  statement: Digest,
): LedgerBody[] {
  const { epsilon, delta, perStudy, periods = [] } = cap;
  const isKnown = known?.epsilon === epsilon && known.delta === delta && known.perStudy === perStudy;
  const each = perStudy === undefined ? {} : { perStudy };
  const lifted = (known?.periods ?? []).filter(({ period }) => !periods.some((one) => one.period === period));
  const changed = periods.filter(
    (one) => known?.periods?.find(({ period }) => period === one.period)?.epsilon !== one.epsilon,
  );
  return [
    ...(isKnown ? [] : [{ kind: "cap-set" as const, site, dataset, epsilon, delta, ...each, statement }]),
    ...[...changed, ...lifted.map(({ period }) => ({ period, epsilon: null }))].map(
      (one): LedgerBody => ({ kind: "period-cap-set", site, dataset, ...one, statement }),
    ),
  ];
}

function refused(code: string, what: string): Failure {
  return new Failure({
    code,
    kind: "refused",
    what,
    remedy: "Look at the study as it was proposed: consilium-site study list.",
  });
}
