import { type Authority, issueSiteCertificate } from "@consilium/certs/authority";
import { type EnrolmentGrant, type EnrolmentRequest, issueToken, redeemToken } from "@consilium/certs/enrolment";
import { validityOf } from "@consilium/certs/renewal";
import { type DenyList, readmitSite, revokeSite } from "@consilium/certs/revocation";
import { Failure } from "@consilium/shared/failure/failure";
import {
  activeSite,
  EMPTY_ROSTER,
  type RosterSite,
  type SignedRoster,
  signRoster,
  withSite,
} from "@consilium/shared/protocol/roster";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { Signer } from "@consilium/shared/signing/ed25519";
import type { SiteName } from "@consilium/shared/units/identity";
import {
  latestRoster,
  listTokens,
  readDenyList,
  saveDenyList,
  saveRoster,
  saveSite,
  saveToken,
  siteRecord,
} from "../storage/consortium.ts";
import type { Sql } from "../storage/sql.ts";

export interface ConsortiumOptions {
  readonly sql: Sql;
  readonly signer: Signer;
  readonly authority: Authority;
  readonly random: RandomSource;
  readonly now: () => Date;
  /** Called when who may act has changed: live links are checked again at once. */
  readonly onAuthorityChanged: () => void;
}

/** Where sites enrol and connect. */
export interface PublicAddresses {
  readonly enrolUrl: string;
  readonly agentsUrl: string;
}

/** Who belongs to the consortium: its roster, its deny list and the tokens that admit new sites. */
export class Consortium {
  readonly #options: ConsortiumOptions;
  #roster: SignedRoster;
  #denyList: DenyList;

  constructor(options: ConsortiumOptions) {
    this.#options = options;
    this.#roster = latestRoster(options.sql) ?? signRoster(EMPTY_ROSTER, options.signer);
    this.#denyList = readDenyList(options.sql);
  }

  roster(): SignedRoster {
    return this.#roster;
  }

  denyList(): DenyList {
    return this.#denyList;
  }

  /** A one-time token for a site, as text to hand over; only its hash stays here. */
  invite(site: SiteName, addresses: PublicAddresses): string {
    const { sql, authority, random, now } = this.#options;
    const { text, record } = issueToken({ site, ...addresses, ca: authority.certificate }, now(), random);
    saveToken(sql, record);
    return text;
  }

  /** Admits a site that redeems its token, in one transaction: token used, keys pinned, certificate issued. */
  async enrol(request: EnrolmentRequest): Promise<EnrolmentGrant> {
    const { sql, authority, signer, random, now } = this.#options;
    redeemToken(listTokens(sql), request, now());
    const issuing = { now: now(), random };
    const certificate = await issueSiteCertificate(authority, request.csr, request.site, issuing);
    const { site, identityKey, stewardKey } = request;
    sql.transaction(() => {
      // Asked again inside the transaction: two requests with one token may have come at once.
      saveToken(sql, redeemToken(listTokens(sql), request, now()));
      requireSameKeys(activeSite(this.#roster.roster, site), request);
      const next = withSite(this.#roster.roster, { site, identityKey, stewardKey, state: "active" });
      this.#adopt(signRoster(next, signer), readmitSite(this.#denyList, site));
      this.#noteCertificate(site, certificate);
    });
    this.#options.onAuthorityChanged();
    const grant = { site, certificate, ca: authority.certificate, coordinatorKey: signer.publicKey };
    return { v: 1, ...grant, rosterVersion: this.#roster.roster.version };
  }

  /** A new certificate for a site that asks over its authenticated link. */
  async renew(site: SiteName, csr: string): Promise<string> {
    const { authority, random, now, sql } = this.#options;
    const certificate = await issueSiteCertificate(authority, csr, site, { now: now(), random });
    sql.transaction(() => this.#noteCertificate(site, certificate));
    return certificate;
  }

  /** Ends a site's membership: its live link is cut at once, its certificates are worth nothing. */
  revoke(site: SiteName): void {
    const { sql, signer } = this.#options;
    const entry = this.#roster.roster.sites.find((known) => known.site === site);
    if (entry === undefined) {
      throw new Failure({
        code: "site/unknown",
        kind: "usage",
        what: `There is no site ${site} on the roster.`,
        remedy: "See all of them: consilium ca list.",
      });
    }
    sql.transaction(() => {
      const next = withSite(this.#roster.roster, { ...entry, state: "revoked" });
      this.#adopt(signRoster(next, signer), revokeSite(this.#denyList, site));
    });
    this.#options.onAuthorityChanged();
  }

  /** In a transaction: memory follows the database, and goes back with it. */
  #adopt(roster: SignedRoster, denyList: DenyList): void {
    const { sql } = this.#options;
    const [rosterBefore, denyListBefore] = [this.#roster, this.#denyList];
    sql.onRollback(() => {
      [this.#roster, this.#denyList] = [rosterBefore, denyListBefore];
    });
    saveRoster(sql, roster);
    saveDenyList(sql, denyList);
    [this.#roster, this.#denyList] = [roster, denyList];
  }

  #noteCertificate(site: SiteName, certificate: string): void {
    const { sql, now } = this.#options;
    const certificateEndsAt = validityOf(certificate).notAfter.toISOString();
    saveSite(sql, { ...siteRecord(sql, site), certificateEndsAt, lastEventAt: now().toISOString() });
  }
}

/** A token is no way to take an enrolled site's place: its pinned keys go only once the lead has revoked them. */
function requireSameKeys(known: RosterSite | undefined, { site, identityKey, stewardKey }: EnrolmentRequest): void {
  if (known === undefined || (known.identityKey === identityKey && known.stewardKey === stewardKey)) return;
  throw new Failure({
    code: "enrolment/keys-differ",
    kind: "refused",
    what: `${site} is enrolled with other keys.`,
    remedy: `Enrol with the keys that it has; if they are lost: consilium ca revoke ${site}, then invite it again.`,
  });
}
