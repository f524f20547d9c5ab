import { X509Certificate } from "node:crypto";

/** A certificate is renewed at two thirds of its life, so that a whole third is left to try again. */
const RENEWAL_FRACTION = 2 / 3;
/** Jitter spreads the sites of a consortium, all enrolled in one afternoon, over half of what is left. */
const JITTER_FRACTION = 1 / 6;

/** Time at which to renew; `jitter` is in [0, 1) and drawn once per certificate. */
export function renewalTime(notBefore: Date, notAfter: Date, jitter: number): Date {
  const lifetimeMs = notAfter.getTime() - notBefore.getTime();
  return new Date(notBefore.getTime() + lifetimeMs * (RENEWAL_FRACTION + JITTER_FRACTION * jitter));
}

/** Whether to renew now. Also true after the end: then the site asks by a new token, and this says so early. */
export function renewalDue(notBefore: Date, notAfter: Date, jitter: number, now: Date): boolean {
  return now.getTime() >= renewalTime(notBefore, notAfter, jitter).getTime();
}

/** When a PEM certificate begins and ends. */
export function validityOf(certificate: string): { notBefore: Date; notAfter: Date } {
  const { validFrom, validTo } = new X509Certificate(certificate);
  return { notBefore: new Date(validFrom), notAfter: new Date(validTo) };
}
