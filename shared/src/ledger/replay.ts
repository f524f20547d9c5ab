import { canonicalJson } from "../encoding/canonicalJson.ts";
import type { PrivacyEvent } from "../event/event.ts";
import { assert, Failure, unreachable } from "../failure/failure.ts";
import type { PartyName } from "../units/identity.ts";
import { dayOf } from "./cap.ts";
import { capFilters, epsilonUnder } from "./capFilter.ts";
import { tipOf } from "./chain.ts";
import type { ChargeId, LedgerEntry } from "./entry.ts";
import { checkNewer, isOwnRestore } from "./heads.ts";
import { checkAffordable } from "./limit.ts";
import { bytesOf } from "./merkle.ts";
import { giveNotices } from "./notice.ts";
import {
  type Account,
  type CapSet,
  type Charge,
  type ChargeState,
  emptyState,
  headKey,
  type LedgerState,
  lastDecision,
  type PeriodCapSet,
  type RecoveredBody,
  type ReservedBody,
  type StudyApproved,
  type StudyCapSet,
  studiesOn,
} from "./state.ts";
import type { Tally } from "./tally.ts";
import { raiseSettledBy, stewardSettledBy } from "./twoPeople.ts";

/** Takes back one change of the state. */
export type Undo = () => void;

/** State of a ledger from its entries, whose chain was verified before. Throws where an entry breaks a rule. */
export function replay(writer: PartyName, entries: Iterable<LedgerEntry>): LedgerState {
  const state = emptyState(writer);
  for (const entry of entries) apply(state, entry);
  return state;
}

/**
 * The only place where a ledger's state changes. A refused entry leaves it as it was; the returned function takes an
 * accepted one back (newest first), for a transaction that fails after it.
 * Life of a charge: reserved → acting → committed, or reserved → cancelled.
 */
export function apply(state: LedgerState, entry: LedgerEntry): Undo {
  assert(entry.writer === state.tip.writer && entry.sequence === state.tip.sequence + 1, "entries come in order");
  const [previous, dayBefore] = [state.tip, state.day];
  state.day = Math.max(dayBefore, dayOf(entry.at));
  let undo: Undo;
  try {
    undo = applyBody(state, entry);
  } catch (error) {
    state.day = dayBefore;
    throw error;
  }
  state.tip = tipOf(entry);
  state.tree.append(bytesOf(entry.hash));
  return () => {
    state.tip = previous;
    state.tree.truncate(previous.sequence);
    undo();
    state.day = dayBefore;
  };
}

function applyBody(state: LedgerState, entry: LedgerEntry): Undo {
  const { body } = entry;
  switch (body.kind) {
    case "cap-set":
    case "study-cap-set":
    case "period-cap-set":
      return inOrder(putCap(state, body), noticesOn(state, body, entry));
    case "steward-added":
      return () => undefined;
    case "steward-asked":
      return put(state.newcomers, body.statement, { asked: body, at: entry.at, settled: null });
    case "steward-settled":
      return put(state.newcomers, body.request, { ...stewardSettledBy(state, body), settled: body });
    case "raise-asked":
      return put(state.raises, body.statement, { asked: body, at: entry.at, settled: null });
    case "raise-settled":
      return put(state.raises, body.request, { ...raiseSettledBy(state, body), settled: body });
    case "study-approved":
      return inOrder(put(state.approvals, `${body.site}/${body.study}`, body), decided(state, body));
    case "reserved":
      return reserve(state, body, entry);
    case "acting": {
      const charge = chargeIn(state, body.charge, "reserved", "acting");
      return inOrder(
        put(state.charges, body.charge, { body: charge.body, state: "acting" }),
        drop(accountFor(state, charge.body).open, body.charge),
        spend(accountFor(state, charge.body), charge.body, state.day),
      );
    }
    case "committed": {
      const charge = chargeIn(state, body.charge, "acting", "committed");
      return put(state.charges, body.charge, { body: charge.body, state: "committed" });
    }
    case "cancelled": {
      const charge = chargeIn(state, body.charge, "reserved", "cancelled");
      return inOrder(
        put(state.charges, body.charge, { body: charge.body, state: "cancelled" }),
        drop(accountFor(state, charge.body).open, body.charge),
      );
    }
    case "recovered":
      return inOrder(recover(state, body), noticesOn(state, body, entry));
    case "head-witnessed":
      checkNewer(state.witnessed.get(body.head.writer), body.head);
      return put(state.witnessed, body.head.writer, body.head);
    case "restore-accepted":
      return isOwnRestore(state, body)
        ? put(state.forgone, headKey(body.lost), body.lost)
        : put(state.witnessed, body.accepted.writer, body.accepted);
    case "study-moved":
    case "refusal-noted":
    case "released":
      return () => undefined;
    default:
      return unreachable(body);
  }
}

/** A cap of null is one that was lifted. */
function putCap(state: LedgerState, body: CapSet | StudyCapSet | PeriodCapSet): Undo {
  const on = `${body.site}/${body.dataset}`;
  if (body.kind === "cap-set") return put(state.caps, on, body);
  if (body.kind === "study-cap-set")
    return body.epsilon === null
      ? drop(state.studyCaps, `${on}/${body.study}`)
      : put(state.studyCaps, `${on}/${body.study}`, body);
  return body.epsilon === null
    ? drop(state.periodCaps, `${on}/${body.period}`)
    : put(state.periodCaps, `${on}/${body.period}`, body);
}

