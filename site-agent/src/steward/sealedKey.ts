import { scrypt } from "node:crypto";
import { Failure } from "@consilium/shared/failure/failure";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import { type Signer, signerOf } from "@consilium/shared/signing/ed25519";
import { PublicKey } from "@consilium/shared/units/identity";
import nacl from "tweetnacl";
import { z } from "zod";

/** Shorter passwords fall to a search of the stolen file within weeks, scrypt or not. */
export const PASSWORD_CHARACTERS_MIN = 12;

/** 128 · N · r = 64 MiB and some tenths of a second for a guess: OWASP's second choice for scrypt. */
const SCRYPT = { N: 2 ** 16, r: 8, p: 2 } as const;
const SCRYPT_MEMORY_MAX = 128 * 1024 * 1024;
const SALT_BYTES = 16;

const base64 = z.string().regex(/^[A-Za-z0-9+/]+=*$/);

/** A steward's signing key at rest: only who knows the password can sign with it. */
export const SealedKey = z.strictObject({
  v: z.literal(1),
  steward: z.string().min(1).max(100),
  publicKey: PublicKey,
  scrypt: z.strictObject({
    N: z
      .number()
      .int()
      .min(2 ** 14)
      .max(2 ** 20),
    r: z.number().int().min(1).max(32),
    p: z.number().int().min(1).max(16),
    salt: base64,
  }),
  /** XSalsa20-Poly1305 (tweetnacl secretbox) of the 32-byte seed. */
  nonce: base64,
  box: base64,
});
export type SealedKey = z.infer<typeof SealedKey>;

export async function sealKey(
  steward: string,
  seed: Uint8Array,
  password: string,
  random: RandomSource,
): Promise<SealedKey> {
  if (password.length < PASSWORD_CHARACTERS_MIN) throw tooShort();
  const salt = random.bytes(SALT_BYTES);
  const nonce = random.bytes(nacl.secretbox.nonceLength);
  const key = await stretch(password, salt, SCRYPT);
  const box = nacl.secretbox(seed, nonce, key);
  return {
    v: 1,
    steward,
    publicKey: signerOf(seed).publicKey,
    scrypt: { ...SCRYPT, salt: encode(salt) },
    nonce: encode(nonce),
    box: encode(box),
  };
}

/** The steward's signer; refuses a wrong password and a damaged file alike. */
export async function openKey(sealed: SealedKey, password: string): Promise<Signer> {
  const key = await stretch(password, decode(sealed.scrypt.salt), sealed.scrypt);
  const seed = nacl.secretbox.open(decode(sealed.box), decode(sealed.nonce), key);
  if (seed === null || seed.length !== nacl.sign.seedLength) {
    throw new Failure({
      code: "steward/password-wrong",
      kind: "refused",
      what: `The password does not open the key of steward ${sealed.steward}.`,
      remedy: "Try again. A lost password can't be recovered: make a new steward key and enrol again.",
    });
  }
  return signerOf(seed);
}

function stretch(password: string, salt: Uint8Array, cost: { N: number; r: number; p: number }): Promise<Uint8Array> {
  const { N, r, p } = cost;
  return new Promise((resolve, reject) => {
    const options = { N, r, p, maxmem: SCRYPT_MEMORY_MAX * 2 };
    scrypt(password.normalize("NFKC"), salt, nacl.secretbox.keyLength, options, (error, key) =>
      error === null ? resolve(new Uint8Array(key)) : reject(error),
    );
  });
}

function tooShort(): Failure {
  return new Failure({
    code: "steward/password-too-short",
    kind: "usage",
    what: `A steward's password has at least ${PASSWORD_CHARACTERS_MIN} characters.`,
    remedy: "Take four random words.",
  });
}

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function decode(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}
