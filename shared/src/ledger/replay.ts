import { assert, Failure, unreachable } from "../failure/failure.ts";
import type { PartyName } from "../units/identity.ts";
import { accountFor, sharedWith, spend, spendWhole } from "./account.ts";
import { dayOf } from "./cap.ts";
import { capFilters, epsilonUnder } from "./capFilter.ts";
import { tipOf } from "./chain.ts";
import type { ChargeId, LedgerEntry } from "./entry.ts";
import { checkNewer, isOwnRestore } from "./heads.ts";
import { checkAffordable, checkWholeAffordable } from "./limit.ts";
import { bytesOf } from "./merkle.ts";
import { giveNotices } from "./notice.ts";
import { requireMade, requireSameSanitized, requireSanitized } from "./postProcessing.ts";
import {
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
  type SanitizingBody,
  type StudyApproved,
  type StudyCapSet,
  studiesOn,
} from "./state.ts";
import { bothSigned, raiseSettledBy, stewardSettledBy } from "./twoPeople.ts";
import { drop, inOrder, put, type Undo } from "./undo.ts";

/** State of a ledger from its entries, whose chain was verified before. Throws where an entry breaks a rule. */
export function replay(writer: PartyName, entries: Iterable<LedgerEntry>): LedgerState {
  const state = emptyState(writer);
  for (const entry of entries) apply(state, entry);
  return state;
}

/**
 * The only place where a ledger's state changes. A refused entry leaves it as it was; the returned function takes an
 * accepted one back (newest first), for a transaction that fails after it.
 * Life of a charge: reserved → acting → committed, or reserved → cancelled; of a whole data set's: sanitizing →
 * committed.
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
      requireSameSanitized(state, body);
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
    case "sanitizing":
      return sanitize(state, body, entry);
    case "committed": {
      const whole = state.sanitizings.get(body.charge);
      if (whole?.state === "acting")
        return put(state.sanitizings, body.charge, { ...whole, state: "committed", result: body.result });
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
    case "records-released":
      requireMade(state, body);
      return () => undefined;
    case "head-witnessed":
      checkNewer(state.witnessed.get(body.head.writer), body.head);
      return put(state.witnessed, body.head.writer, body.head);
    case "restore-accepted":
      return isOwnRestore(state, body)
        ? put(state.forgone, headKey(body.lost), body)
        : put(state.witnessed, body.accepted.writer, body.accepted);
    case "study-moved":
    case "refusal-noted":
    case "released":
    case "release-answered":
    case "gate-overridden":
    case "release-revoked":
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
  if (body.event.kind === "post-processing") requireSanitized(state, body);
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

/** What caps let through is spent at once; what somebody else's ledger tells of was, whatever they say. */
function sanitize(state: LedgerState, body: SanitizingBody, entry: LedgerEntry): Undo {
  const known = state.charges.get(body.charge) ?? state.sanitizings.get(body.charge);
  if (known !== undefined) throw wrongState(body.charge, known.state, "sanitizing");
  bothSigned(body);
  if (body.from === undefined) checkWholeAffordable(state, body, state.day);
  const whole = { body, at: entry.at, state: "acting", result: null } as const;
  return inOrder(spendWhole(state, body), put(state.sanitizings, body.charge, whole), noticesOn(state, body, entry));
}

/** What a changed cap, a data set's charge, or one from elsewhere, makes of all that is booked on its data set. */
function noticesOn(
  state: LedgerState,
  { site, dataset }: CapSet | StudyCapSet | PeriodCapSet | RecoveredBody | SanitizingBody,
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

function chargeIn(state: LedgerState, id: ChargeId, wanted: ChargeState, next: ChargeState): Charge {
  const charge = state.charges.get(id);
  if (charge === undefined || charge.state !== wanted) throw wrongState(id, charge?.state ?? "unknown", next);
  return charge;
}

function wrongState(
  charge: ChargeId,
  state: ChargeState | "unknown",
  next: ChargeState | "recovered" | "sanitizing",
): Failure {
  return new Failure({
    code: "ledger/charge-state",
    kind: "refused",
    what: `Charge ${charge} is ${state} and can't become ${next}.`,
    remedy: "A charge goes from reserved to acting to committed, or from reserved to cancelled; begin a new attempt.",
    fields: { charge, state, next },
  });
}
