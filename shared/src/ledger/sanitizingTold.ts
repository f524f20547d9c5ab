import { type Signer, signStatement, verifyStatement } from "../signing/ed25519.ts";
import type { PartyName, PublicKey, SiteName } from "../units/identity.ts";
import type { LedgerState, SanitizingBody } from "./state.ts";

/** Domain of a site's signature over what a sanitizer did there. */
const SANITIZING_DOMAIN = "sanitizing";

/** What a site says of one charge of a whole data set: names, events and who signed. */
export type SanitizingWords = Pick<SanitizingBody, "charge" | "dataset" | "events" | "disclosure" | "statement">;

/** The same with the site's signature, as it crosses the link in both directions. */
export interface SignedSanitizing extends SanitizingWords {
  readonly signature: NonNullable<SanitizingBody["signature"]>;
}

/**
 * All that a site did to whole data sets, to be told whenever a link begins: the coordinator takes each once. What the
 * site had back from the coordinator is among it: that one may have been put back from an older copy since.
 */
export function sanitizingsToTell(state: LedgerState, site: SiteName, identity: Signer): readonly SignedSanitizing[] {
  return ofSite(state, site).map((body) => {
    const words = wordsOf(body);
    return { ...words, signature: body.signature ?? signStatement(identity, SANITIZING_DOMAIN, { site, ...words }) };
  });
}

/** What the coordinator knows by a site's own signature: told back, so that a site put back from a copy has it. */
export function sanitizingsHeld(state: LedgerState, site: SiteName): readonly SignedSanitizing[] {
  return ofSite(state, site).flatMap((body) =>
    body.signature === undefined ? [] : [{ ...wordsOf(body), signature: body.signature }],
  );
}

/**
 * What to append of charges that were told: those that are new here and that the site itself signed, whoever brings
 * them. Nobody else's word spends a site's budget.
 */
export function sanitizingsToTake(
  state: LedgerState,
  told: readonly SignedSanitizing[],
  { site, key, from }: { readonly site: SiteName; readonly key: PublicKey; readonly from: PartyName },
): readonly SanitizingBody[] {
  // One message may name a charge twice: it is one charge.
  const each = [...new Map(told.map((one) => [one.charge, one])).values()];
  return each.flatMap(({ signature, ...words }) => {
    const isKnown = state.sanitizings.has(words.charge) || state.charges.has(words.charge);
    const isSigned = verifyStatement(key, SANITIZING_DOMAIN, { site, ...words }, signature);
    return isKnown || !isSigned ? [] : [{ kind: "sanitizing" as const, site, ...words, from, signature }];
  });
}

function ofSite(state: LedgerState, site: SiteName): readonly SanitizingBody[] {
  return [...state.sanitizings.values()].flatMap(({ body }) => (body.site === site ? [body] : []));
}

function wordsOf({ charge, dataset, events, disclosure, statement }: SanitizingBody): SanitizingWords {
  return { charge, dataset, events, ...(disclosure === undefined ? {} : { disclosure }), statement };
}
