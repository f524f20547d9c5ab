import "reflect-metadata";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { isIP } from "node:net";
import { Failure } from "@consilium/shared/failure/failure";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import { COORDINATOR, type SiteName } from "@consilium/shared/units/identity";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonName,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  type PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { importKeyPair, SIGNING, TLS_KEY } from "./keys.ts";

/** The consortium's certificate authority. Whoever holds the private key can admit sites: keep it off the network. */
export interface Authority {
  /** PEM. */
  readonly certificate: string;
  /** PKCS #8 PEM. */
  readonly privateKey: string;
}

/** Where time and serial numbers come from. */
export interface Issuing {
  readonly now: Date;
  readonly random: RandomSource;
}

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** A stolen site key is dead within a day even if nobody notices; agents renew by themselves (`renewal.ts`). */
export const SITE_CERTIFICATE_LIFETIME_MS = DAY_MS;
export const SERVER_CERTIFICATE_LIFETIME_MS = 90 * DAY_MS;
export const AUTHORITY_LIFETIME_MS = 3650 * DAY_MS;
/** Certificates begin a little before they are issued, because clocks of two hospitals differ. */
export const CLOCK_SKEW_MS = 5 * 60_000;

/** A fresh key and its self-signed certificate, which can sign certificates and revocation lists and nothing else. */
export async function createAuthority(consortium: string, issuing: Issuing): Promise<Authority> {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: TLS_KEY.namedCurve });
  const keys = await importKeyPair(privateKey);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(issuing.random),
    name: [{ CN: [`${consortium} certificate authority`] }],
    ...validity(issuing.now, AUTHORITY_LIFETIME_MS),
    signingAlgorithm: SIGNING,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    certificate: certificate.toString("pem"),
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

/** Certificate of the coordinator's listeners, for these DNS names and IP addresses. */
export async function issueServerCertificate(
  authority: Authority,
  csr: string,
  hosts: readonly string[],
  issuing: Issuing,
  lifetimeMs = SERVER_CERTIFICATE_LIFETIME_MS,
): Promise<string> {
  const names = hosts.map((value) => ({ type: isIP(value) === 0 ? ("dns" as const) : ("ip" as const), value }));
  return issue(authority, csr, COORDINATOR, issuing, lifetimeMs, [
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth], true),
    new SubjectAlternativeNameExtension(names),
  ]);
}

/**
 * Client certificate of a site. Its name is the one that the authority knows from the token or the session; the name
 * in the request is ignored. Refuses a request that is not signed by its own key.
 */
export async function issueSiteCertificate(
  authority: Authority,
  csr: string,
  site: SiteName,
  issuing: Issuing,
  lifetimeMs = SITE_CERTIFICATE_LIFETIME_MS,
): Promise<string> {
  return issue(authority, csr, site, issuing, lifetimeMs, [
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth], true),
  ]);
}

async function issue(
  authority: Authority,
  csr: string,
  commonName: string,
  issuing: Issuing,
  lifetimeMs: number,
  extensions: readonly Extension[],
): Promise<string> {
  const publicKey = await provenKeyOf(csr);
  const issuer = new X509Certificate(authority.certificate);
  const { privateKey } = await importKeyPair(createPrivateKey(authority.privateKey));
  const subject: JsonName = [{ CN: [commonName] }];
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(issuing.random),
    subject,
    issuer: issuer.subjectName,
    ...validity(issuing.now, lifetimeMs),
    publicKey,
    signingKey: privateKey,
    signingAlgorithm: SIGNING,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      ...extensions,
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return certificate.toString("pem");
}

/** The request's key, once its signature shows that the sender holds the private half. */
async function provenKeyOf(csr: string): Promise<PublicKey> {
  const request = parseRequest(csr);
  const { algorithm } = request.publicKey;
  const isP256 =
    algorithm.name === TLS_KEY.name && "namedCurve" in algorithm && algorithm.namedCurve === TLS_KEY.namedCurve;
  if (!isP256) throw badRequest(`asks for a key other than EC ${TLS_KEY.namedCurve}`);
  if (!(await provesPossession(request))) throw badRequest("is not signed by its own key");
  return request.publicKey;
}

function parseRequest(csr: string): Pkcs10CertificateRequest {
  try {
    return new Pkcs10CertificateRequest(csr);
  } catch (cause) {
    throw badRequest("can't be read as PKCS #10", cause);
  }
}

/** A signature too malformed to check proves nothing. */
async function provesPossession(request: Pkcs10CertificateRequest): Promise<boolean> {
  return request.verify().catch(() => false);
}

function badRequest(why: string, cause?: unknown): Failure {
  return new Failure({
    code: "certificate/request-refused",
    kind: "refused",
    what: `The certificate request ${why}.`,
    remedy: "Have the site make a new key and request: consilium-site join.",
    cause,
  });
}

/** Seconds are the finest that X.509 knows. */
function validity(now: Date, lifetimeMs: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(now.getTime() - CLOCK_SKEW_MS), notAfter: new Date(now.getTime() + lifetimeMs) };
}

/** 128 random bits after a leading 01, which keeps the DER integer positive and its length fixed. */
function serialNumber(random: RandomSource): string {
  return `01${Buffer.from(random.bytes(16)).toString("hex")}`;
}
