import { digestOfJson } from "@consilium/shared/encoding/digest";
import { Failure } from "@consilium/shared/failure/failure";
import { capsInForce } from "@consilium/shared/ledger/capFilter";
import type { LedgerBody } from "@consilium/shared/ledger/entry";
import type { SiteMessage } from "@consilium/shared/protocol/messages";
import { activeSite } from "@consilium/shared/protocol/roster";
import { verifyStatement } from "@consilium/shared/signing/ed25519";
import { APPROVAL_DOMAIN, type Approval, requireSameDataset } from "@consilium/shared/study/approval";
import type { SiteName } from "@consilium/shared/units/identity";
import { findStudy, repliesTo, type StudyRecord, saveReply } from "../storage/studies.ts";
import { move } from "./moves.ts";
import { isEnded } from "./study.ts";
import type { StudyWorld } from "./world.ts";

/**
 * Takes a site's approval: of exactly the proposed digest, signed by the steward key and the identity key that the
 * roster pins. The caps in it become the caps that the coordinator's ledger keeps to.
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
  requireSameDataset(world.ledger.state(), statement);
  world.sql.transaction(() => {
    const { dataset, study, studyDigest } = statement;
    world.ledger.append([
      ...capBodies(world, approval),
      { kind: "study-approved", site, dataset, study, studyDigest, approval: digestOfJson(approval) },
    ]);
    saveReply(world.sql, study, { site, answer: "approved", approval, at: world.clock.now().toISOString() });
    settle(world, record);
  });
  world.changed("studies", record.name);
  world.changed("budgets", record.name);
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

/** The steward's caps as they stood when the approval was signed; nothing where they are in force already. */
function capBodies(world: StudyWorld, { statement: signed }: Approval): LedgerBody[] {
  const { site, dataset, study, cap } = signed;
  const statement = digestOfJson(signed);
  const known = capsInForce(world.ledger.state(), site, dataset, study);
  const { epsilon, delta, perStudy, periods = [] } = cap;
  const isKnown = known?.epsilon === epsilon && known.delta === delta && known.perStudy === perStudy;
  const own = perStudy === undefined ? {} : { perStudy };
  const lifted = (known?.periods ?? []).filter(({ period }) => !periods.some((one) => one.period === period));
  const changed = periods.filter(
    (one) => known?.periods?.find(({ period }) => period === one.period)?.epsilon !== one.epsilon,
  );
  return [
    ...(isKnown ? [] : [{ kind: "cap-set" as const, site, dataset, epsilon, delta, ...own, statement }]),
    ...(known?.study === cap.study
      ? []
      : [{ kind: "study-cap-set" as const, site, dataset, study, epsilon: cap.study ?? null, statement }]),
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
