import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import nacl from "tweetnacl";
import { canonicalJson } from "../encoding/canonicalJson.ts";
import type { RandomSource } from "../random/randomSource.ts";
import type { PublicKey, Signature } from "../units/identity.ts";

/** Signs with one Ed25519 key that never leaves this object. */
export interface Signer {
  readonly publicKey: PublicKey;
  sign(message: Uint8Array | string): Signature;
}

/** A fresh 32-byte Ed25519 seed: the private key in the form of RFC 8032, tweetnacl and node:crypto alike. */
export function newSeed(random: RandomSource): Uint8Array {
  return random.bytes(nacl.sign.seedLength);
}

/** Signer of a 32-byte seed. Throws on any other length. */
export function signerOf(seed: Uint8Array): Signer {
  const pair = nacl.sign.keyPair.fromSeed(seed);
  const publicKey = Buffer.from(pair.publicKey).toString("base64") as PublicKey;
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: "der",
    type: "pkcs8",
  });
  return {
    publicKey,
    sign: (message) => sign(null, Buffer.from(message), key).toString("base64") as Signature,
  };
}

/** Whether `signature` is this key's over exactly these bytes; false, never an exception, for malformed input. */
export function verifySignature(publicKey: string, message: Uint8Array | string, signature: string): boolean {
  const key = publicKeyObject(publicKey);
  const bytes = Buffer.from(signature, "base64");
  if (key === null || bytes.length !== nacl.sign.signatureLength) return false;
  // Base64 leaves bits of its last digit unused: only one text may stand for a signature.
  if (bytes.toString("base64") !== signature) return false;
  return verify(null, Buffer.from(message), key, bytes);
}

/** Signs a value's canonical JSON under a domain, so that one kind of statement can't pass for another. */
export function signStatement(signer: Signer, domain: string, statement: unknown): Signature {
  return signer.sign(statementBytes(domain, statement));
}

export function verifyStatement(publicKey: string, domain: string, statement: unknown, signature: string): boolean {
  return verifySignature(publicKey, statementBytes(domain, statement), signature);
}

function statementBytes(domain: string, statement: unknown): string {
  return `consilium/v1 ${domain}\n${canonicalJson(statement)}`;
}

/** DER headers of RFC 8410 for a raw Ed25519 seed and public key. */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

const parsedKeys = new Map<string, KeyObject>();
const PARSED_KEYS_MAX = 1000;

function publicKeyObject(publicKey: string): KeyObject | null {
  const known = parsedKeys.get(publicKey);
  if (known !== undefined) return known;
  const raw = Buffer.from(publicKey, "base64");
  if (raw.length !== nacl.sign.publicKeyLength) return null;
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: "der", type: "spki" });
  if (parsedKeys.size >= PARSED_KEYS_MAX) parsedKeys.clear();
  parsedKeys.set(publicKey, key);
  return key;
}
