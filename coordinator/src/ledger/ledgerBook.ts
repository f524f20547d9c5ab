import { Failure, toRefusal } from "@consilium/shared/failure/failure";
import { today } from "@consilium/shared/ledger/capFilter";
import type { LedgerEntry, LedgerHead } from "@consilium/shared/ledger/entry";
import { limitsOn, limitText, passedLimit } from "@consilium/shared/ledger/limit";
import { checkHoldsHead, holdsHead } from "@consilium/shared/ledger/recovery";
import type { LedgerState } from "@consilium/shared/ledger/state";
import { LEDGER_HEAD_DOMAIN, type SignedHead } from "@consilium/shared/protocol/messages";
import { type Signer, signStatement } from "@consilium/shared/signing/ed25519";
import type { SiteName } from "@consilium/shared/units/identity";
import type { LedgerStore } from "@consilium/storage/ledgerStore";
import type { LedgerBook } from "../study/world.ts";

/** The consortium's ledger, as studies use it. */
export function ledgerBook(store: LedgerStore, signer: Signer, now: () => Date): LedgerBook {
  let signed: SignedHead | null = null;
  /** Length of our ledger as each site saw it last; links keep the order, so it saw all that was sent before. */
  const seen = new Map<SiteName, number>();
  const lost = new Map<SiteName, Failure>();
  const head = (): SignedHead => {
    const newest = store.head();
    // One signature for each head, however many sites it is shown to.
    if (signed?.head.hash !== newest.hash)
      signed = { head: newest, signature: signStatement(signer, LEDGER_HEAD_DOMAIN, newest) };
    return signed;
  };
  return {
    append: (bodies) => void store.append(bodies),
    head,
    shownTo: (site) => {
      const consistency = store.consistency(seen.get(site) ?? 0);
      const shown = head();
      seen.set(site, shown.head.sequence);
      return { head: shown, consistency, witnessed: store.state.witnessed.get(site) ?? null };
    },
    siteHolds: (site, held) => {
      const failure = held === null ? null : lossOf(store.state, site, held);
      seen.set(site, held !== null && holdsHead(store.state, held) ? held.sequence : 0);
      if (failure === null) lost.delete(site);
      else lost.set(site, failure);
      return failure;
    },
    lost: () => lost,
    state: () => store.state,
    entries: () => store.entries(),
    read: (to) => readTo(store, to),
    hashAt: (sequence) => store.hashAt(sequence),
    witnessed: (site) => store.state.witnessed.get(site),
    shortOf: (site, dataset, document, charges) => {
      const purse = { site, dataset, document };
      if (limitsOn(store.state, purse).length === 0) return "the cap that its data set lacks";
      const passed = passedLimit(store.state, purse, charges, today(store.state, now()));
      return passed === null ? null : limitText(passed.limit);
    },
  };
}

/** Entries at once: rounds wait some hundredths of a second at most while a long ledger is read. */
const PAGE = 1000;

async function readTo(store: LedgerStore, to: number): Promise<readonly LedgerEntry[]> {
  const entries: LedgerEntry[] = [];
  for (let page = store.entries(0, PAGE); page.length > 0; page = store.entries(entries.length, PAGE)) {
    for (const entry of page) entries.push(entry);
    if (entries.length >= to) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return entries.slice(0, to);
}

/** What says that our ledger lost or rewrote a head that a site holds; null where it goes on from it. */
function lossOf(state: LedgerState, site: SiteName, held: LedgerHead): Failure | null {
  try {
    checkHoldsHead(state, held);
    return null;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return new Failure({ ...toRefusal(error), what: `${error.message} ${site} holds that entry's head.` });
  }
}
