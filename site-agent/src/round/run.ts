import { assert, Failure, fromRefusal, toRefusal, unreachable } from "@consilium/shared/failure/failure";
import type {
  CoordinatorMessage,
  ReplyBody,
  RoundEnd,
  RoundKey,
  RoundSpec,
  SignedHead,
} from "@consilium/shared/protocol/messages";
import type { PlannedCharge } from "@consilium/shared/study/charges";
import { stopText } from "@consilium/shared/study/earlyStop";
import {
  type ChargedContent,
  contributionOf,
  declined,
  type PublicRefusal,
  publicPartOf,
} from "../disclosure/outgoing.ts";
import { announcementRefusal, headRefusal, requireGenuineHead, type StudyStanding } from "./announcement.ts";
import { Announcements } from "./announcements.ts";
import { contribute, contributionFile, offerContribution } from "./contribute.ts";
import { Ends } from "./ends.ts";
import type { RoundLink, RoundsOptions } from "./ports.ts";
import { MODEL_MISSING } from "./refusals.ts";
import { advance, keyText, type RoundEffect, type RoundEvent, recover, type SiteRound } from "./round.ts";

type Announced = Extract<CoordinatorMessage, { type: "round-announced" }>;
type Closed = Extract<CoordinatorMessage, { type: "round-closed" }>;

/** Public times come at the study's answer time, then each eighth of it: whoever missed one waits for the next. */
const TICKS = 8;

const ACCEPTED: ReplyBody = { type: "accepted" };

/** Runs the effects of this site's rounds. Nothing that it says or logs depends on a record. */
export class Rounds {
  readonly #options: RoundsOptions;
  readonly #rounds = new Map<string, SiteRound>();
  readonly #announcements = new Announcements();
  readonly #cancelTimers = new Map<string, () => void>();
  /** Attempts whose contribution is on its way now: one at a time. */
  readonly #offering = new Set<string>();
  readonly #ends: Ends;
  readonly #working = new Set<Promise<void>>();
  #stopped = false;
  #held: SignedHead | null;

  constructor(options: RoundsOptions) {
    this.#options = options;
    this.#held = options.book.countersigned();
    this.#ends = new Ends(options, (key, work) => this.#run(key, work));
  }

  /** Replies at once; whether the site acts is told by its contribution or its refusal, at the fixed public time. */
  async onAnnounced(message: Announced, aggregate: Uint8Array | undefined): Promise<ReplyBody> {
    const { round: spec, head } = message;
    const distrust = this.#take(message);
    const receivedAtMs = this.#options.clock.nowMs();
    this.#announcements.keep({ spec, head, aggregate, receivedAtMs });
    if (message.ended !== undefined && distrust === null) this.#close(message.ended, head);
    const { book, site } = this.#options;
    const refusal = announcementRefusal(spec, book.standing(spec.key.study), site) ?? distrust;
    this.#dispatch({ type: "announced", key: spec.key, refusal });
    if (spec.stop !== undefined && refusal === null) {
      this.#options.logger.info("training-stopped", { study: spec.key.study, why: stopText(spec.stop) });
    }
    return ACCEPTED;
  }

  async onWanted(key: RoundKey): Promise<ReplyBody> {
    this.#dispatch({ type: "wanted", key });
    return ACCEPTED;
  }

  /** Countersigns the coordinator's head once the attempt is over here; refuses a head that went back. */
  async onClosed(message: Closed): Promise<ReplyBody> {
    const distrust = this.#take(message);
    if (distrust !== null) throw fromRefusal(distrust);
    this.#close(message, message.head);
    return ACCEPTED;
  }

  /** Newest head of the coordinator's ledger that this site took for good. */
  held(): SignedHead | null {
    return this.#held;
  }

  /** The operator goes on from this head though it is not the growth of the one held before. */
  goOn(head: SignedHead): void {
    this.#held = head;
  }

