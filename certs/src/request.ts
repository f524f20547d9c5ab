import "reflect-metadata";
import { generateKeyPairSync } from "node:crypto";
import { Pkcs10CertificateRequestGenerator } from "@peculiar/x509";
import { importKeyPair, SIGNING } from "./keys.ts";

/** A TLS key, which stays where it was made, and the request that asks for its certificate. */
export interface CertificateRequest {
  /** PKCS #8 PEM: write it with mode 0600, send it nowhere. */
  readonly privateKey: string;
  /** PKCS #10 PEM, signed by that key. */
  readonly csr: string;
}

/** A fresh EC P-256 TLS key and its request. The name in the request is only a courtesy: the authority sets its own. */
export async function createCertificateRequest(name: string): Promise<CertificateRequest> {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const csr = await Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [name] }],
    keys: await importKeyPair(privateKey),
    signingAlgorithm: SIGNING,
  });
  return { privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(), csr: csr.toString("pem") };
}
