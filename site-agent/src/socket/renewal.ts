import { createPrivateKey, X509Certificate } from "node:crypto";
import { renewalDue, validityOf } from "@consilium/certs/renewal";
import { createCertificateRequest } from "@consilium/certs/request";
import { Failure, fromRefusal } from "@consilium/shared/failure/failure";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { SiteName } from "@consilium/shared/units/identity";
import { certificateRequest } from "../disclosure/outgoing.ts";
import { fraction } from "./backOff.ts";
import type { Credentials } from "./connection.ts";
import type { Link } from "./link.ts";

export interface RenewalOptions {
  readonly link: Link;
  readonly site: SiteName;
  readonly load: () => Promise<Credentials>;
  /** Must replace both files as one: after a crash either the old pair or the new one. */
  readonly save: (credentials: Credentials) => Promise<void>;
  readonly now: () => Date;
  readonly random: RandomSource;
  readonly onRenewed: (notAfter: Date) => void;
  readonly onFailure: (error: unknown) => void;
}

const CHECK_MS = 60_000;

/** Renews the site's certificate whenever it is due; a third of its life is left to try again each minute. */
export function keepRenewed(options: RenewalOptions): { stop: () => void } {
  const jitter = fraction(options.random);
  let isRunning = false;
  const timer = setInterval(async () => {
    if (isRunning) return;
    isRunning = true;
    await renewIfDue(options, jitter).catch(options.onFailure);
    isRunning = false;
  }, CHECK_MS).unref();
  return { stop: () => clearInterval(timer) };
}

async function renewIfDue(options: RenewalOptions, jitter: number): Promise<void> {
  const { notBefore, notAfter } = validityOf((await options.load()).certificate);
  if (renewalDue(notBefore, notAfter, jitter, options.now())) await renew(options);
}

/** Asks for a certificate over a fresh key, by a message that the identity key signs, and puts it to use. */
export async function renew({
  link,
  site,
  save,
  onRenewed,
}: Pick<RenewalOptions, "link" | "site" | "save" | "onRenewed">): Promise<void> {
  const { privateKey, csr } = await createCertificateRequest(site);
  const reply = await link.send(certificateRequest(csr));
  if (reply.type === "refused") throw fromRefusal(reply.refusal);
  const { certificate } = reply;
  if (certificate === undefined || !isFor(certificate, site, privateKey)) {
    throw new Failure({
      code: "certificate/not-ours",
      kind: "refused",
      what: "The coordinator answered with a certificate for another key or another site.",
      remedy: "Tell the lead; the present certificate stays in use until it ends.",
    });
  }
  await save({ certificate, privateKey });
  onRenewed(validityOf(certificate).notAfter);
  await link.reconnect();
}

function isFor(certificate: string, site: SiteName, privateKey: string): boolean {
  const parsed = new X509Certificate(certificate);
  return parsed.subject === `CN=${site}` && parsed.checkPrivateKey(createPrivateKey(privateKey));
}
