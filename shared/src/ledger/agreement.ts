import { canonicalJson } from "../encoding/canonicalJson.ts";
import type { SiteName } from "../units/identity.ts";
import { holdsHead, isSpent } from "./recovery.ts";
import { sameCharge } from "./sameCharge.ts";
import type { LedgerState } from "./state.ts";

/**
 * What keeps the coordinator's ledger and one site's from telling the same story, a sentence each; none where they do:
 * each holds the head that the other saw of it, and what the site spent is spent at the coordinator, event by event.
 * The coordinator may count more: a site that it asked may never have acted.
 */
export function disagreements(coordinator: LedgerState, own: LedgerState, site: SiteName): readonly string[] {
  const ofSite = coordinator.witnessed.get(site);
  const ofCoordinator = own.witnessed.get(coordinator.tip.writer);
  const sentences: string[] = [];
  if (ofSite !== undefined && !holdsHead(own, ofSite)) {
    sentences.push(`${site}'s ledger lacks entry ${ofSite.sequence} as the coordinator saw it.`);
  }
  if (ofCoordinator !== undefined && !holdsHead(coordinator, ofCoordinator)) {
    sentences.push(`The coordinator's ledger lacks entry ${ofCoordinator.sequence} as ${site} saw it.`);
  }
  for (const [id, charge] of own.charges) {
    if (charge.body.site !== site || !isSpent(charge)) continue;
    if (isSpent(sameCharge(coordinator.charges, id, charge)?.charge)) continue;
    sentences.push(
      isSpent(coordinator.charges.get(id))
        ? `${id} is another event at ${site} than at the coordinator.`
        : `${id} is spent at ${site} and not at the coordinator.`,
    );
  }
  for (const [id, { body }] of own.sanitizings) {
    const theirs = coordinator.sanitizings.get(id);
    if (theirs === undefined) sentences.push(`${id} is spent at ${site} and not at the coordinator.`);
    else if (canonicalJson(theirs.body.events) !== canonicalJson(body.events)) {
      sentences.push(`${id} is another event at ${site} than at the coordinator.`);
    }
  }
  return sentences;
}
