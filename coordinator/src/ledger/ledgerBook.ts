import { epsilonWith, within } from "@consilium/shared/ledger/budget";
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
  return {
    append: (bodies) => void store.append(bodies),
    head: () => {
      const head = store.head();
      // One signature for each head, however many sites it is shown to.
      if (signed?.head.hash !== head.hash)
        signed = { head, signature: signStatement(signer, LEDGER_HEAD_DOMAIN, head) };
      return signed;
    },
    state: () => store.state,
    entries: () => store.entries(),
    hashAt: (sequence) => store.hashAt(sequence),
    witnessed: (site) => store.state.witnessed.get(site),
    affords: (site, dataset, document, charges) => affords(store.state, site, dataset, document, charges),
  };
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
