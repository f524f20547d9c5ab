import { Failure, type Refusal, toRefusal } from "@consilium/shared/failure/failure";
import { LEDGER_HEAD_DOMAIN, type SignedHead } from "@consilium/shared/protocol/messages";
import type { Ready } from "@consilium/shared/protocol/ready";
import { activeSite } from "@consilium/shared/protocol/roster";
import { verifyStatement } from "@consilium/shared/signing/ed25519";
import { COORDINATOR, type PartyName, type PublicKey, type SiteName } from "@consilium/shared/units/identity";
import type { StudyWorld } from "../study/world.ts";

/**
 * Why a site that connects may not take part: its own ledger lost entries that it once showed, or a head that it shows
 * was not signed by whose it is. Where it is our ledger that lost some, the site is let in, because it knows what they
 * charged; until they are taken over no round is opened.
 */
export function admissionRefusal(
  world: Pick<StudyWorld, "ledger" | "signer" | "logger" | "roster">,
  site: SiteName,
  { own, held }: Ready,
): Refusal | null {
  const { ledger, signer, logger } = world;
  const entry = activeSite(world.roster().roster, site);
  const isGenuine =
    entry !== undefined &&
    isOf(own, site, entry.identityKey) &&
    (held === null || isOf(held, COORDINATOR, signer.publicKey));
  if (!isGenuine) return toRefusal(notSigned(site));
  const known = ledger.witnessed(site);
  if (known !== undefined && own.head.sequence < known.sequence)
    return toRefusal(siteBehind(site, own, known.sequence));
  const lost = ledger.siteHolds(site, held?.head ?? null);
  if (lost !== null) logger.error(lost.code.replace("/", "-"), { site, holds: held?.head.sequence ?? 0 });
  return null;
}

function isOf({ head, signature }: SignedHead, writer: PartyName, key: PublicKey): boolean {
  return head.writer === writer && verifyStatement(key, LEDGER_HEAD_DOMAIN, head, signature);
}

function notSigned(site: SiteName): Failure {
  return new Failure({
    code: "ledger/head-not-signed",
    kind: "refused",
    what: `${site} shows a ledger's head that its writer did not sign.`,
    remedy: "Compare fingerprints with the lead by telephone.",
    fields: { site },
  });
}

function siteBehind(site: SiteName, { head }: SignedHead, known: number): Failure {
  return new Failure({
    code: "ledger/site-behind",
    kind: "refused",
    what: `${site}'s ledger ends at entry ${head.sequence}, but had reached entry ${known}: it was restored from an older copy.`,
    remedy:
      "Stop the agent and put the newer copy of its data folder back: what the site spent since is in there alone.",
    fields: { site, sequence: head.sequence, known },
  });
}