  /** Takes a head that is proved to be the growth of the one held before; else says why not, and holds to that one. */
  #take({ head, consistency, witnessed }: Announced | Closed): PublicRefusal | null {
    const { book, coordinatorKey } = this.#options;
    requireGenuineHead(head, coordinatorKey);
    const distrust = headRefusal(head.head, consistency, this.#held?.head ?? null);
    if (distrust === null) this.#held = head;
    return distrust ?? (witnessed === null ? null : book.ownRefusal(witnessed));
  }

  /** The link is back: whatever was due and not acknowledged is said again. */
  onReconnected(): void {
    for (const key of [...this.#rounds.keys()]) this.#step(key, { type: "reconnected" });
  }

  /** Begins nothing more; what was begun is left to itself, and dealt with at the next start. */
  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#cancelTimers.values()) cancel();
    this.#cancelTimers.clear();
    this.#ends.flush();
  }

  /** Resolves when nothing is under way but waiting for a time. */
  async settled(): Promise<void> {
    while (this.#working.size > 0) await Promise.all(this.#working);
  }

  /** The head is genuine and goes on from what this site saw before. */
  #close(end: RoundEnd, head: SignedHead): void {
    this.#dispatch({ type: "closed", key: end.key, outcome: end.outcome });
    this.#ends.closed(end, head);
    this.#log("round-closed", end.key);
  }

  #dispatch(event: Exclude<RoundEvent, { type: "reconnected" }>): void {
    const { study, purpose } = event.key;
    const name = `${study}/${purpose}`;
    if (!this.#rounds.has(name)) {
      const { newest, committedRound } = this.#options.book.resume(study, purpose);
      this.#rounds.set(name, { newest: newest === null ? null : recover(newest), committedRound });
    }
    this.#step(name, event);
  }

  #step(name: string, event: RoundEvent): void {
    const round = this.#rounds.get(name);
    if (round === undefined || this.#stopped) return;
    const step = advance(round, event);
    this.#rounds.set(name, step.round);
    for (const effect of step.effects) this.#perform(effect);
  }

