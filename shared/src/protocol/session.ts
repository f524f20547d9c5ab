import { canonicalJson } from "../encoding/canonicalJson.ts";
import { digestOf } from "../encoding/digest.ts";
import { fromRefusal } from "../failure/failure.ts";
import { type Signer, verifySignature } from "../signing/ed25519.ts";
import type { Digest, PartyName, PublicKey } from "../units/identity.ts";
import { decodeFrame, type Envelope, encodeFrame, type FrameFault, Header } from "./envelope.ts";
import { INLINE_BYTES_MAX, MESSAGE_JSON_BYTES_MAX } from "./limits.ts";
import { refusalFor } from "./refusals.ts";
import { PROTOCOL_VERSION } from "./version.ts";

/** One connection as one party sees it: an id from both nonces, and a chain of headers each way. */
export interface Session {
  readonly id: Digest;
  readonly self: PartyName;
  readonly peer: PartyName;
  readonly sent: Chain;
  readonly received: Chain;
}

/** The last header of one direction. */
interface Chain {
  readonly seq: number;
  readonly hash: Digest;
}

export interface Content {
  readonly body: { readonly type: string };
  readonly attachment?: Uint8Array | undefined;
  /** In a reply: digest of the header that it answers. */
  readonly answers?: Digest | undefined;
  /** Digests of headers that it accepts by the way. */
  readonly accepts?: readonly Digest[] | undefined;
}

export interface Sealed {
  readonly session: Session;
  readonly frame: Uint8Array;
  /** What the reply will name. */
  readonly headerHash: Digest;
}

export interface Opened {
  readonly session: Session;
  readonly header: Header;
  readonly headerHash: Digest;
  /** JSON of unknown shape: the caller's schema is next. */
  readonly body: unknown;
  readonly attachment: Uint8Array | undefined;
}

export type SessionFault =
  | FrameFault
  | "message/signature-invalid"
  | "message/altered"
  | "session/foreign"
  | "session/not-you"
  | "session/replayed"
  | "session/out-of-sequence";

/** A message that can't be accepted. It leaves the session as it was: the honest sender's next one still fits. */
export interface Rejected {
  readonly fault: SessionFault;
  /** Digest of the header as received, where one could be read. */
  readonly headerHash: Digest | undefined;
  /** Whether it says to be a reply; replies are never answered, so two confused sides fall silent. */
  readonly isReply: boolean;
}

export function startSession(id: Digest, self: PartyName, peer: PartyName): Session {
  return { id, self, peer, sent: { seq: 0, hash: id }, received: { seq: 0, hash: id } };
}

/** Makes the next frame of this session. Throws a `Failure` for what its receiver would refuse for its size. */
export function seal(session: Session, content: Content, signer: Signer): Sealed {
  const body = canonicalJson(content.body);
  const attachment = content.attachment?.length === 0 ? undefined : content.attachment;
  if (isOversize(body, attachment)) throw fromRefusal(refusalFor("message/oversize"));
  const header = canonicalJson({
    v: PROTOCOL_VERSION,
    session: session.id,
    type: content.body.type,
    from: session.self,
    to: session.peer,
    seq: session.sent.seq + 1,
    prevHash: session.sent.hash,
    bodyHash: digestOf(body),
    attachmentHash: attachment === undefined ? undefined : digestOf(attachment),
    answers: content.answers,
    accepts: content.accepts?.length === 0 ? undefined : content.accepts,
  } satisfies { [key in keyof Header]: unknown });
  const headerHash = digestOf(header);
  const signature = signer.sign(ENVELOPE_DOMAIN + header);
  const frame = encodeFrame({ header, signature, body, attachment });
  return { session: { ...session, sent: { seq: session.sent.seq + 1, hash: headerHash } }, frame, headerHash };
}

/** Whether a receiver would refuse this for its size. */
function isOversize(body: string, attachment: Uint8Array | undefined): boolean {
  return Buffer.byteLength(body) > MESSAGE_JSON_BYTES_MAX || (attachment?.length ?? 0) > INLINE_BYTES_MAX;
}

/** Checks a frame from the peer and moves the session on. Never throws, whatever the bytes. */
export function open(session: Session, frame: Uint8Array, pinned: PublicKey): Opened | Rejected {
  const envelope = decodeFrame(frame);
  if (typeof envelope === "string") return { fault: envelope, headerHash: undefined, isReply: false };
  const headerHash = digestOf(envelope.header);
  const header = Header.safeParse(parseJson(envelope.header));
  const isReply = header.data?.answers !== undefined;
  const reject = (fault: SessionFault): Rejected => ({ fault, headerHash, isReply });
  if (!verifySignature(pinned, ENVELOPE_DOMAIN + envelope.header, envelope.signature)) {
    return reject("message/signature-invalid");
  }
  if (!header.success) return reject("message/malformed");
  const fault = faultOf(session, header.data, envelope);
  if (fault !== undefined) return reject(fault);
  const body = parseJson(envelope.body);
  if (body === undefined) return reject("message/malformed");
  const next = { ...session, received: { seq: header.data.seq, hash: headerHash } };
  return { session: next, header: header.data, headerHash, body, attachment: envelope.attachment };
}

const ENVELOPE_DOMAIN = "consilium/v1 envelope\n";

function faultOf(session: Session, header: Header, { body, attachment }: Envelope): SessionFault | undefined {
  if (header.session !== session.id) return "session/foreign";
  if (header.from !== session.peer || header.to !== session.self) return "session/not-you";
  if (header.seq <= session.received.seq) return "session/replayed";
  if (header.seq !== session.received.seq + 1 || header.prevHash !== session.received.hash)
    return "session/out-of-sequence";
  if ((attachment?.length ?? 0) > INLINE_BYTES_MAX) return "message/oversize";
  if (header.bodyHash !== digestOf(body)) return "message/altered";
  const attachmentHash = attachment === undefined ? undefined : digestOf(attachment);
  return header.attachmentHash === attachmentHash ? undefined : "message/altered";
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
