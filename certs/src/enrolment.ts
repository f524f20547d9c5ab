import { timingSafeEqual } from "node:crypto";
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { digestOf } from "@consilium/shared/encoding/digest";
import { Failure } from "@consilium/shared/failure/failure";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import { type Signer, signStatement, verifyStatement } from "@consilium/shared/signing/ed25519";
import { Digest, PublicKey, Signature, SiteName } from "@consilium/shared/units/identity";
import { z } from "zod";
import { DAY_MS } from "./authority.ts";

export const ENROLMENT_VERSION = 1;
export const TOKEN_LIFETIME_MS = DAY_MS;
const SECRET_BYTES = 32;

const Secret = z.string().regex(/^[A-Za-z0-9_-]{43}$/, "a token's secret: 32 bytes in base64url");
/** HTTPS, or plain HTTP where it cannot leave the machine: a demo's dashboard on the loopback address. */
const EnrolUrl = z
  .url({ protocol: /^https?$/ })
  .refine(
    (url) => url.startsWith("https:") || /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])[:/]/.test(url),
    "plain http is for the loopback address alone",
  );
const CertificatePem = z.string().max(10_000).startsWith("-----BEGIN CERTIFICATE-----");
const RequestPem = z.string().max(10_000).startsWith("-----BEGIN CERTIFICATE REQUEST-----");

/** What the lead hands to a site, by telephone or mail: it admits one site, once, within a day. */
export const EnrolmentToken = z.strictObject({
  v: z.literal(ENROLMENT_VERSION),
  site: SiteName,
  /** Where to enrol. */
  enrolUrl: EnrolUrl,
  /** Where the agent will connect from then on. */
  agentsUrl: z.url({ protocol: /^https$/ }),
  secret: Secret,
  /** The authority's certificate: the site can tell the coordinator from an impostor at first contact. */
  ca: CertificatePem,
});
export type EnrolmentToken = z.infer<typeof EnrolmentToken>;

/** What the coordinator keeps of a token: not enough to use it. */
export const TokenRecord = z.strictObject({
  site: SiteName,
  secretHash: Digest,
  expiresAt: z.iso.datetime(),
  usedAt: z.iso.datetime().nullable(),
});
export type TokenRecord = z.infer<typeof TokenRecord>;

/** Sent once by a joining site. Both keys sign, so nobody can have another's key pinned as their own. */
export const EnrolmentRequest = z.strictObject({
  v: z.literal(ENROLMENT_VERSION),
  site: SiteName,
  secret: Secret,
  csr: RequestPem,
  identityKey: PublicKey,
  stewardKey: PublicKey,
  identitySignature: Signature,
  stewardSignature: Signature,
});
export type EnrolmentRequest = z.infer<typeof EnrolmentRequest>;

/** The answer: the site pins the coordinator's key from here on. */
export const EnrolmentGrant = z.strictObject({
  v: z.literal(ENROLMENT_VERSION),
  site: SiteName,
  certificate: CertificatePem,
  ca: CertificatePem,
  coordinatorKey: PublicKey,
  rosterVersion: z.number().int().positive(),
});
export type EnrolmentGrant = z.infer<typeof EnrolmentGrant>;

/** A fresh token as text for the site, and the record that the coordinator keeps. */
export function issueToken(
  offer: Omit<EnrolmentToken, "v" | "secret">,
  now: Date,
  random: RandomSource,
): { text: string; record: TokenRecord } {
  const secret = Buffer.from(random.bytes(SECRET_BYTES)).toString("base64url");
  const token = EnrolmentToken.parse({ v: ENROLMENT_VERSION, ...offer, secret });
  const expiresAt = new Date(now.getTime() + TOKEN_LIFETIME_MS).toISOString();
  return {
    text: Buffer.from(canonicalJson(token)).toString("base64url"),
    record: { site: offer.site, secretHash: digestOf(secret), expiresAt, usedAt: null },
  };
}

/** Reads a token as pasted; white space from mail programs is forgiven. */
export function parseToken(text: string): EnrolmentToken {
  const token = EnrolmentToken.safeParse(parseJson(Buffer.from(text.replace(/\s+/g, ""), "base64url").toString()));
  if (token.success) return token.data;
  throw new Failure({
    code: "enrolment/token-unreadable",
    kind: "usage",
    what: "This is not a whole enrolment token of this version.",
    remedy: "Copy the token again, from its first to its last letter, or ask the lead for a new one.",
    cause: token.error,
  });
}

/** Signs the site's request with both of its keys. */
export function createEnrolmentRequest(
  token: EnrolmentToken,
  csr: string,
  identity: Signer,
  steward: Signer,
): EnrolmentRequest {
  const claim = { v: ENROLMENT_VERSION, site: token.site, secret: token.secret, csr } as const;
  const keys = { identityKey: identity.publicKey, stewardKey: steward.publicKey };
  const statement = enrolmentStatement({ ...claim, ...keys });
  return {
    ...claim,
    ...keys,
    identitySignature: signStatement(identity, ENROLMENT_DOMAIN, statement),
    stewardSignature: signStatement(steward, ENROLMENT_DOMAIN, statement),
  };
}

/**
 * Redeems a token: the record to store, now used, in the transaction that admits the site. Throws a `Failure` and
 * changes nothing for a token that is unknown, another site's, late or used, and for signatures that don't hold.
 * Whether a token is late or used is told only to who knows its secret.
 */
export function redeemToken(records: readonly TokenRecord[], request: EnrolmentRequest, now: Date): TokenRecord {
  const secretHash = digestOf(request.secret);
  const record = records.find((candidate) => sameDigest(candidate.secretHash, secretHash));
  if (record === undefined || record.site !== request.site) {
    throw refused("token-unknown", "The token is not one of this consortium for this site.");
  }
  if (record.usedAt !== null) throw refused("token-used", `The token of ${record.site} was used already.`);
  if (now.getTime() >= Date.parse(record.expiresAt))
    throw refused("token-expired", `The token of ${record.site} is over.`);
  const statement = enrolmentStatement(request);
  const holdsKeys =
    request.identityKey !== request.stewardKey &&
    verifyStatement(request.identityKey, ENROLMENT_DOMAIN, statement, request.identitySignature) &&
    verifyStatement(request.stewardKey, ENROLMENT_DOMAIN, statement, request.stewardSignature);
  if (!holdsKeys)
    throw refused("signature-invalid", `The request of ${record.site} is not signed by two keys that it names.`);
  return { ...record, usedAt: now.toISOString() };
}

const ENROLMENT_DOMAIN = "enrolment";

function enrolmentStatement(request: Omit<EnrolmentRequest, "identitySignature" | "stewardSignature">): unknown {
  const { v, site, secret, csr, identityKey, stewardKey } = request;
  return { v, site, secretHash: digestOf(secret), csr: digestOf(csr), identityKey, stewardKey };
}

/** Takes the same time wherever the digests differ. */
function sameDigest(a: Digest, b: Digest): boolean {
  return timingSafeEqual(Buffer.from(a, "hex"), Buffer.from(b, "hex"));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refused(what: "token-unknown" | "token-used" | "token-expired" | "signature-invalid", why: string): Failure {
  return new Failure({
    code: `enrolment/${what}`,
    kind: "refused",
    what: why,
    remedy: "Ask the lead for a new token: consilium ca invite NAME. If you didn't use this one, tell the lead.",
  });
}
