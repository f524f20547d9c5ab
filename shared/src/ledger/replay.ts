import { addCurves, curveOf } from "../accountant/rdp.ts";
import { assert, Failure, unreachable } from "../failure/failure.ts";
import type { PartyName } from "../units/identity.ts";
import { checkAffordable } from "./budget.ts";
import { tipOf } from "./chain.ts";
import type { ChargeId, LedgerBody, LedgerEntry, LedgerHead } from "./entry.ts";
import { bytesOf } from "./merkle.ts";
import {
  type Account,
  type Charge,
  type ChargeState,
  emptyState,
  type LedgerState,
  NOTHING_SPENT,
  type RecoveredBody,
  type ReservedBody,
  type Spent,
} from "./state.ts";

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
  const undo = applyBody(state, entry.body);
  const previous = state.tip;
  state.tip = tipOf(entry);
  state.tree.append(bytesOf(entry.hash));
  return () => {
    state.tip = previous;
    state.tree.truncate(previous.sequence);
    undo();
  };
}

function applyBody(state: LedgerState, body: LedgerBody): Undo {
  switch (body.kind) {
    case "cap-set":
      return put(state.caps, `${body.site}/${body.dataset}`, body);
    case "study-approved":
      return put(state.approvals, `${body.site}/${body.study}`, body);
    case "reserved":
      return reserve(state, body);
    case "acting": {
      const charge = chargeIn(state, body.charge, "reserved", "acting");
      return inOrder(
        put(state.charges, body.charge, { ...charge, state: "acting" }),
        drop(accountFor(state, charge.body).open, body.charge),
        spend(accountFor(state, charge.body), charge.body),
      );
    }
    case "committed": {
      const charge = chargeIn(state, body.charge, "acting", "committed");
      return put(state.charges, body.charge, { ...charge, state: "committed", result: body.result });
    }
    case "cancelled": {
      const charge = chargeIn(state, body.charge, "reserved", "cancelled");
      return inOrder(
        put(state.charges, body.charge, { ...charge, state: "cancelled" }),
        drop(accountFor(state, charge.body).open, body.charge),
      );
    }
    case "recovered":
      return recover(state, body);
    case "head-witnessed":
      checkNewer(state.witnessed.get(body.head.writer), body.head);
      return put(state.witnessed, body.head.writer, body.head);
    case "study-moved":
    case "refusal-noted":
    case "released":
      return () => undefined;
    default:
      return unreachable(body);
  }
}

function reserve(state: LedgerState, body: ReservedBody): Undo {
  const known = state.charges.get(body.charge);
  if (known !== undefined) throw wrongState(body.charge, known.state, "reserved");
  checkAffordable(state, body);
  return inOrder(
    put(state.charges, body.charge, { body, state: "reserved" }),
    put(accountFor(state, body).open, body.charge, body),
  );
}

function recover(state: LedgerState, body: RecoveredBody): Undo {
  const known = state.charges.get(body.charge);
  if (known !== undefined && known.state !== "cancelled") throw wrongState(body.charge, known.state, "recovered");
  return inOrder(spend(accountFor(state, body), body), put(state.charges, body.charge, { body, state: "acting" }));
}

/** Books a charge as spent: on the account, and on its study's share of it. */
function spend(account: Account, body: ReservedBody | RecoveredBody): Undo {
  const before = account.spent;
  account.spent = spentWith(before, body);
  const undoStudy = put(
    account.spentByStudy,
    body.study,
    spentWith(account.spentByStudy.get(body.study) ?? NOTHING_SPENT, body),
  );
  return () => {
    account.spent = before;
    undoStudy();
  };
}

function spentWith(spent: Spent, body: ReservedBody | RecoveredBody): Spent {
  const curve = curveOf(body.event);
  const isTraining = body.part === "train" && body.event.kind === "poisson-gaussian";
  return {
    all: addCurves(spent.all, curve),
    training: isTraining ? addCurves(spent.training, curve) : spent.training,
  };
}

/** The account of a charge; opened when first needed, and left open: an empty account says the same as none. */
function accountFor(state: LedgerState, body: ReservedBody | RecoveredBody): Account {
  const { site, dataset, part } = body;
  const key = `${site}/${dataset}/${part}`;
  const known = state.accounts.get(key);
  if (known !== undefined) return known;
  const account = { site, dataset, part, spent: NOTHING_SPENT, spentByStudy: new Map(), open: new Map() };
  state.accounts.set(key, account);
  return account;
}

function chargeIn(state: LedgerState, id: ChargeId, wanted: ChargeState, next: ChargeState): Charge {
  const charge = state.charges.get(id);
  if (charge === undefined || charge.state !== wanted) throw wrongState(id, charge?.state ?? "unknown", next);
  return charge;
}

/** Throws `ledger/head-disagrees` for a head that is older than the newest seen of its writer, or rewrites it. */
function checkNewer(known: LedgerHead | undefined, head: LedgerHead): void {
  if (known === undefined || head.sequence > known.sequence) return;
  if (head.sequence === known.sequence && head.hash === known.hash) return;
  throw new Failure({
    code: "ledger/head-disagrees",
    kind: "refused",
    what:
      `${head.writer} showed entry ${head.sequence} as the head of its ledger, but had shown entry ` +
      `${known.sequence} before: its past was lost or rewritten.`,
    remedy: `Let ${head.writer} recover its ledger from the other side's charges before any round goes on.`,
    fields: { writer: head.writer, sequence: head.sequence, known: known.sequence },
  });
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