/** A late approval of an older decision doesn't take the newest one's place. */
function decided(state: LedgerState, { site, dataset, number = 0 }: StudyApproved): Undo {
  return put(state.decided, `${site}/${dataset}`, Math.max(number, lastDecision(state, site, dataset)));
}

function reserve(state: LedgerState, body: ReservedBody, entry: LedgerEntry): Undo {
  const known = state.charges.get(body.charge);
  if (known !== undefined) throw wrongState(body.charge, known.state, "reserved");
  const uses = checkAffordable(state, body, state.day);
  const account = accountFor(state, body);
  const { kind, charge, round, attempt } = body;
  // By its fields, in one object: there are as many of these as charges.
  const { site, dataset, part, study, event } = sharedWith(state, account, body);
  const kept: ReservedBody = { kind, charge, site, dataset, part, study, round, attempt, event };
  return inOrder(
    put(state.charges, charge, { body: kept, state: "reserved" }),
    put(account.open, charge, kept),
    giveNotices(state, body, uses, entry),
  );
}

/** What a changed cap, or a charge from elsewhere, makes of all that is booked on its data set. */
function noticesOn(
  state: LedgerState,
  { site, dataset }: CapSet | StudyCapSet | PeriodCapSet | RecoveredBody,
  entry: LedgerEntry,
): Undo {
  const filters = [null, ...studiesOn(state, site, dataset)].flatMap((study) =>
    capFilters(state, site, dataset, study).filter((filter) => filter.study === study),
  );
  const uses = filters.map((filter) => ({
    filter,
    epsilon: epsilonUnder(state, filter, { site, dataset }, state.day),
  }));
  return giveNotices(state, { site, dataset }, uses, entry);
}

function recover(state: LedgerState, body: RecoveredBody): Undo {
  const known = state.charges.get(body.charge);
  if (known !== undefined && known.state !== "cancelled") throw wrongState(body.charge, known.state, "recovered");
  const account = accountFor(state, body);
  const kept = { ...body, ...sharedWith(state, account, body) };
  return inOrder(spend(account, kept, state.day), put(state.charges, body.charge, { body: kept, state: "acting" }));
}

/** Books a charge as spent: on the account, on its study's share of it, and on the day. */
function spend(account: Account, { event, study }: ReservedBody | RecoveredBody, day: number): Undo {
  return inOrder(
    count(account.spent, event),
    countIn(account.spentByStudy, study, event),
    countIn(account.spentByDay, day, event),
  );
}

function count(tally: Tally, event: PrivacyEvent): Undo {
  return put(tally, event, (tally.get(event) ?? 0) + 1);
}

/** In the tally of one study or day, which its first charge opens. */
function countIn<Key>(tallies: Map<Key, Tally>, key: Key, event: PrivacyEvent): Undo {
  const tally = tallies.get(key);
  return tally === undefined ? put(tallies, key, new Map([[event, 1]])) : count(tally, event);
}

/** What a charge has in common with others, as they have it: so kept, a charge takes a fraction of its entry. */
function sharedWith(
  { events, studies }: LedgerState,
  { site, dataset, part }: Account,
  body: ReservedBody | RecoveredBody,
): Pick<ReservedBody, "site" | "dataset" | "part" | "study" | "event"> {
  const event = firstOf(events, canonicalJson(body.event), body.event);
  return { site, dataset, part, study: firstOf(studies, body.study, body.study), event };
}

/** The value that was there first. */
function firstOf<Key, Value>(known: Map<Key, Value>, key: Key, value: Value): Value {
  const first = known.get(key);
  if (first === undefined) known.set(key, value);
  return first ?? value;
}

/** The account of a charge; opened when first needed, and left open: an empty account says the same as none. */
function accountFor(state: LedgerState, body: ReservedBody | RecoveredBody): Account {
  const { site, dataset, part } = body;
  const key = `${site}/${dataset}/${part}`;
  const known = state.accounts.get(key);
  if (known !== undefined) return known;
  const account = {
    site,
    dataset,
    part,
    spent: new Map(),
    spentByStudy: new Map(),
    spentByDay: new Map(),
    open: new Map(),
  };
  state.accounts.set(key, account);
  return account;
}

function chargeIn(state: LedgerState, id: ChargeId, wanted: ChargeState, next: ChargeState): Charge {
  const charge = state.charges.get(id);
  if (charge === undefined || charge.state !== wanted) throw wrongState(id, charge?.state ?? "unknown", next);
  return charge;
}

function wrongState(charge: ChargeId, state: ChargeState | "unknown", next: ChargeState | "recovered"): Failure {
  return new Failure({
    code: "ledger/charge-state",
    kind: "refused",
    what: `Charge ${charge} is ${state} and can't become ${next}.`,
    remedy: "A charge goes from reserved to acting to committed, or from reserved to cancelled; begin a new attempt.",
    fields: { charge, state, next },
  });
}

function put<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): Undo {
  const before = map.get(key);
  map.set(key, value);
  return () => {
    if (before === undefined) map.delete(key);
    else map.set(key, before);
  };
}

function drop<Key, Value>(map: Map<Key, Value>, key: Key): Undo {
  const before = map.get(key);
  map.delete(key);
  return () => {
    if (before !== undefined) map.set(key, before);
  };
}

/** One undo for several changes made in this order. */
function inOrder(...undos: readonly Undo[]): Undo {
  return () => {
    for (const undo of undos.toReversed()) undo();
  };
}
