import { canonicalJson } from "../encoding/canonicalJson.ts";
import type { LedgerEvent } from "../event/recordEvent.ts";
import { Part } from "./entry.ts";
import type { Account, LedgerState, RecoveredBody, ReservedBody, SanitizingBody } from "./state.ts";
import type { Tally } from "./tally.ts";
import { inOrder, put, type Undo } from "./undo.ts";

/** Books a charge as spent: on the account, on its study's share of it, and on the day. */
export function spend(account: Account, { event, study }: ReservedBody | RecoveredBody, day: number): Undo {
  return inOrder(
    count(account.spent, event),
    countIn(account.spentByStudy, study, event),
    countIn(account.spentByDay, day, event),
  );
}

/** Books what a sanitizer did to a data set: on the account of each part, for a patient is in one, and on the day. */
export function spendWhole(state: LedgerState, { site, dataset, events }: SanitizingBody): Undo {
  const undos = Part.options.flatMap((part) => {
    const { spent, spentByDay } = accountFor(state, { site, dataset, part });
    return events.flatMap((done) => {
      const event = firstOf(state.recordEvents, canonicalJson(done), done);
      return [count(spent, event), countIn(spentByDay, state.day, event)];
    });
  });
  return inOrder(...undos);
}

function count(tally: Tally, event: LedgerEvent): Undo {
  return put(tally, event, (tally.get(event) ?? 0) + 1);
}

/** In the tally of one study or day, which its first charge opens. */
function countIn<Key>(tallies: Map<Key, Tally>, key: Key, event: LedgerEvent): Undo {
  const tally = tallies.get(key);
  return tally === undefined ? put(tallies, key, new Map([[event, 1]])) : count(tally, event);
}

/** What a charge has in common with others, as they have it: so kept, a charge takes a fraction of its entry. */
export function sharedWith(
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
export function accountFor(
  state: LedgerState,
  { site, dataset, part }: Pick<Account, "site" | "dataset" | "part">,
): Account {
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
