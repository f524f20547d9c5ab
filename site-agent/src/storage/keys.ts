import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { PUBLIC_FILE_MODE, readSecretFile, SECRET_FILE_MODE, writeFileAtomically } from "@consilium/certs/files";
import { tlsKeyFingerprint } from "@consilium/certs/keys";
import { Failure } from "@consilium/shared/failure/failure";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import { newSeed, type Signer, signerOf } from "@consilium/shared/signing/ed25519";
import type { PublicKey } from "@consilium/shared/units/identity";
import { SealedKey } from "../steward/sealedKey.ts";
import type { DataFolder } from "./folder.ts";

/** A certificate with the key that it certifies. PEM. */
export interface TlsIdentity {
  readonly certificate: string;
  readonly privateKey: string;
}

/** A site's secrets, made here and never sent anywhere. */
export interface SiteKeys {
  readonly identity: Signer;
  /** Key of the hash that splits patients into parts and replaces their names. */
  readonly splitKey: Uint8Array;
  readonly sealedSteward: SealedKey;
  /** The consortium's authority. PEM. */
  readonly ca: string;
}

export interface NewSecrets {
  readonly identitySeed: Uint8Array;
  readonly splitKey: Uint8Array;
}

const SPLIT_KEY_BYTES = 32;

export function newSecrets(random: RandomSource): NewSecrets {
  return { identitySeed: newSeed(random), splitKey: random.bytes(SPLIT_KEY_BYTES) };
}

export async function writeSecrets(folder: DataFolder, secrets: NewSecrets, steward: SealedKey): Promise<void> {
  await writeFileAtomically(file(folder, "identity.seed"), encode(secrets.identitySeed), SECRET_FILE_MODE);
  await writeFileAtomically(file(folder, "split.key"), encode(secrets.splitKey), SECRET_FILE_MODE);
  await writeFileAtomically(file(folder, "steward.json"), `${JSON.stringify(steward)}\n`, SECRET_FILE_MODE);
}

export async function readKeys(folder: DataFolder): Promise<SiteKeys> {
  const [seed, split, steward, ca] = await Promise.all([
    readSecretFile(file(folder, "identity.seed")),
    readSecretFile(file(folder, "split.key")),
    readSecretFile(file(folder, "steward.json")),
    readFile(file(folder, "ca.crt"), "utf8"),
  ]);
  return {
    identity: signerOf(decode(seed)),
    splitKey: decode(split),
    sealedSteward: SealedKey.parse(JSON.parse(steward)),
    ca,
  };
}

/** The sealed keys of all stewards, the first one's first. */
export async function sealedKeys(folder: DataFolder): Promise<readonly SealedKey[]> {
  const others = (await readdir(folder.keys)).filter((one) => /^steward-[0-9a-f]{16}\.json$/.test(one));
  return Promise.all(
    ["steward.json", ...others].map(async (one) =>
      SealedKey.parse(JSON.parse(await readSecretFile(file(folder, one)))),
    ),
  );
}

/** The sealed key of the steward of that name; of the first one where none is named. */
export async function sealedKeyOf(folder: DataFolder, name?: string): Promise<SealedKey> {
  const keys = await sealedKeys(folder);
  const found = name === undefined ? keys[0] : keys.find(({ steward }) => steward === name);
  if (found !== undefined) return found;
  throw new Failure({
    code: "steward/unknown",
    kind: "usage",
    what: `No steward ${name ?? ""} has a key here.`,
    remedy: "See who may decide: consilium-site steward list",
  });
}

/**
 * The key of one more steward, beside the first one's, in the place of any by that name that nobody let in: a command
 * that was killed leaves one. Returns how to take it away again.
 */
export async function writeStewardKey(folder: DataFolder, sealed: SealedKey): Promise<() => Promise<void>> {
  const [, ...others] = await sealedKeys(folder);
  const left = others.filter(({ steward }) => steward === sealed.steward);
  await Promise.all(left.map(({ publicKey }) => removeStewardKey(folder, publicKey)));
  await writeFileAtomically(stewardFile(folder, sealed.publicKey), `${JSON.stringify(sealed)}\n`, SECRET_FILE_MODE);
  return () => removeStewardKey(folder, sealed.publicKey);
}

/** Of somebody who is not let in after all; the first steward's key is another file. */
export async function removeStewardKey(folder: DataFolder, publicKey: PublicKey): Promise<void> {
  await rm(stewardFile(folder, publicKey), { force: true });
}

function stewardFile(folder: DataFolder, publicKey: PublicKey): string {
  return file(folder, `steward-${Buffer.from(publicKey, "base64").subarray(0, 8).toString("hex")}.json`);
}

/** Key and certificate are one file, so that a crash never leaves one without the other. */
export async function writeTls(folder: DataFolder, tls: TlsIdentity): Promise<void> {
  await writeFileAtomically(file(folder, "tls.pem"), `${tls.privateKey.trim()}\n${tls.certificate}`, SECRET_FILE_MODE);
}

export async function readTls(folder: DataFolder): Promise<TlsIdentity> {
  const text = await readSecretFile(file(folder, "tls.pem"));
  const certificate = /-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----\n?/.exec(text)?.[0];
  const privateKey = /-----BEGIN PRIVATE KEY-----[\s\S]+-----END PRIVATE KEY-----\n?/.exec(text)?.[0];
  if (certificate === undefined || privateKey === undefined) throw damaged();
  return { certificate, privateKey };
}

export async function writeAuthority(folder: DataFolder, ca: string): Promise<void> {
  await writeFileAtomically(file(folder, "ca.crt"), ca, PUBLIC_FILE_MODE);
}

/** Refuses a certificate that is not for this key, or not from this authority. */
export function requireIssued(tls: TlsIdentity, ca: string): void {
  const certificate = new X509Certificate(tls.certificate);
  const authority = new X509Certificate(ca);
  const ours = tlsKeyFingerprint(certificate.publicKey) === tlsKeyFingerprint(publicHalf(tls.privateKey));
  if (ours && certificate.verify(authority.publicKey)) return;
  throw new Failure({
    code: "certificate/not-ours",
    kind: "refused",
    what: "The certificate that came back is not this site's, or not from the authority that the token names.",
    remedy: "Tell the consortium's lead; nothing was stored.",
  });
}

function publicHalf(privateKey: string): Parameters<typeof tlsKeyFingerprint>[0] {
  return createPublicKey(createPrivateKey(privateKey));
}

function file(folder: DataFolder, name: string): string {
  return join(folder.keys, name);
}

function encode(bytes: Uint8Array): string {
  return `${Buffer.from(bytes).toString("base64")}\n`;
}

function decode(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.trim(), "base64"));
}

function damaged(): Failure {
  return new Failure({
    code: "config/tls-file-damaged",
    kind: "config",
    what: "The file keys/tls.pem does not hold a key and its certificate.",
    remedy: "Restore it from a backup, or enrol again with a new token: consilium-site join TOKEN.",
  });
}
