import { TokenRecord } from "@consilium/certs/enrolment";
import { DenyList, EMPTY_DENY_LIST } from "@consilium/certs/revocation";
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import type { LedgerHead } from "@consilium/shared/ledger/entry";
import { SignedHead } from "@consilium/shared/protocol/messages";
import { SignedRoster } from "@consilium/shared/protocol/roster";
import { SiteName } from "@consilium/shared/units/identity";
import type { Sql } from "./sql.ts";
import type { CredentialRow } from "./tables.ts";

export interface SiteRecord {
  readonly site: SiteName;
  readonly certificateEndsAt: string | null;
  readonly lastEventAt: string | null;
  /** Newest head of its ledger that it showed to us. */
  readonly head: SignedHead | null;
  /** Newest head of our ledger that it countersigned. */
  readonly countersigned: SignedHead | null;
}

export function saveRoster(sql: Sql, signed: SignedRoster): void {
  sql.run(sql.build.insertInto("roster").values({ version: signed.roster.version, signed: canonicalJson(signed) }));
}

export function latestRoster(sql: Sql): SignedRoster | undefined {
  const row = sql.first(sql.build.selectFrom("roster").selectAll().orderBy("version", "desc").limit(1));
  return row === undefined ? undefined : SignedRoster.parse(JSON.parse(row.signed));
}

export function saveDenyList(sql: Sql, list: DenyList): void {
  sql.run(sql.build.replaceInto("deny_list").values({ id: 1, list: canonicalJson(list) }));
}

export function readDenyList(sql: Sql): DenyList {
  const row = sql.first(sql.build.selectFrom("deny_list").selectAll());
  return row === undefined ? EMPTY_DENY_LIST : DenyList.parse(JSON.parse(row.list));
}

/** Inserts a token, or marks it used. */
export function saveToken(sql: Sql, record: TokenRecord): void {
  sql.run(
    sql.build.replaceInto("enrolment_token").values({ secret_hash: record.secretHash, record: canonicalJson(record) }),
  );
}

export function listTokens(sql: Sql): readonly TokenRecord[] {
  const rows = sql.all(sql.build.selectFrom("enrolment_token").selectAll());
  return rows.map(({ record }) => TokenRecord.parse(JSON.parse(record)));
}

export function saveSite(sql: Sql, record: SiteRecord): void {
  sql.run(
    sql.build.replaceInto("site").values({
      site: record.site,
      certificate_ends_at: record.certificateEndsAt,
      last_event_at: record.lastEventAt,
      head: record.head === null ? null : canonicalJson(record.head),
      countersigned: record.countersigned === null ? null : canonicalJson(record.countersigned),
    }),
  );
}

/** What a round told of a site; a head that it didn't tell stays as it was. */
export function noteHeads(
  sql: Sql,
  site: SiteName,
  at: string,
  heads: { readonly head: SignedHead | undefined; readonly countersigned: SignedHead | undefined },
): void {
  const told = {
    last_event_at: at,
    ...(heads.head === undefined ? {} : { head: canonicalJson(heads.head) }),
    ...(heads.countersigned === undefined ? {} : { countersigned: canonicalJson(heads.countersigned) }),
  };
  const empty = { certificate_ends_at: null, head: null, countersigned: null };
  sql.run(
    sql.build
      .insertInto("site")
      .values({ site, ...empty, ...told })
      .onConflict((conflict) => conflict.column("site").doUpdateSet(told)),
  );
}

/** A site that we know nothing of yet has an empty record. */
export function siteRecord(sql: Sql, site: SiteName): SiteRecord {
  const row = sql.first(sql.build.selectFrom("site").selectAll().where("site", "=", site));
  const head = (text: string | null | undefined): SignedHead | null =>
    text === null || text === undefined ? null : SignedHead.parse(JSON.parse(text));
  return {
    site,
    certificateEndsAt: row?.certificate_ends_at ?? null,
    lastEventAt: row?.last_event_at ?? null,
    head: head(row?.head),
    countersigned: head(row?.countersigned),
  };
}

export function witnessedHeads(sql: Sql): readonly LedgerHead[] {
  const rows = sql.all(sql.build.selectFrom("site").select("site").where("head", "is not", null).orderBy("site"));
  return rows.flatMap(({ site }) => {
    const { head } = siteRecord(sql, SiteName.parse(site));
    return head === null ? [] : [head.head];
  });
}

export function insertAccount(sql: Sql, name: string, role: string, createdAt: string): void {
  sql.run(sql.build.insertInto("account").values({ name, role, created_at: createdAt }));
}

export function findAccount(sql: Sql, name: string): { name: string; role: string } | undefined {
  return sql.first(sql.build.selectFrom("account").select(["name", "role"]).where("name", "=", name));
}

export function insertCredential(sql: Sql, credential: CredentialRow): void {
  sql.run(sql.build.insertInto("credential").values(credential));
}

export function findCredential(sql: Sql, hash: string, kind: CredentialRow["kind"]): CredentialRow | undefined {
  return sql.first(sql.build.selectFrom("credential").selectAll().where("hash", "=", hash).where("kind", "=", kind));
}

export function deleteCredential(sql: Sql, hash: string): void {
  sql.run(sql.build.deleteFrom("credential").where("hash", "=", hash));
}

/** Sessions and links past their end, as of `now`. */
export function deleteExpiredCredentials(sql: Sql, now: string): void {
  sql.run(sql.build.deleteFrom("credential").where("expires_at", "<=", now));
}
