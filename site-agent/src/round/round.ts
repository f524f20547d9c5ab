import { unreachable } from "@consilium/shared/failure/failure";
import type { RoundKey } from "@consilium/shared/protocol/messages";
import type { ChargedContent, PublicRefusal } from "../disclosure/outgoing.ts";
import { ALREADY_COMMITTED, ATTEMPT_CLOSED, ATTEMPT_LOST, ATTEMPT_UNKNOWN, NOT_NEW } from "./refusals.ts";

/**
 * How far this site has gone with one attempt of one round. Budget is spent from `acting` on, whatever happens later.
 * `due`: the study's fixed public time has come.
 */
export type Attempt =
  /** Checked, model on its way; nothing is booked, no sample drawn. */
  | { readonly state: "preparing"; readonly key: RoundKey; readonly due: boolean }
  /** Model ready; reserved and acting are being booked in one transaction. */
  | { readonly state: "booking"; readonly key: RoundKey; readonly due: boolean }
  | { readonly state: "acting"; readonly key: RoundKey; readonly due: boolean }
  /** The packed contribution stands in its file: from here on only these bytes may leave for this attempt. */
  | { readonly state: "computed"; readonly key: RoundKey; readonly due: boolean; readonly content: ChargedContent }
  | { readonly state: "offered"; readonly key: RoundKey; readonly content: ChargedContent }
  | { readonly state: "acknowledged"; readonly key: RoundKey; readonly content: ChargedContent }
  /** Will not act: by policy, budget, veto, or for want of the model. Nothing is booked. */
  | { readonly state: "declined"; readonly key: RoundKey; readonly due: boolean; readonly refusal: PublicRefusal }
  /** Acted, but no contribution was persisted: stays spent; only a new attempt can help. */
  | { readonly state: "lost"; readonly key: RoundKey; readonly due: boolean }
  | { readonly state: "closed"; readonly key: RoundKey };

/** One study's rounds of one purpose at this site: the newest attempt, and the newest round known to be committed. */
export interface SiteRound {
  readonly newest: Attempt | null;
  readonly committedRound: number | null;
}
export const NO_ROUND: SiteRound = { newest: null, committedRound: null };

export type RoundEvent =
  /** `refusal`: why this site's own checks forbid to act; null when it may. */
  | { readonly type: "announced"; readonly key: RoundKey; readonly refusal: PublicRefusal | null }
  | { readonly type: "answer-time"; readonly key: RoundKey }
  | { readonly type: "model-ready"; readonly key: RoundKey }
  | { readonly type: "model-missing"; readonly key: RoundKey; readonly refusal: PublicRefusal }
  | { readonly type: "booked"; readonly key: RoundKey }
  | { readonly type: "booking-refused"; readonly key: RoundKey; readonly refusal: PublicRefusal }
  | { readonly type: "computed"; readonly key: RoundKey; readonly content: ChargedContent }
  | { readonly type: "computing-failed"; readonly key: RoundKey }
  | { readonly type: "accepted"; readonly key: RoundKey }
  | { readonly type: "wanted"; readonly key: RoundKey }
  | { readonly type: "reconnected" }
  | { readonly type: "closed"; readonly key: RoundKey; readonly outcome: "committed" | "abandoned" };

export type RoundEffect =
  /** For the study's answer time after the announcement, or, once that has passed, the next public time. */
  | { readonly type: "start-answer-timer"; readonly key: RoundKey }
  | { readonly type: "prepare-model"; readonly key: RoundKey }
  /** Reserve and mark acting, durably, in one ledger transaction. */
  | { readonly type: "book"; readonly key: RoundKey }
  /** Sample, clip, noise, pack, persist. At most once for an attempt. */
  | { readonly type: "compute"; readonly key: RoundKey }
  | { readonly type: "offer"; readonly key: RoundKey; readonly content: ChargedContent }
  | { readonly type: "decline"; readonly key: RoundKey; readonly refusal: PublicRefusal }
  /**
   * The attempt is over: commit its charges if `content` left or may have left, never send it again, then forget its
   * file. Until that is durable a crash brings the attempt back as it was, which is safe: it would send the same bytes.
   */
  | { readonly type: "end"; readonly key: RoundKey; readonly content: ChargedContent | null };

export interface Step {
  readonly round: SiteRound;
  readonly effects: readonly RoundEffect[];
}

/**
 * The only place where a site's round changes state (SPEC RND). No clock, socket, file or database: callers run the
 * effects. An event that doesn't fit the state changes nothing, so duplicates and reorderings are harmless.
 */