  #perform(effect: RoundEffect): void {
    const { key } = effect;
    switch (effect.type) {
      case "start-answer-timer":
        this.#startAnswerTimer(key);
        return;
      case "prepare-model":
        this.#run(key, this.#prepareModel(key));
        return;
      case "book":
        this.#book(key);
        return;
      case "compute":
        this.#run(key, this.#compute(key));
        return;
      case "offer":
        this.#run(key, this.#offer(key, effect.content));
        return;
      case "decline":
        this.#announcements.forget(key);
        this.#log("round-declined", key, effect.refusal.code);
        this.#tell(declined(key, effect.refusal), key);
        return;
      case "end":
        this.#end(key, effect.content);
        return;
      default:
        unreachable(effect);
    }
  }

  #startAnswerTimer(key: RoundKey): void {
    const { spec, receivedAtMs } = this.#announcements.of(key);
    const tickMs = spec.answerAfterMs / TICKS;
    const next = Math.floor((this.#options.clock.nowMs() - receivedAtMs) / tickMs) + 1;
    const cancel = this.#options.clock.at(receivedAtMs + Math.max(TICKS, next) * tickMs, () => {
      this.#cancelTimers.delete(keyText(key));
      this.#dispatch({ type: "answer-time", key });
      this.#noteOverdue(key);
    });
    this.#cancelTimers.set(keyText(key), cancel);
  }

  /** Told to this hospital alone: the study's fixed time is too short for its machine, or the machine is too busy. */
  #noteOverdue({ study, purpose, round, attempt }: RoundKey): void {
    const state = this.#rounds.get(`${study}/${purpose}`)?.newest?.state;
    if (state !== "preparing" && state !== "booking" && state !== "acting") return;
    this.#options.logger.warn("answer-overdue", { study, purpose, round, attempt, state });
  }

  async #prepareModel(key: RoundKey): Promise<void> {
    const { spec, aggregate } = this.#announcements.of(key);
    try {
      await this.#options.models.prepare(spec, this.#standing(key), aggregate);
      this.#dispatch({ type: "model-ready", key });
    } catch (error) {
      this.#options.models.forget(key.study);
      this.#logFault("model-missing", key, error);
      this.#dispatch({ type: "model-missing", key, refusal: MODEL_MISSING });
    }
  }

  /** A veto may have come since the announcement. Its head was checked when it came: newer ones may be known by now. */
  #book(key: RoundKey): void {
    const { spec, head } = this.#announcements.of(key);
    const refusal = announcementRefusal(spec, this.#standing(key), this.#options.site) ?? this.#booked(spec, head);
    this.#dispatch(refusal === null ? { type: "booked", key } : { type: "booking-refused", key, refusal });
  }

  #booked(spec: RoundSpec, head: SignedHead): PublicRefusal | null {
    try {
      this.#options.book.book(spec.key, this.#charges(spec.key), head);
      this.#ends.written();
      return null;
    } catch (error) {
      if (!(error instanceof Failure)) this.#logFault("booking-failed", spec.key, error);
      return publicPartOf(error);
    }
  }

  async #compute(key: RoundKey): Promise<void> {
    const { engine, models, outbox, site } = this.#options;
    const { spec } = this.#announcements.of(key);
    const content = await contribute(engine, this.#standing(key), spec, contributionFile(outbox, key), site);
    if (content === null) {
      models.forget(key.study);
      this.#dispatch({ type: "computing-failed", key });
      return;
    }
    this.#dispatch({ type: "computed", key, content });
  }

  async #offer(key: RoundKey, content: ChargedContent): Promise<void> {
    const name = keyText(key);
    if (this.#offering.has(name)) return;
    this.#offering.add(name);
    try {
      const { site, link, book } = this.#options;
      const { countersigned, told } = this.#ends.untold();
      const booked = { site, charges: this.#charges(key) };
      const message = contributionOf(key, content, booked, { head: book.head(), ...countersigned });
      const refusal = await offerContribution(link, message, content, contributionFile(this.#options.outbox, key));
      if (refusal === null) told();
      if (refusal === null) this.#dispatch({ type: "accepted", key });
      else this.#log("contribution-refused", key, refusal.code);
    } catch (error) {
      this.#logFault("contribution-not-sent", key, error);
    } finally {
      this.#offering.delete(name);
    }
  }

  #end(key: RoundKey, content: ChargedContent | null): void {
    this.#ends.ended(key, content);
    this.#announcements.forget(key);
    this.#cancelTimers.get(keyText(key))?.();
    this.#cancelTimers.delete(keyText(key));
  }

  #standing(key: RoundKey): StudyStanding {
    const standing = this.#options.book.standing(key.study);
    assert(standing !== null, "a round under way has its study");
    return standing;
  }

  #charges(key: RoundKey): readonly PlannedCharge[] {
    return this.#standing(key).charges[key.purpose];
  }

  #tell(message: Parameters<RoundLink["send"]>[0], key: RoundKey): void {
    this.#run(key, this.#options.link.send(message));
  }

  /** Whatever runs beside the state machine: its failure is logged, and the next announcement or question mends it. */
  #run(key: RoundKey, work: Promise<unknown>): void {
    const watched = work
      .catch((error: unknown) => this.#logFault("round-effect-failed", key, error))
      .then(() => {
        this.#working.delete(watched);
      });
    this.#working.add(watched);
  }

  #log(event: string, key: RoundKey, code?: string): void {
    const { study, purpose, round, attempt } = key;
    this.#options.logger.info(event, { study, purpose, round, attempt, ...(code === undefined ? {} : { code }) });
  }

  #logFault(event: string, key: RoundKey, error: unknown): void {
    this.#log(event, key, toRefusal(error).code);
  }
}
