import "reflect-metadata";
import { createPrivateKey } from "node:crypto";
import { SiteName } from "@consilium/shared/units/identity";
import { PemConverter, X509Certificate, X509CrlGenerator } from "@peculiar/x509";
import { z } from "zod";
import type { Authority } from "./authority.ts";
import { importKeyPair, SIGNING } from "./keys.ts";

/** Serial number in lower-case hexadecimal. */
export const SerialNumber = z
  .string()
  .regex(/^[0-9a-f]{2,40}$/, "a certificate's serial number in hexadecimal")
  .brand<"SerialNumber">();
export type SerialNumber = z.infer<typeof SerialNumber>;

/** Who may not connect, though the certificate is still in date. Checked at each handshake and each message. */
export const DenyList = z.strictObject({
  /** Whole sites: every certificate, of today and of tomorrow. */
  sites: z.array(SiteName),
  /** Single certificates: a lost machine whose site goes on with a new one. */
  certificates: z.array(z.strictObject({ serial: SerialNumber, revokedAt: z.iso.datetime() })),
});
export type DenyList = z.infer<typeof DenyList>;

export const EMPTY_DENY_LIST: DenyList = { sites: [], certificates: [] };

export function denies(list: DenyList, site: SiteName, serial: SerialNumber): boolean {
  return list.sites.includes(site) || list.certificates.some((entry) => entry.serial === serial);
}

/** Revoking twice changes nothing. */
export function revokeSite(list: DenyList, site: SiteName): DenyList {
  return list.sites.includes(site) ? list : { ...list, sites: [...list.sites, site] };
}

/** Lets a site back in; certificates that were revoked one by one stay revoked. */
export function readmitSite(list: DenyList, site: SiteName): DenyList {
  return { ...list, sites: list.sites.filter((other) => other !== site) };
}

export function revokeCertificate(list: DenyList, serial: SerialNumber, now: Date): DenyList {
  if (list.certificates.some((entry) => entry.serial === serial)) return list;
  return { ...list, certificates: [...list.certificates, { serial, revokedAt: now.toISOString() }] };
}

/** Certificate revocation list in PEM, for proxies and other TLS software in front of the coordinator. */
export async function revocationListPem(
  authority: Authority,
  list: DenyList,
  now: Date,
  nextUpdate: Date,
): Promise<string> {
  const { privateKey } = await importKeyPair(createPrivateKey(authority.privateKey));
  const crl = await X509CrlGenerator.create({
    issuer: new X509Certificate(authority.certificate).subjectName,
    thisUpdate: now,
    nextUpdate,
    entries: list.certificates.map(({ serial, revokedAt }) => ({
      serialNumber: serial,
      revocationDate: new Date(revokedAt),
    })),
    signingAlgorithm: SIGNING,
    signingKey: privateKey,
  });
  // The library labels it "CRL"; Node and OpenSSL look for "X509 CRL" (RFC 7468 §7).
  return PemConverter.encode(crl.rawData, "X509 CRL");
}
