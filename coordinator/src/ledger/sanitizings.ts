import { Failure } from "@consilium/shared/failure/failure";
import { sanitizingsHeld, sanitizingsToTake } from "@consilium/shared/ledger/sanitizingTold";
import { type CoordinatorMessage, SANITIZINGS_TOLD_MAX, type SiteMessage } from "@consilium/shared/protocol/messages";
import { activeSite } from "@consilium/shared/protocol/roster";
import type { SiteName } from "@consilium/shared/units/identity";
import type { StudyWorld } from "../study/world.ts";

/** What of the world is asked here. */
interface Books {
  readonly ledger: Pick<StudyWorld["ledger"], "state" | "append">;
  readonly roster: StudyWorld["roster"];
}

type Told = Extract<SiteMessage, { type: "sanitizings-told" }>;

/**
 * Takes what a site says that it did to whole data sets into our ledger, each charge once, cap or no cap: the site's
 * own ledger decided, and has spent it. Only what that site signed. Returns how many were new.
 */
export function takeSanitizings({ ledger, roster }: Books, site: SiteName, { charges }: Told): number {
  const key = activeSite(roster().roster, site)?.identityKey;
  const taken = key === undefined ? [] : sanitizingsToTake(ledger.state(), charges, { site, key, from: site });
  if (taken.length > 0) ledger.append(taken);
  const { sanitizings } = ledger.state();
  if (charges.every(({ charge }) => sanitizings.get(charge)?.body.site === site)) return taken.length;
  throw new Failure({
    code: "ledger/sanitizing-not-signed",
    kind: "refused",
    what: `What ${site} tells of its sanitized data sets is not signed with its identity key, or bears another's charge.`,
    remedy: "Compare fingerprints with the lead by telephone.",
    fields: { site },
  });
}

/** What a site that connects hears of its own: null where there is nothing. */
export function heldSanitizings({ ledger }: Pick<Books, "ledger">, site: SiteName): CoordinatorMessage | null {
  // Of more the newest: a copy that was put back lacks those.
  const charges = sanitizingsHeld(ledger.state(), site).slice(-SANITIZINGS_TOLD_MAX);
  return charges.length === 0 ? null : { type: "sanitizings-held", charges: [...charges] };
}
