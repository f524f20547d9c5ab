import { Failure, type Refusal, toRefusal } from "@consilium/shared/failure/failure";
import { LEDGER_HEAD_DOMAIN, type SignedHead } from "@consilium/shared/protocol/messages";
import type { Ready } from "@consilium/shared/protocol/ready";
import { activeSite } from "@consilium/shared/protocol/roster";
import { verifyStatement } from "@consilium/shared/signing/ed25519";
import { COORDINATOR, type PartyName, type PublicKey, type SiteName } from "@consilium/shared/units/identity";
import type { StudyWorld } from "../study/world.ts";
import type { Restores } from "./restores.ts";

/**
 * Why a site that connects may not take part: a head that it shows was not signed by whose it is. Where a ledger lost
 * entries, ours or the site's own, the site is let in all the same, but stays apart until both sides accepted that.
 */
export function admissionRefusal(
  { signer, roster }: Pick<StudyWorld, "signer" | "roster">,
  restores: Pick<Restores, "stands">,
  site: SiteName,
  ready: Ready,
): Refusal | null {
  const entry = activeSite(roster().roster, site);
  const { own, held, forgone } = ready;
  const isGenuine =
    entry !== undefined &&
    isOf(own, site, entry.identityKey) &&
    (forgone === undefined || forgone.writer === site) &&
    (held === null || isOf(held, COORDINATOR, signer.publicKey));
  if (!isGenuine) return toRefusal(notSigned(site));
  restores.stands(site, ready);
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
