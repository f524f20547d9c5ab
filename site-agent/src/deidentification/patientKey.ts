import { createHmac } from "node:crypto";
import { assert } from "@consilium/shared/failure/failure";

/** A site's own 32 random bytes, made at its first start; they never leave it. */
export type SiteSecret = Uint8Array;

/** A patient's key after hashing: 64 hexadecimal digits that nobody without the site's secret can link to a person. */
export type PatientKey = string & { readonly [hashedKey]: true };
declare const hashedKey: unique symbol;

/**
 * HMAC-SHA-256 of a patient's identifier under the site's secret (FIPS 198-1). It replaces the identifier before
 * anything is stored; a plain hash would be undone by trying all record numbers.
 */
export function hashPatientKey(secret: SiteSecret, patient: string): PatientKey {
  assert(secret.length >= 32, "a site's secret has at least 32 bytes");
  return createHmac("sha256", secret).update(`patient\0${patient}`).digest("hex") as PatientKey;
}
