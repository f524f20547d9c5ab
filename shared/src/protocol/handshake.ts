/**
 * How a session begins. Both sides send a fresh nonce and sign; the session's id is a digest of both texts, so no
 * message of one connection can be played into another. That needs no counter on disk, which a restored backup would
 * set back. The TLS key in the hello ties the session to this very TLS connection: a party in between, even with
 * certificates of a stolen authority, can't show the site's TLS key to the coordinator.
 */
import { z } from "zod";
import { canonicalJson } from "../encoding/canonicalJson.ts";
import { digestOf } from "../encoding/digest.ts";
import { Refusal } from "../failure/failure.ts";
import type { RandomSource } from "../random/randomSource.ts";
import { type Signer, verifySignature } from "../signing/ed25519.ts";
import { COORDINATOR, Digest, type PublicKey, Signature, SiteName } from "../units/identity.ts";
import { PROTOCOL_VERSION } from "./version.ts";

const NONCE_BYTES = 32;
const Nonce = z.string().regex(/^[0-9a-f]{64}$/, "32 bytes in hexadecimal");

/** A text and its signature, as sent before there is a session. */
export const SignedText = z.strictObject({ text: z.string().max(4000), signature: Signature });
export type SignedText = z.infer<typeof SignedText>;

/** Site → coordinator, first of all. */
export const Hello = z.strictObject({
  v: z.literal(PROTOCOL_VERSION),
  type: z.literal("hello"),
  from: SiteName,
  to: z.literal(COORDINATOR),
  nonce: Nonce,
  /** Fingerprint of the key in the site's TLS certificate. */
  tlsKey: Digest,
});
export type Hello = z.infer<typeof Hello>;

/** Read before `Hello`, so that another version is refused by name. */
const Versioned = z.looseObject({ v: z.number() });

/** Coordinator → site: the answer to a hello. */
export const Welcome = z.discriminatedUnion("type", [
  z.strictObject({
    v: z.literal(PROTOCOL_VERSION),
    type: z.literal("welcome"),
    from: z.literal(COORDINATOR),
    to: SiteName,
    nonce: Nonce,
    /** Digest of the hello's text. */
    answers: Digest,
  }),
  z.strictObject({
    v: z.number(),
    type: z.literal("refused"),
    from: z.literal(COORDINATOR),
    answers: Digest,
    refusal: Refusal,
  }),
]);
export type Welcome = z.infer<typeof Welcome>;

export type HelloFault =
  | "message/malformed"
  | "protocol/version-unknown"
  | "message/signature-invalid"
  | "session/not-you";

const HANDSHAKE_DOMAIN = "consilium/v1 handshake\n";

export function signText(signer: Signer, content: Hello | Welcome): SignedText {
  const text = canonicalJson(content);
  return { text, signature: signer.sign(HANDSHAKE_DOMAIN + text) };
}

export function createHello(site: SiteName, tlsKey: Digest, identity: Signer, random: RandomSource): SignedText {
  const hello = {
    v: PROTOCOL_VERSION,
    type: "hello",
    from: site,
    to: COORDINATOR,
    nonce: nonce(random),
    tlsKey,
  } as const;
  return signText(identity, hello);
}

/** Holds a hello against the TLS certificate that its connection showed and the key pinned for that site. */
export function checkHello(
  received: unknown,
  peer: { site: SiteName; tlsKey: Digest },
  pinned: PublicKey,
): Hello | HelloFault {
  const signed = SignedText.safeParse(received);
  if (!signed.success) return "message/malformed";
  const content = parseJson(signed.data.text);
  const versioned = Versioned.safeParse(content);
  if (versioned.success && versioned.data.v !== PROTOCOL_VERSION) return "protocol/version-unknown";
  const hello = Hello.safeParse(content);
  if (!hello.success) return "message/malformed";
  const { text, signature } = signed.data;
  if (!verifySignature(pinned, HANDSHAKE_DOMAIN + text, signature)) return "message/signature-invalid";
  if (hello.data.from !== peer.site || hello.data.tlsKey !== peer.tlsKey) return "session/not-you";
  return hello.data;
}

export function createWelcome(hello: SignedText, to: SiteName, coordinator: Signer, random: RandomSource): SignedText {
  const answers = digestOf(hello.text);
  const welcome = {
    v: PROTOCOL_VERSION,
    type: "welcome",
    from: COORDINATOR,
    to,
    nonce: nonce(random),
    answers,
  } as const;
  return signText(coordinator, welcome);
}

/** A refusal is signed too, and bound to the hello that it answers, whatever that was. */
export function refuseHello(received: unknown, refusal: Refusal, coordinator: Signer): SignedText {
  const signed = SignedText.safeParse(received);
  const answers = digestOf(signed.success ? signed.data.text : "");
  return signText(coordinator, { v: PROTOCOL_VERSION, type: "refused", from: COORDINATOR, answers, refusal });
}

/** The coordinator's answer to this hello; undefined when it isn't one that the pinned key signed. */
export function checkWelcome(received: unknown, hello: SignedText, pinned: PublicKey): Welcome | undefined {
  const signed = SignedText.safeParse(received);
  if (!signed.success || !verifySignature(pinned, HANDSHAKE_DOMAIN + signed.data.text, signed.data.signature))
    return undefined;
  const welcome = Welcome.safeParse(parseJson(signed.data.text));
  return welcome.success && welcome.data.answers === digestOf(hello.text) ? welcome.data : undefined;
}

/** Digest of both signed texts, hence of both nonces, both parties, the TLS key and the version. */
export function sessionId(hello: SignedText, welcome: SignedText): Digest {
  return digestOf(`consilium/v1 session\n${digestOf(hello.text)}\n${digestOf(welcome.text)}`);
}

function nonce(random: RandomSource): string {
  return Buffer.from(random.bytes(NONCE_BYTES)).toString("hex");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
