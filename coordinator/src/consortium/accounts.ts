import { digestOf } from "@consilium/shared/encoding/digest";
import { Failure } from "@consilium/shared/failure/failure";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import { z } from "zod";
import {
  deleteCredential,
  deleteExpiredCredentials,
  findAccount,
  findCredential,
  insertAccount,
  insertCredential,
} from "../storage/consortium.ts";
import type { Sql } from "../storage/sql.ts";
import { Role } from "./role.ts";

export const AccountName = z
  .string()
  .regex(/^[a-z][a-z0-9.-]{0,39}$/, "1 to 40 lower-case letters, digits, dots or hyphens");

export interface Account {
  readonly name: string;
  readonly role: Role;
}

/** A session and when it ends. */
export interface Session extends Account {
  readonly endsAt: string;
}

/** Time and randomness of account work, passed in. */
export interface Issuing {
  readonly now: Date;
  readonly random: RandomSource;
}

export const LOGIN_LINK_LIFETIME_MS = 24 * 3_600_000;
export const SESSION_LIFETIME_MS = 12 * 3_600_000;
const SECRET_BYTES = 32;

/** Adds an account, or finds it again with the same role, and makes a one-time login token: only its hash is kept. */
export function inviteAccount(sql: Sql, account: Account, issuing: Issuing): string {
  const name = AccountName.parse(account.name);
  const known = findAccount(sql, name);
  if (known !== undefined && known.role !== account.role) {
    throw new Failure({
      code: "account/role-differs",
      kind: "refused",
      what: `The account ${name} is an ${known.role}, not an ${account.role}.`,
      remedy: "Invite the person under another name, or with the role that the account has.",
    });
  }
  if (known === undefined) insertAccount(sql, name, account.role, issuing.now.toISOString());
  return issue(sql, "login-link", name, LOGIN_LINK_LIFETIME_MS, issuing);
}

/** Trades a one-time token for a session, or gives nothing: unknown, used and late look alike. */
export function redeemLogin(sql: Sql, token: string, issuing: Issuing): { secret: string; session: Session } | null {
  return sql.transaction(() => {
    deleteExpiredCredentials(sql, issuing.now.toISOString());
    const link = findCredential(sql, digestOf(token), "login-link");
    const account = link === undefined ? undefined : accountOf(sql, link.account);
    if (link === undefined || account === undefined) return null;
    deleteCredential(sql, link.hash);
    const secret = issue(sql, "session", account.name, SESSION_LIFETIME_MS, issuing);
    const endsAt = new Date(issuing.now.getTime() + SESSION_LIFETIME_MS).toISOString();
    return { secret, session: { ...account, endsAt } };
  });
}

/** An API token of an account, for a file that its owner alone can read. It has no end; a new `init` revokes it. */
export function issueApiToken(sql: Sql, account: string, issuing: Issuing): string {
  return issue(sql, "api-token", account, null, issuing);
}

export function sessionOf(sql: Sql, secret: string, now: Date): Session | null {
  const credential = findCredential(sql, digestOf(secret), "session");
  if (credential?.expires_at == null || credential.expires_at <= now.toISOString()) return null;
  const account = accountOf(sql, credential.account);
  return account === undefined ? null : { ...account, endsAt: credential.expires_at };
}

/** The account of an API token; its session never ends. */
export function tokenHolder(sql: Sql, token: string): Session | null {
  const credential = findCredential(sql, digestOf(token), "api-token");
  const account = credential === undefined ? undefined : accountOf(sql, credential.account);
  return account === undefined ? null : { ...account, endsAt: "9999-12-31T23:59:59.000Z" };
}

export function endSession(sql: Sql, secret: string): void {
  deleteCredential(sql, digestOf(secret));
}

function issue(
  sql: Sql,
  kind: "login-link" | "session" | "api-token",
  account: string,
  lifetimeMs: number | null,
  { now, random }: Issuing,
): string {
  const secret = Buffer.from(random.bytes(SECRET_BYTES)).toString("base64url");
  const expires_at = lifetimeMs === null ? null : new Date(now.getTime() + lifetimeMs).toISOString();
  insertCredential(sql, { hash: digestOf(secret), kind, account, expires_at });
  return secret;
}

function accountOf(sql: Sql, name: string): Account | undefined {
  const row = findAccount(sql, name);
  return row === undefined ? undefined : { name: row.name, role: Role.parse(row.role) };
}
