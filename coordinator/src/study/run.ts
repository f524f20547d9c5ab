import { assert } from "@consilium/shared/failure/failure";
import type { RoundEnd, RoundSpec, SignedHead } from "@consilium/shared/protocol/messages";
import type { StudyDocument } from "@consilium/shared/study/document";
import type { ScheduledRound } from "@consilium/shared/study/schedule";
import type { Digest, SiteName, StudyName } from "@consilium/shared/units/identity";
import { removeFile } from "@consilium/storage/removeFile";
import { makeFor } from "../generator/madeFiles.ts";
import { concludeStudy } from "../release/conclude.ts";
import { type RoundPorts, RoundRun } from "../round/run.ts";
import type { Abandoned, Committed } from "../round/state.ts";
import { lastCommitted, openRound } from "../storage/rounds.ts";
import { findStudy } from "../storage/studies.ts";
import { bookAbandon, bookCommit } from "./closing.ts";
import { Gathering } from "./gathering.ts";
import { LeftOut } from "./leftOut.ts";
import { ModelLines } from "./lines.ts";
import { type Motive, move, whyAbandoned } from "./moves.ts";
import { approvalsOf, openRoundAt, scalesOf } from "./opening.ts";
import { CHANGED_BY, type Collector, collectorOf, type Outcome, resultOf } from "./outcome.ts";
import { announce, askAgain, endOf, logFields, tellClosed } from "./telling.ts";
import { AwaitedUploads } from "./uploads.ts";
import type { StudyWorld } from "./world.ts";

/** A round whose reservations are durable. */
export interface OpenedRound {
  readonly spec: RoundSpec;
  readonly announcedAt: Date;
  readonly run: RoundRun;
  readonly collector: Collector;
  /** Heads of the sites' own ledgers, as their contributions showed them. */
  readonly heads: Map<SiteName, SignedHead>;
  readonly uploads: AwaitedUploads;
  /** Codes by which sites declined this attempt. */
  readonly refusals: Map<SiteName, string>;
}

/**
 * Walks one study along its signed schedule, from training to its release or refusal. Everything that must survive is
 * in the database before anyone is told, so a new `StudyRun` on the same database goes on where a killed one stopped.
 */
export class StudyRun {
  readonly document: StudyDocument;
  readonly name: StudyName;
  readonly #world: StudyWorld;
  readonly #digest: Digest;
  readonly #lines: ModelLines;
  readonly #gathering: Gathering;
  readonly leftOut = new LeftOut();
  #current: OpenedRound | null = null;
  /** The round that the last commit opened in its own transaction. */
  #next: OpenedRound | null = null;
  /** End of the round before, which the next announcement tells to whoever is in both. */
  #ended: RoundEnd | undefined;
  #outcome: Outcome | null = null;
  #done: ScheduledRound | null;
  #pauseWanted: Motive | null = null;
  #isFrozen = false;
  /** Paused, in this life of the study: nothing may be opened any more. */
  #isHalted = false;
  #concluding: Promise<void> = Promise.resolve();

  private constructor(world: StudyWorld, document: StudyDocument, digest: Digest, lines: ModelLines) {
    this.#world = world;
    this.document = document;
    this.name = document.name;
    this.#digest = digest;
    this.#lines = lines;
    this.#gathering = new Gathering(world.clock, world.gatherMs, (site) => world.link.isConnected(site));
    this.#done = lastCommitted(world.sql, document.name) ?? null;
  }

  /** Loads the newest model as the database knows it; the first time, that is the initial one. */
  static async open(world: StudyWorld, study: StudyName): Promise<StudyRun> {
    const record = findStudy(world.sql, study);
    assert(record !== undefined, "a study that runs exists");
    const lines = await ModelLines.open(world, record.document, lastCommitted(world.sql, study) ?? null);
    return new StudyRun(world, record.document, record.digest, lines);
  }

  get current(): OpenedRound | null {
    return this.#current;
  }