export function advance(round: SiteRound, event: RoundEvent): Step {
  if (event.type === "announced") return onAnnounced(round, event.key, event.refusal);
  if (event.type === "closed") return onClosed(round, event.key, event.outcome);
  const { newest } = round;
  if (event.type === "reconnected") return newest === null ? stay(round) : answerAgain(round, newest, true);
  if (newest === null || !sameKey(newest.key, event.key)) return onOtherAttempt(round, event);
  switch (event.type) {
    case "answer-time":
      return onAnswerTime(round, newest);
    case "wanted":
      return answerAgain(round, newest, false);
    case "model-ready":
      if (newest.state !== "preparing") return stay(round);
      return to(round, { ...newest, state: "booking" }, [{ type: "book", key: newest.key }]);
    case "model-missing":
      return newest.state === "preparing" ? declined(round, newest.key, newest.due, event.refusal) : stay(round);
    case "booked":
      if (newest.state !== "booking") return stay(round);
      return to(round, { ...newest, state: "acting" }, [{ type: "compute", key: newest.key }]);
    case "booking-refused":
      return newest.state === "booking" ? declined(round, newest.key, newest.due, event.refusal) : stay(round);
    case "computed":
      return onComputed(round, newest, event.content);
    case "computing-failed":
      return newest.state === "acting" ? lost(round, newest.key, newest.due) : stay(round);
    case "accepted":
      return onAccepted(round, newest);
    default:
      return unreachable(event);
  }
}

/**
 * What is left of an attempt after a restart: acting without a persisted contribution is spent and dead. The fixed
 * public time has come: nobody knows how long this site was away.
 */
export function recover(attempt: DurableAttempt): Attempt {
  const { key } = attempt;
  switch (attempt.state) {
    case "acting":
      return { state: "lost", key, due: true };
    case "computed":
      return { state: "offered", key, content: attempt.content };
    case "closed":
      return { state: "closed", key };
    default:
      return unreachable(attempt);
  }
}

/** What outlives a crash: the database's word, and the contribution's file, which appears whole or not at all. */
export type DurableAttempt =
  | { readonly state: "acting" | "closed"; readonly key: RoundKey }
  | { readonly state: "computed"; readonly key: RoundKey; readonly content: ChargedContent };

/** A new attempt of an open round, or a later round: everything before it is over. Anything else acts on nothing. */
function onAnnounced(round: SiteRound, key: RoundKey, refusal: PublicRefusal | null): Step {
  const { newest } = round;
  if (newest !== null && sameKey(newest.key, key)) return answerAgain(round, newest, false);
  if (round.committedRound !== null && key.round <= round.committedRound) return refuse(round, key, ALREADY_COMMITTED);
  if (newest !== null && !isLater(key, newest.key)) return refuse(round, key, NOT_NEW);
  const leave = newest === null ? [] : leaveOpen(newest);
  const timer = { type: "start-answer-timer", key } as const;
  // A refusal may hang on the ledger, never on a record: it may be told at once.
  if (refusal !== null) {
    const effects = [...leave, { type: "decline", key, refusal } as const];
    return to(round, { state: "declined", key, due: true, refusal }, effects);
  }
  return to(round, { state: "preparing", key, due: false }, [...leave, timer, { type: "prepare-model", key }]);
}

/** What an attempt that was never closed leaves behind when a later one begins. */
function leaveOpen(attempt: Attempt): RoundEffect[] {
  const { key } = attempt;
  switch (attempt.state) {
    case "offered":
    case "acknowledged":
      return [{ type: "end", key, content: attempt.content }];
    case "closed":
    case "declined":
      return [];
    default:
      return [{ type: "end", key, content: null }];
  }
}

function onClosed(round: SiteRound, key: RoundKey, outcome: "committed" | "abandoned"): Step {
  const { newest } = round;
  const committedRound =
    outcome === "committed" ? Math.max(key.round, round.committedRound ?? key.round) : round.committedRound;
  const known = { ...round, committedRound };
  if (newest !== null && isLater(newest.key, key)) return stay(known);
  const leave = newest === null ? [] : leaveOpen(newest);
  return { round: { newest: { state: "closed", key }, committedRound }, effects: leave };
}

