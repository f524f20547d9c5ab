import { createPublicKey, type KeyObject, webcrypto, X509Certificate } from "node:crypto";
import { digestOf } from "@consilium/shared/encoding/digest";
import type { Digest } from "@consilium/shared/units/identity";

/** TLS keys are EC P-256: what every TLS 1.3 peer must support (RFC 8446 §9.1). */
export const TLS_KEY = { name: "ECDSA", namedCurve: "P-256" } as const;
export const SIGNING = { name: "ECDSA", hash: "SHA-256" } as const;

/** Both halves of a private key as WebCrypto keys, the only form the X.509 library takes. */
export async function importKeyPair(privateKey: KeyObject): Promise<webcrypto.CryptoKeyPair> {
  const pkcs8 = privateKey.export({ type: "pkcs8", format: "der" });
  const spki = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  return {
    privateKey: await webcrypto.subtle.importKey("pkcs8", pkcs8, TLS_KEY, false, ["sign"]),
    publicKey: await webcrypto.subtle.importKey("spki", spki, TLS_KEY, true, ["verify"]),
  };
}

/** SHA-256 of a TLS public key (its SubjectPublicKeyInfo): the same for a request and for its certificate. */
export function tlsKeyFingerprint(publicKey: KeyObject): Digest {
  return digestOf(publicKey.export({ type: "spki", format: "der" }));
}

export function tlsKeyFingerprintOfCertificate(certificate: string | Uint8Array): Digest {
  return tlsKeyFingerprint(new X509Certificate(certificate).publicKey);
}
