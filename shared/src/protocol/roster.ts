import { z } from "zod";
import { Failure } from "../failure/failure.ts";
import { type Signer, signStatement, verifyStatement } from "../signing/ed25519.ts";
import { PublicKey, Signature, SiteName } from "../units/identity.ts";

/** One site as the consortium knows it. Its TLS key changes daily, so it is bound in each handshake, not here. */
export const RosterSite = z.strictObject({
  site: SiteName,
  /** Signs the site's messages and ledger. */
  identityKey: PublicKey,
  /** Signs approvals and caps. */
  stewardKey: PublicKey,
  state: z.enum(["active", "revoked"]),
});
export type RosterSite = z.infer<typeof RosterSite>;

/** The sites and their pinned keys. Versions only grow, and a site once listed is never dropped: it is revoked. */
export const Roster = z.strictObject({
  version: z.number().int().nonnegative(),
  sites: z
    .array(RosterSite)
    .refine((sites) => new Set(sites.map(({ site }) => site)).size === sites.length, "a site is listed once"),
});
export type Roster = z.infer<typeof Roster>;

/** A roster with the lead's (coordinator's) signature. */
export const SignedRoster = z.strictObject({ roster: Roster, signature: Signature });
export type SignedRoster = z.infer<typeof SignedRoster>;

export const EMPTY_ROSTER: Roster = { version: 0, sites: [] };

/** The next version with this site as given: new, with new keys, or revoked. */
export function withSite(roster: Roster, entry: RosterSite): Roster {
  const others = roster.sites.filter(({ site }) => site !== entry.site);
  const sites = [...others, entry].sort((a, b) => (a.site < b.site ? -1 : 1));
  return { version: roster.version + 1, sites };
}

/** The entry of a site that may act; a revoked one is as good as none. */
export function activeSite(roster: Roster, site: SiteName): RosterSite | undefined {
  return roster.sites.find((entry) => entry.site === site && entry.state === "active");
}

const ROSTER_DOMAIN = "roster";

export function signRoster(roster: Roster, lead: Signer): SignedRoster {
  return { roster, signature: signStatement(lead, ROSTER_DOMAIN, roster) };
}

/**
 * The roster to go on with after `received` arrived: refused when the lead didn't sign it, when it is older than
 * `current`, when it differs at the same version, or when a known site is missing from it.
 */
export function acceptRoster(current: Roster, received: SignedRoster, leadKey: PublicKey): Roster {
  const { roster, signature } = received;
  if (!verifyStatement(leadKey, ROSTER_DOMAIN, roster, signature))
    throw refused("signature-invalid", "is not signed by the lead");
  if (roster.version < current.version)
    throw refused("outdated", `is of version ${roster.version}, after ${current.version}`);
  const known = JSON.stringify(current.sites);
  if (roster.version === current.version && JSON.stringify(roster.sites) !== known) {
    throw refused("forked", `differs from the one known as version ${roster.version}`);
  }
  const dropped = current.sites.find(({ site }) => !roster.sites.some((entry) => entry.site === site));
  if (dropped !== undefined) throw refused("site-dropped", `no longer lists ${dropped.site}`);
  return roster;
}

function refused(what: string, why: string): Failure {
  return new Failure({
    code: `roster/${what}`,
    kind: "refused",
    what: `The roster ${why}.`,
    remedy: "Compare fingerprints with the lead by telephone before going on.",
  });
}
