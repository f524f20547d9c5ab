import { Failure, toRefusal } from "@consilium/shared/failure/failure";
import { epsilonWith, within } from "@consilium/shared/ledger/budget";
import type { LedgerHead } from "@consilium/shared/ledger/entry";
import { checkHoldsHead } from "@consilium/shared/ledger/recovery";
import { capOf, type LedgerState } from "@consilium/shared/ledger/state";
import { LEDGER_HEAD_DOMAIN, type SignedHead } from "@consilium/shared/protocol/messages";
import { type Signer, signStatement } from "@consilium/shared/signing/ed25519";
import type { PlannedCharge } from "@consilium/shared/study/charges";
import type { StudyDocument } from "@consilium/shared/study/document";
import type { DatasetId, SiteName } from "@consilium/shared/units/identity";
import type { LedgerStore } from "@consilium/storage/ledgerStore";
import type { LedgerBook } from "../study/world.ts";

/** The consortium's ledger, as studies use it. */
export function ledgerBook(store: LedgerStore, signer: Signer): LedgerBook {
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
      seen.set(site, failure === null ? (held?.sequence ?? 0) : 0);
      if (failure === null) lost.delete(site);
      else lost.set(site, failure);
      return failure;
    },
    lost: () => lost,
    state: () => store.state,
    entries: () => store.entries(),
    hashAt: (sequence) => store.hashAt(sequence),
    witnessed: (site) => store.state.witnessed.get(site),
    affords: (site, dataset, document, charges) => affords(store.state, site, dataset, document, charges),
  };
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

/** Whether every part of a data set stays within its caps over all studies and within the study's own, as signed. */
export function affords(
  state: LedgerState,
  site: SiteName,
  dataset: DatasetId,
  document: StudyDocument,
  charges: readonly PlannedCharge[],
): boolean {
  const cap = capOf(state, site, dataset);
  if (cap === undefined) return false;
  const { epsilon, delta } = document.privacy;
  return [...new Set(charges.map(({ part }) => part))].every((part) => {
    const key = { site, dataset, part };
    const events = charges.filter((charge) => charge.part === part).map(({ event }) => event);
    const inStudy = (at: number): number => epsilonWith(state, key, events, at, document.name);
    return (
      within(epsilonWith(state, key, events, cap.delta), cap.epsilon) &&
      (cap.perStudy === undefined || within(inStudy(cap.delta), cap.perStudy)) &&
      within(inStudy(delta), epsilon)
    );
  });
}
