import { z } from "zod";
import { Digest, PartyName, type Signature } from "../units/identity.ts";
import { ACCEPTANCES_MAX, FRAME_BYTES_MAX, HEADER_BYTES_MAX, MESSAGE_JSON_BYTES_MAX } from "./limits.ts";
import { PROTOCOL_VERSION } from "./version.ts";

/**
 * What is signed of a message. Body and attachment are bound by their digests, so signing costs the same for a byte
 * as for a megabyte.
 */
export const Header = z.strictObject({
  v: z.literal(PROTOCOL_VERSION),
  session: Digest,
  type: z.string().max(60),
  from: PartyName,
  to: PartyName,
  /** Place among this sender's messages of this session, from 1. */
  seq: z.number().int().positive(),
  /** Digest of this sender's header before; the session's id for the first. */
  prevHash: Digest,
  bodyHash: Digest,
  attachmentHash: Digest.optional(),
  /** In a reply: digest of the header that it answers. */
  answers: Digest.optional(),
  /** Digests of headers of the receiver's messages that this one accepts by the way. */
  accepts: z.array(Digest).min(1).max(ACCEPTANCES_MAX).optional(),
});
export type Header = z.infer<typeof Header>;

/** A message as it travels: exact texts, because their digests are what counts. */
export interface Envelope {
  /** Canonical JSON of a `Header`. */
  readonly header: string;
  readonly signature: Signature;
  /** JSON of the body. */
  readonly body: string;
  readonly attachment: Uint8Array | undefined;
}

export type FrameFault = "message/malformed" | "message/oversize";

const SIGNATURE_BYTES = 64;
/** Lengths of header and body as little-endian uint32, then the signature. */
const PREFIX_BYTES = 8 + SIGNATURE_BYTES;

/** One binary frame: prefix, header, body, attachment. */
export function encodeFrame(envelope: Envelope): Uint8Array {
  const header = Buffer.from(envelope.header);
  const body = Buffer.from(envelope.body);
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32LE(header.length, 0);
  prefix.writeUInt32LE(body.length, 4);
  const signature = Buffer.from(envelope.signature, "base64");
  return Buffer.concat([prefix, signature, header, body, envelope.attachment ?? new Uint8Array(0)]);
}

/** Reads a frame; the attachment is a copy of its own, aligned for any typed array. Never throws. */
export function decodeFrame(frame: Uint8Array): Envelope | FrameFault {
  if (frame.length > FRAME_BYTES_MAX) return "message/oversize";
  if (frame.length < PREFIX_BYTES) return "message/malformed";
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  const headerBytes = bytes.readUInt32LE(0);
  const bodyBytes = bytes.readUInt32LE(4);
  if (headerBytes > HEADER_BYTES_MAX || bodyBytes > MESSAGE_JSON_BYTES_MAX) return "message/oversize";
  const bodyStart = PREFIX_BYTES + headerBytes;
  const attachmentStart = bodyStart + bodyBytes;
  if (attachmentStart > bytes.length) return "message/malformed";
  const header = utf8(bytes.subarray(PREFIX_BYTES, bodyStart));
  const body = utf8(bytes.subarray(bodyStart, attachmentStart));
  if (header === undefined || body === undefined) return "message/malformed";
  const attachment = attachmentStart === bytes.length ? undefined : new Uint8Array(bytes.subarray(attachmentStart));
  return { header, signature: base64Signature(bytes.subarray(8, PREFIX_BYTES)), body, attachment };
}

/** The one maker of a signature from its 64 bytes. */
function base64Signature(bytes: Buffer): Signature {
  return bytes.toString("base64") as Signature;
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}
