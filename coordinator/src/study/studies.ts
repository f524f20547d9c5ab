import { assert, Failure, toRefusal, unreachable } from "@consilium/shared/failure/failure";
import { holdsHead } from "@consilium/shared/ledger/recovery";
import {
  ATTEMPT_LOST_CODE,
  LEDGER_HEAD_DOMAIN,
  type ReplyBody,
  type SignedHead,
  type SiteMessage,
  STUDY_PROPOSAL_DOMAIN,
} from "@consilium/shared/protocol/messages";
import { activeSite } from "@consilium/shared/protocol/roster";
import { signStatement, verifyStatement } from "@consilium/shared/signing/ed25519";
import type { StudyDocument } from "@consilium/shared/study/document";
import { weightsOfStudy } from "@consilium/shared/study/network";
import { COORDINATOR, type Digest, type SiteName, type StudyName } from "@consilium/shared/units/identity";
import { lastClosed } from "../storage/rounds.ts";
import { findStudy, insertStudy, listStudies, repliesTo, type StudyRecord } from "../storage/studies.ts";
import { acceptApproval, acceptRejection, approvalCount, unanswered } from "./approvals.ts";
import { ACCEPTED, type ContributionMessage, roundRefused, takeContribution } from "./contributions.ts";
import { tellHeldAnswers } from "./heldAnswers.ts";
import { type Motive, move } from "./moves.ts";
import { requireApart, requireProposable } from "./proposable.ts";
import { type OpenedRound, StudyRun } from "./run.ts";
import type { StudyState } from "./study.ts";
import { tellShowing } from "./telling.ts";
import type { StudyWorld } from "./world.ts";

/** States in which a study's run goes on by itself. */
const RUNNING: readonly StudyState[] = ["training", "trained", "auditing"];

interface Running {
  readonly run: StudyRun;
  readonly ended: Promise<void>;
}

/** All studies of the consortium: their proposals, approvals and runs. */
export class Studies {
  readonly #world: StudyWorld;
  readonly #running = new Map<StudyName, Running>();
  #isFrozen = false;

  constructor(world: StudyWorld) {
    this.#world = world;
  }