function onAnswerTime(round: SiteRound, attempt: Attempt): Step {
  switch (attempt.state) {
    case "computed":
      return offer(round, attempt.key, attempt.content);
    case "lost":
      return to(round, { ...attempt, due: true }, [{ type: "decline", key: attempt.key, refusal: ATTEMPT_LOST }]);
    case "declined":
      return attempt.due
        ? stay(round)
        : to(round, { ...attempt, due: true }, [{ type: "decline", key: attempt.key, refusal: attempt.refusal }]);
    case "preparing":
    case "booking":
    case "acting":
      return to(round, { ...attempt, due: true }, []);
    case "offered":
    case "acknowledged":
    case "closed":
      return stay(round);
    default:
      return unreachable(attempt);
  }
}

function onComputed(round: SiteRound, attempt: Attempt, content: ChargedContent): Step {
  if (attempt.state !== "acting") return stay(round);
  const { key, due } = attempt;
  return to(round, { state: "computed", key, due: false, content }, nextTime(key, due));
}

function onAccepted(round: SiteRound, attempt: Attempt): Step {
  if (attempt.state !== "offered") return stay(round);
  const { key, content } = attempt;
  return to(round, { state: "acknowledged", key, content }, []);
}

/**
 * The coordinator asks again, or the link is back: the same bytes, the same refusal, never a new computation.
 * Before the fixed public time nothing is said. A link that is back offers only what wasn't acknowledged.
 */
function answerAgain(round: SiteRound, attempt: Attempt, unacknowledgedOnly: boolean): Step {
  const { key } = attempt;
  switch (attempt.state) {
    case "computed":
      return attempt.due ? offer(round, key, attempt.content) : stay(round);
    case "offered":
      return offer(round, key, attempt.content);
    case "acknowledged":
      return unacknowledgedOnly ? stay(round) : to(round, attempt, [{ type: "offer", key, content: attempt.content }]);
    case "declined":
      return attempt.due ? to(round, attempt, [{ type: "decline", key, refusal: attempt.refusal }]) : stay(round);
    case "lost":
      return attempt.due ? to(round, attempt, [{ type: "decline", key, refusal: ATTEMPT_LOST }]) : stay(round);
    case "preparing":
    case "booking":
    case "acting":
      return stay(round);
    case "closed":
      return unacknowledgedOnly ? stay(round) : refuse(round, key, ATTEMPT_CLOSED);
    default:
      return unreachable(attempt);
  }
}

/** Word of an attempt that is no longer, or never was, the newest. */
function onOtherAttempt(
  round: SiteRound,
  event: Exclude<RoundEvent, { type: "announced" | "closed" | "reconnected" }>,
): Step {
  if (event.type === "wanted") return refuse(round, event.key, ATTEMPT_UNKNOWN);
  if (event.type === "computed") return { round, effects: [{ type: "end", key: event.key, content: null }] };
  return stay(round);
}

function offer(round: SiteRound, key: RoundKey, content: ChargedContent): Step {
  return to(round, { state: "offered", key, content }, [{ type: "offer", key, content }]);
}

/** The refusal waits for a public time: how long this site took to find it is nobody's business. */
function declined(round: SiteRound, key: RoundKey, due: boolean, refusal: PublicRefusal): Step {
  return to(round, { state: "declined", key, due: false, refusal }, nextTime(key, due));
}

function lost(round: SiteRound, key: RoundKey, due: boolean): Step {
  return to(round, { state: "lost", key, due: false }, nextTime(key, due));
}

/** Work that missed the public time answers at the next one, never at a moment that its own length chose. */
function nextTime(key: RoundKey, missed: boolean): RoundEffect[] {
  return missed ? [{ type: "start-answer-timer", key }] : [];
}

function refuse(round: SiteRound, key: RoundKey, refusal: PublicRefusal): Step {
  return { round, effects: [{ type: "decline", key, refusal }] };
}

function to(round: SiteRound, newest: Attempt, effects: readonly RoundEffect[]): Step {
  return { round: { ...round, newest }, effects };
}

function stay(round: SiteRound): Step {
  return { round, effects: [] };
}

/** Whether `a` is a later round than `b`, or a later attempt of the same. */
export function isLater(a: RoundKey, b: RoundKey): boolean {
  return a.round > b.round || (a.round === b.round && a.attempt > b.attempt);
}

export function sameKey(a: RoundKey, b: RoundKey): boolean {
  return a.study === b.study && a.purpose === b.purpose && a.round === b.round && a.attempt === b.attempt;
}

/** An attempt's name in file names and logs. */
export function keyText(key: RoundKey): string {
  return `${key.study}/${key.purpose}-${key.round}.${key.attempt}`;
}