  /** Resolves when the study paused or ended, or this process is about to. */
  async run(): Promise<void> {
    let next = await this.#reopen();
    while (!this.#isFrozen && !this.#isHalted) {
      next ??= await this.#openNext();
      if (next === null) return;
      const closed = await this.#carryOut(next);
      if (closed.state === "abandoned") return this.#afterAbandoned(closed, next.refusals);
      next = this.#next;
      this.#next = null;
    }
  }

  /** Takes effect after the round that runs; at once while sites are being waited for. */
  pause(motive: Motive): void {
    this.#pauseWanted = motive;
    this.#gathering.giveUp();
  }

  /** Ends the round that runs without a result; its charges stay spent. */
  stop(): void {
    this.#isFrozen = true;
    this.#gathering.giveUp();
    this.#current?.run.stop();
  }

  /** The process ends: nothing more is done or told. */
  async freeze(): Promise<void> {
    this.#isFrozen = true;
    this.#gathering.giveUp();
    this.#current?.run.freeze();
    // What has begun to write files ends before the database closes.
    await Promise.allSettled([this.#lines.settled(), this.#concluding]);
  }

  siteLost(site: SiteName): void {
    this.#current?.run.siteLost(site);
  }

  /** A site that comes back may have missed everything: it hears of the open round and is asked for its part of it. */
  siteReturned(site: SiteName): void {
    this.leftOut.returned(site);
    this.#gathering.arrived();
    const current = this.#current;
    if (current === null || current.run.round.state !== "collecting" || !current.run.round.cohort.has(site)) return;
    announce(this.#world, current.spec, this.#lines.current.newest.aggregate, [site]);
    current.run.siteReturned(site);
  }

  /** File of a blob that sites of this study may fetch. */
  fileOf(digest: Digest): Promise<string | undefined> {
    return this.#lines.fileOf(digest);
  }

  /** The attempt that an earlier process announced: the same cohort, the same charges, a sum from zero. */
  async #reopen(): Promise<OpenedRound | null> {
    const record = openRound(this.#world.sql, this.name);
    if (record === undefined) return null;
    this.#current = this.#opened({ ...record.spec, ...scalesOf(this.#world.sql, this.document) });
    // A deadline that ran while sites come back would cost the round those that are slow to.
    await this.#gathering.wait(record.spec.cohort, this.document.training.minSites);
    return this.#current;
  }

  /** Opens the next round once enough sites are there; null where the study paused, ended or was frozen. */
  async #openNext(): Promise<OpenedRound | null> {
    const { minSites, onDropout } = this.document.training;
    if (this.#done?.purpose === "audit") {
      this.#concluding = concludeStudy(this.#world, this.document, this.#lines.current);
      await this.#concluding;
      return null;
    }
    const everyone = approvalsOf(this.#world, this.name)
      .map(({ statement }) => statement.site)
      .filter((site) => !this.leftOut.sites.has(site));
    await this.#gathering.wait(everyone, onDropout === "wait" ? everyone.length : minSites);
    while (!this.#isFrozen) {
      const opening = this.#world.sql.transaction(() => this.#tryOpen());
      switch (opening.kind) {
        case "opened":
          return this.#opened(opening.spec);
        case "pause":
        case "finished":
          return null;
        case "make":
          await makeFor(this.#world, this.document, opening.purpose);
          break;
        case "wait":
          this.#world.logger.info("waiting-for-sites", { study: this.name, absent: opening.absent.join(",") });
          await this.#gathering.wait(opening.absent, 1);
      }
    }
    return null;
  }

  /** In a transaction: opens the next round, or pauses the study where none can follow or a pause is wanted. */
  #tryOpen(): ReturnType<typeof openRoundAt> {
    const position = {
      document: this.document,
      digest: this.#digest,
      done: this.#done,
      declined: this.leftOut.sites,
      isNews: (short: string) => this.leftOut.isNews(short),
      model: this.#lines.current.newest,
    };
    const wanted = this.#pauseWanted;
    const opening =
      wanted === null ? openRoundAt(this.#world, position) : ({ kind: "pause", reason: wanted.reason } as const);
    if (opening.kind === "pause") {
      this.#isHalted = true;
      move(this.#world, this.name, { type: "paused" }, wanted ?? { by: "coordinator", reason: opening.reason });
    }
    return opening;
  }

  #opened(spec: RoundSpec): OpenedRound {
    const { minSites, onDropout } = this.document.training;
    const { purpose, round } = spec.key;
    const collector = collectorOf(purpose, round, this.document, this.#lines, this.#world);
    const heads = new Map<SiteName, SignedHead>();
    const plan = { key: spec.key, cohort: new Set(spec.cohort), minSites, onDropout };
    const uploads = new AwaitedUploads(this.#world.link);
    const run = new RoundRun(plan, spec.deadlineMs, this.#ports(spec, collector, heads));
    return { spec, announcedAt: this.#world.clock.now(), run, collector, heads, uploads, refusals: new Map() };
  }

  async #carryOut(opened: OpenedRound): Promise<Committed | Abandoned> {
    const isReopened = this.#current === opened;
    this.#current = opened;
    if (isReopened) opened.run.resume();
    else opened.run.begin();
    this.#world.changed("round", this.name);
    const closed = await opened.run.done;
    opened.uploads.forget();
    this.#current = null;
    return closed;
  }

  #ports(spec: RoundSpec, collector: Collector, heads: ReadonlyMap<SiteName, SignedHead>): RoundPorts {
    const world = this.#world;
    const closing = { document: this.document, spec, heads };
    return {
      accumulator: collector,
      announce: (sites) => announce(world, spec, this.#lines.current.newest.aggregate, sites, this.#ended),
      askAgain: (site) => askAgain(world, spec.key, site),
      moved: ({ state, key }) => world.logger.info(`round-${state}`, logFields(key)),
      notice: ({ notice, sites }) => {
        world.logger.info(notice, { ...logFields(spec.key), sites: sites.join(",") });
        world.changed("round", this.name);
      },
      fold: async (contributors) => {
        this.#outcome = await collector.fold(contributors);
        return resultOf(this.#outcome);
      },
      commit: (round, result) => this.#commit(spec, { ...closing, round }, result),
      abandon: (round) => world.sql.transaction(() => bookAbandon(world, { ...closing, round })),
      tellClosed: (round) => this.#told(round),
      after: (milliseconds, run) => world.clock.after(milliseconds, run),
      discard: async (source) => {
        if ("path" in source) await removeFile(source.path);
      },
    };
  }

  /** The result, its charges and the next round's reservations become durable in one transaction: one fsync a round. */
  #commit(spec: RoundSpec, closing: Parameters<typeof bookCommit>[1], result: Digest): void {
    const outcome = this.#outcome;
    assert(outcome !== null, "a round is folded before it is committed");
    const opening = this.#world.sql.transaction(() => {
      bookCommit(this.#world, closing, outcome, result);
      this.#lines.goOn();
      this.#done = { purpose: spec.key.purpose, round: spec.key.round };
      return this.#isFrozen ? null : this.#tryOpen();
    });
    this.#next = opening?.kind === "opened" ? this.#opened(opening.spec) : null;
    this.#outcome = null;
    if (outcome.purpose === "train" || outcome.purpose === "reference") this.#lines.committed(outcome);
    for (const topic of CHANGED_BY[outcome.purpose]) this.#world.changed(topic, this.name);
  }

  #told(round: Committed | Abandoned): void {
    this.#ended = endOf(round);
    const left = [...round.cohort].filter((site) => this.#next?.run.round.cohort.has(site) !== true);
    tellClosed(this.#world, this.#ended, left);
    this.#world.changed("round", this.name);
  }

  #afterAbandoned(round: Abandoned, refusals: OpenedRound["refusals"]): void {
    if (this.#isFrozen) return;
    const reason = whyAbandoned(round, refusals);
    move(this.#world, this.name, { type: "paused" }, this.#pauseWanted ?? { by: "coordinator", reason });
  }
}