  /** Goes on with every study that an earlier process was running. */
  async resumeAll(): Promise<void> {
    for (const { name, standing } of listStudies(this.#world.sql)) {
      if (!RUNNING.includes(standing.state)) continue;
      // A missing file pauses its study, and all others go on.
      await this.goOn(name).catch((error: unknown) => {
        if (!(error instanceof Failure)) throw error;
      });
    }
  }

  /** A study as its sites will see it: frozen, signed, and sent to all of them. */
  propose(document: StudyDocument, motive: Motive): StudyRecord {
    const { sql, signer, clock } = this.#world;
    const digest = requireProposable(this.#world, document);
    const record: StudyRecord = {
      name: document.name,
      document,
      digest,
      proposal: signStatement(signer, STUDY_PROPOSAL_DOMAIN, document),
      standing: { state: "draft" },
      reason: null,
      proposedAt: clock.now().toISOString(),
    };
    sql.transaction(() => {
      insertStudy(sql, record);
      move(this.#world, record.name, { type: "proposed" }, motive);
    });
    for (const { name } of document.sites) this.#sendProposal(name, record);
    return this.record(record.name);
  }

  /** Starts training; without the answers of some sites where enough others approved. */
  async start(name: StudyName, motive: Motive): Promise<void> {
    this.#requireWholeLedger();
    const record = this.record(name);
    // Again: a site may have joined, or joined anew, since it was proposed.
    requireApart(this.#world, record.document);
    const approved = approvalCount(this.#world, record);
    if (record.standing.state === "proposed" && approved >= record.document.training.minSites) {
      const missing = unanswered(this.#world, record).join(", ");
      const reason = `${approved} sites approved; without ${missing}`;
      move(this.#world, name, { type: "approved" }, { by: motive.by, reason });
    }
    move(this.#world, name, { type: "started" }, motive);
    await this.goOn(name);
  }

  /** The study pauses after the round that runs. */
  pause(name: StudyName, motive: Motive): void {
    const running = this.#running.get(name);
    if (running === undefined) move(this.#world, name, { type: "paused" }, motive);
    else running.run.pause(motive);
  }

  async resume(name: StudyName, motive: Motive): Promise<void> {
    this.#requireWholeLedger();
    move(this.#world, name, { type: "resumed" }, motive);
    await this.goOn(name);
  }

  /** For good: the round that runs is abandoned and no model is released. What was spent stays spent. */
  async stop(name: StudyName, motive: Motive): Promise<void> {
    const running = this.#running.get(name);
    running?.run.stop();
    await running?.ended;
    move(this.#world, name, { type: "aborted" }, motive);
  }

  record(name: string): StudyRecord {
    const record = findStudy(this.#world.sql, name);
    if (record !== undefined) return record;
    throw new Failure({
      code: "study/unknown",
      kind: "usage",
      what: `There is no study ${name}.`,
      remedy: "See all of them: consilium study list.",
    });
  }

  /** The round of a study that runs now, for people to look at. */
  current(name: StudyName): OpenedRound | null {
    return this.#running.get(name)?.run.current ?? null;
  }

  /** One message of a site; a `Failure` thrown is its refusal. */
  async onMessage(site: SiteName, message: SiteMessage, attachment: Uint8Array | undefined): Promise<ReplyBody> {
    switch (message.type) {
      case "study-approved":
        acceptApproval(this.#world, site, message.approval);
        return ACCEPTED;
      case "study-rejected":
        acceptRejection(this.#world, site, message);
        return ACCEPTED;
      case "round-declined":
        return this.#onDeclined(site, message);
      case "contribution":
        return this.#onContribution(site, message, attachment);
      case "head-countersigned":
        this.#countersigned(site, message);
        return ACCEPTED;
      case "certificate-wanted":
      case "ledger-wanted":
      case "ledger-told":
      case "sanitizings-told":
      case "release-answered":
        throw new Error("what isn't about studies is answered before it comes here");
      default:
        return unreachable(message);
    }
  }

  /** A site that comes back hears what it may have missed, in the order in which it happened. */
  onConnected(site: SiteName): void {
    tellHeldAnswers(this.#world, site);
    for (const record of [...listStudies(this.#world.sql)].reverse()) {
      if (!record.document.sites.some(({ name }) => name === site)) continue;
      this.#sendProposal(site, record);
      this.#sendLastClosed(site, record.name);
      this.#running.get(record.name)?.run.siteReturned(site);
    }
  }

  onDisconnected(site: SiteName): void {
    for (const { run } of this.#running.values()) run.siteLost(site);
  }

  /** File of a blob that this site may fetch: of running studies that list it, and weights of any that does. */
  async fileFor(site: SiteName, digest: Digest): Promise<string | undefined> {
    for (const { run } of this.#running.values()) {
      if (!run.document.sites.some(({ name }) => name === site)) continue;
      const path = await run.fileOf(digest);
      if (path !== undefined) return path;
    }
    const { sql, weights } = this.#world;
    const isNamed = listStudies(sql).some(
      ({ document }) => weightsOfStudy(document)?.digest === digest && document.sites.some(({ name }) => name === site),
    );
    return isNamed && (await weights.has(digest)) ? weights.pathOf(digest) : undefined;
  }

  /** The process ends: durable state is left as it is. */
  async freeze(): Promise<void> {
    this.#isFrozen = true;
    await Promise.all([...this.#running.values()].map(({ run }) => run.freeze()));
  }

  #requireWholeLedger(): void {
    const [lost] = this.#world.ledger.lost().values();
    if (lost !== undefined) throw lost;
  }

  /** Goes on with what the study's state says comes next. */
  async goOn(name: StudyName): Promise<void> {
    const { logger, changed } = this.#world;
    await this.#running.get(name)?.ended;
    const run = await StudyRun.open(this.#world, name).catch((error: unknown) => {
      logger.error("study-not-opened", { study: name, code: toRefusal(error).code });
      if (error instanceof Failure) this.#pauseAfterFault(name, error.message);
      throw error;
    });
    const ended = run
      .run()
      .catch((error: unknown) => {
        // Memory may be ahead of the disk: this life of the study is over; a restart or `resume` loads it again.
        logger.error("study-run-failed", {
          study: name,
          code: toRefusal(error).code,
          why: String(error).slice(0, 300),
        });
        if (!this.#isFrozen) this.#pauseAfterFault(name);
      })
      .then(() => {
        this.#running.delete(name);
        changed("round", name);
      });
    this.#running.set(name, { run, ended });
  }

  #pauseAfterFault(name: StudyName, reason = "a fault at the coordinator; see its log, then resume"): void {
    const { state } = this.record(name).standing;
    if (state !== "training" && state !== "auditing") return;
    move(this.#world, name, { type: "paused" }, { by: "coordinator", reason });
  }

  #onDeclined(site: SiteName, { key, refusal }: Extract<SiteMessage, { type: "round-declined" }>): ReplyBody {
    const running = this.#running.get(key.study);
    const current = running?.run.current;
    if (running === undefined || current == null) throw roundRefused("round/late");
    const refused = current.run.declined(site, key);
    if (refused !== null) throw roundRefused(refused);
    current.refusals.set(site, refusal.code);
    if (refusal.code === ATTEMPT_LOST_CODE) running.run.leftOut.attemptLost(site);
    else running.run.leftOut.declined(site);
    this.#world.logger.info("site-declined", { study: key.study, site, code: refusal.code });
    return ACCEPTED;
  }

  #onContribution(site: SiteName, message: ContributionMessage, attachment: Uint8Array | undefined): ReplyBody {
    const running = this.#running.get(message.key.study);
    const current = running?.run.current;
    if (running === undefined || current == null) throw roundRefused("round/late");
    if (message.countersigned !== undefined) this.#countersigned(site, message.countersigned);
    takeContribution(this.#world, running.run.document, current, site, message, attachment);
    return ACCEPTED;
  }

  #countersigned(site: SiteName, { head, signature }: SignedHead): void {
    const { ledger, roster, countersigned } = this.#world;
    const entry = activeSite(roster().roster, site);
    const isKnown = holdsHead(ledger.state(), head) && ledger.hashAt(head.sequence) === head.hash;
    const isOurs = head.writer === COORDINATOR && isKnown;
    if (!isOurs || entry === undefined || !verifyStatement(entry.identityKey, LEDGER_HEAD_DOMAIN, head, signature)) {
      throw new Failure({
        code: "ledger/head-not-signed",
        kind: "refused",
        what: `This is not ${site}'s countersignature of a head of the coordinator's ledger.`,
        remedy: "Compare fingerprints with the lead by telephone.",
      });
    }
    countersigned.set(site, { head, signature });
  }

  /** Sent at each connection until the site has answered. */
  #sendProposal(site: SiteName, record: StudyRecord): void {
    const { link, logger, sql } = this.#world;
    if (!link.isConnected(site) || repliesTo(sql, record.name).some((reply) => reply.site === site)) return;
    const { document, digest, proposal } = record;
    link.send(site, { type: "study-proposed", document, digest, proposal }).catch(() => {
      logger.warn("proposal-not-told", { study: record.name, site });
    });
  }

  /** So that the site can let go of what it packed for a round that ended while it was away. */
  #sendLastClosed(site: SiteName, study: StudyName): void {
    const last = lastClosed(this.#world.sql, study);
    if (last === undefined || !last.spec.cohort.includes(site)) return;
    assert(last.state !== "announced", "a closed round has an end");
    const end = last.state === "committed" && last.result !== null ? { result: last.result } : {};
    const ended = { key: last.key, outcome: last.state, ...end };
    tellShowing(this.#world, last.key, site, (shown) => ({ type: "round-closed", ...ended, ...shown }));
  }
}
