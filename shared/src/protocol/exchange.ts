import type { z } from "zod";
import { type Failure, fromRefusal, type Refusal, toRefusal } from "../failure/failure.ts";
import type { Signer } from "../signing/ed25519.ts";
import type { Digest, PublicKey } from "../units/identity.ts";
import { ACCEPTANCE_HOLD_MS, ACCEPTANCES_MAX, MESSAGES_IN_FLIGHT_MAX } from "./limits.ts";
import { ReplyBody } from "./messages.ts";
import { refusalFor } from "./refusals.ts";
import { type Opened, open, type Session, seal } from "./session.ts";

export interface ExchangeOptions<Message> {
  readonly session: Session;
  readonly signer: Signer;
  /** Key of the peer. */
  readonly pinned: PublicKey;
  /** Puts a frame on the wire, in order. */
  readonly emit: (frame: Uint8Array) => void;
  /** What the peer may send. */
  readonly messages: z.ZodType<Message>;
  /** Answers a message; a `Failure` thrown becomes a refusal. The attachment is the callee's to keep. */
  readonly onMessage: (message: Message, attachment: Uint8Array | undefined) => Promise<ReplyBody>;
  /** Called for each refusal that this side gives: by the protocol, before any handler, or by the handler. */
  readonly onRefusal: (refusal: Refusal, by: "protocol" | "handler") => void;
  /** Where some acceptances may stay back for a while; without it each is sent at once, by itself. */
  readonly hold?: Hold<Message>;
}

export interface Hold<Message> {
  /** Whether the sender of this message does nothing with its acceptance but note it. */
  readonly isUnhurried: (message: Message, attachment: Uint8Array | undefined) => boolean;
  /** Calls back once after so long; the result cancels. */
  readonly after: (milliseconds: number, run: () => void) => () => void;
}

/** A message or a reply of either side. */
type Body = ReplyBody | { readonly type: string };

interface Waiting {
  readonly resolve: (reply: ReplyBody) => void;
  readonly reject: (failure: Failure) => void;
}

/**
 * Messages and replies of one session, the same on both sides. Nothing leaves unsigned, nothing reaches a handler
 * unchecked, and every message gets a signed reply. Time limits are the caller's.
 */
export class Exchange<Message> {
  readonly #options: ExchangeOptions<Message>;
  readonly #waiting = new Map<Digest, Waiting>();
  #session: Session;
  /** Digests of headers of accepted messages whose sender was not told yet. */
  #held: Digest[] = [];
  #cancelHold: (() => void) | undefined;
  #handling = 0;
  #closed: Failure | undefined;

  constructor(options: ExchangeOptions<Message>) {
    this.#options = options;
    this.#session = options.session;
  }

  /** Nobody waits for a reply, on either side. */
  get isIdle(): boolean {
    return this.#waiting.size === 0 && this.#handling === 0 && this.#held.length === 0;
  }

  /** Sends and resolves with the peer's reply, be it a refusal; rejects when the session ends before it came. */
  send(body: Body, attachment?: Uint8Array): Promise<ReplyBody> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    return new Promise((resolve, reject) => {
      this.#waiting.set(this.#emit(body, attachment, undefined), { resolve, reject });
    });
  }

  /** Takes whatever came off the wire. Never throws. */
  receive(frame: unknown): void {
    if (this.#closed !== undefined) return;
    if (!(frame instanceof Uint8Array)) {
      this.#refuse(refusalFor("message/malformed"), undefined);
      return;
    }
    const opened = open(this.#session, frame, this.#options.pinned);
    if ("fault" in opened) {
      if (opened.isReply) this.#options.onRefusal(refusalFor(opened.fault), "protocol");
      else this.#refuse(refusalFor(opened.fault), opened.headerHash);
      return;
    }
    this.#session = opened.session;
    for (const accepted of opened.header.accepts ?? []) this.#settle(accepted, ACCEPTED);
    if (opened.header.answers === undefined) this.#handle(opened);
    else this.#settle(opened.header.answers, opened.body);
  }

  /** Ends the exchange: whoever waits for a reply gets this failure. */
  close(failure: Failure): void {
    if (this.#closed !== undefined) return;
    this.#closed = failure;
    this.#cancelHold?.();
    for (const { reject } of this.#waiting.values()) reject(failure);
    this.#waiting.clear();
  }

  #handle({ header, headerHash, body, attachment }: Opened): void {
    const message = this.#options.messages.safeParse(body);
    const isKnown = message.success && typeOf(body) === header.type;
    if (!isKnown || this.#handling >= MESSAGES_IN_FLIGHT_MAX) {
      this.#refuse(refusalFor(isKnown ? "link/busy" : "message/unknown"), headerHash);
      return;
    }
    this.#handling += 1;
    this.#options
      .onMessage(message.data, attachment)
      .catch((error: unknown): ReplyBody => ({ type: "refused", refusal: toRefusal(error) }))
      .then((reply) => {
        this.#handling -= 1;
        if (reply.type === "refused") this.#refuse(reply.refusal, headerHash, "handler");
        else if (this.#mayStayBack(message.data, attachment, reply)) this.#holdBack(headerHash);
        else this.#emit(reply, undefined, headerHash);
      });
  }

  #mayStayBack(message: Message, attachment: Uint8Array | undefined, reply: ReplyBody): boolean {
    const isPlain = reply.type === "accepted" && reply.certificate === undefined;
    return isPlain && this.#options.hold?.isUnhurried(message, attachment) === true;
  }

  /** The next frame takes it along: a signature, a frame and their check less on both sides. */
  #holdBack(headerHash: Digest): void {
    this.#held.push(headerHash);
    if (this.#held.length >= ACCEPTANCES_MAX) this.#tellHeld();
    else this.#cancelHold ??= this.#options.hold?.after(ACCEPTANCE_HOLD_MS, () => this.#tellHeld());
  }

  #tellHeld(): void {
    const [first, ...others] = this.#held;
    this.#held = others;
    if (first !== undefined) this.#emit(ACCEPTED, undefined, first);
  }

  /** A reply that nobody waits for any more is no fault: its sender was only slow. */
  #settle(answers: Digest, body: unknown): void {
    const waiting = this.#waiting.get(answers);
    this.#waiting.delete(answers);
    const reply = ReplyBody.safeParse(body);
    if (reply.success) waiting?.resolve(reply.data);
    else waiting?.reject(fromRefusal(refusalFor("message/unknown")));
  }

  #refuse(refusal: Refusal, answers: Digest | undefined, by: "protocol" | "handler" = "protocol"): void {
    this.#options.onRefusal(refusal, by);
    this.#emit({ type: "refused", refusal }, undefined, answers ?? this.#session.id);
  }

  #emit(body: Body, attachment: Uint8Array | undefined, answers: Digest | undefined): Digest {
    const content = { body, attachment, answers, accepts: this.#held };
    const { session, frame, headerHash } = seal(this.#session, content, this.#options.signer);
    if (this.#closed !== undefined) return headerHash;
    this.#session = session;
    this.#held = [];
    this.#cancelHold?.();
    this.#cancelHold = undefined;
    this.#options.emit(frame);
    return headerHash;
  }
}

const ACCEPTED: ReplyBody = { type: "accepted" };

function typeOf(body: unknown): unknown {
  return typeof body === "object" && body !== null && "type" in body ? body.type : undefined;
}
