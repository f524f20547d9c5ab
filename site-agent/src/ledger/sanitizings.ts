import { type SignedSanitizing, sanitizingsToTake, sanitizingsToTell } from "@consilium/shared/ledger/sanitizingTold";
import { SANITIZINGS_TOLD_MAX } from "@consilium/shared/protocol/messages";
import type { Signer } from "@consilium/shared/signing/ed25519";
import type { Logger } from "@consilium/shared/system/logger";
import { COORDINATOR, type SiteName } from "@consilium/shared/units/identity";
import { type Outgoing, sanitizingsTold } from "../disclosure/outgoing.ts";
import type { SiteLedger } from "./store.ts";

/** Whose ledger it is, and who signs. */
export interface SanitizingSite {
  readonly config: { readonly name: SiteName };
  readonly keys: { readonly identity: Signer };
  readonly ledger: Pick<SiteLedger, "state" | "append">;
}

/** Messages that tell the coordinator of all that was sanitized here; what it knows already it takes no second time. */
export function sanitizingMessages({ config, keys, ledger }: SanitizingSite): readonly Outgoing[] {
  const all = sanitizingsToTell(ledger.state, config.name, keys.identity);
  return Array.from({ length: Math.ceil(all.length / SANITIZINGS_TOLD_MAX) }, (_, index) =>
    sanitizingsTold(all.slice(index * SANITIZINGS_TOLD_MAX, (index + 1) * SANITIZINGS_TOLD_MAX)),
  );
}

/**
 * Charges that the coordinator holds by this site's own signature and this ledger lacks, since it was put back from an
 * older copy: spent again, cap or no cap.
 */
export function takeHeldSanitizings(
  { config: { name: site }, keys: { identity }, ledger }: SanitizingSite,
  held: readonly SignedSanitizing[],
  logger: Pick<Logger, "warn">,
): void {
  const lost = sanitizingsToTake(ledger.state, held, { site, key: identity.publicKey, from: COORDINATOR });
  const nothing = (): void => {};
  if (lost.length === 0) return;
  ledger.append(lost, nothing, nothing);
  logger.warn("sanitizings-restored", { charges: lost.length });
}
