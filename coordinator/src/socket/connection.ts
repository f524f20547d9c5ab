import { Failure, fromRefusal, type Refusal } from "@consilium/shared/failure/failure";
import { Exchange } from "@consilium/shared/protocol/exchange";
import { checkHello, createWelcome, refuseHello, SignedText, sessionId } from "@consilium/shared/protocol/handshake";
import { MESSAGES_BURST_MAX, MESSAGES_PER_SECOND_MAX, REFUSALS_PER_LINK_MAX } from "@consilium/shared/protocol/limits";
import { type ReplyBody, SiteMessage } from "@consilium/shared/protocol/messages";
import { type Bucket, fullBucket, takeToken } from "@consilium/shared/protocol/rate";
import { Ready } from "@consilium/shared/protocol/ready";
import { type RefusalCode, refusalFor } from "@consilium/shared/protocol/refusals";
import { startSession } from "@consilium/shared/protocol/session";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { Signer } from "@consilium/shared/signing/ed25519";
import { COORDINATOR } from "@consilium/shared/units/identity";
import type { Socket } from "socket.io";
import { z } from "zod";
import { type Authorities, authorize, type Peer } from "./peer.ts";

export interface ConnectionOptions {
  readonly signer: Signer;
  readonly random: RandomSource;
  readonly authorities: Authorities;
  /** Why a site that has proved itself may not take part all the same; null: it may send and be sent to from now on. */
  readonly onReady: (ready: Ready) => Refusal | null;
  readonly onMessage: (message: SiteMessage, attachment: Uint8Array | undefined) => Promise<ReplyBody>;
  readonly onRefusal: (refusal: Refusal) => void;
}

const RATE = { perSecond: MESSAGES_PER_SECOND_MAX, burst: MESSAGES_BURST_MAX };
const Incoming = z.discriminatedUnion("type", [Ready, SiteMessage]);
type Incoming = z.infer<typeof Incoming>;

/** One socket of one site, from its hello to its end. */
export class SiteConnection {
  readonly peer: Peer;
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  #exchange: Exchange<Incoming> | undefined;
  #isReady = false;
  #bucket: Bucket;
  #refusals = 0;

  constructor(socket: Socket, peer: Peer, options: ConnectionOptions) {
    this.peer = peer;
    this.#socket = socket;
    this.#options = options;
    this.#bucket = fullBucket(RATE, options.authorities.now().getTime());
    socket.onAny((event: unknown, content: unknown) => this.#receive(event, content));
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Sends a message and resolves with the site's reply; rejects when the link ends before. */
  send(message: { readonly type: string }, attachment?: Uint8Array): Promise<ReplyBody> {
    if (this.#exchange === undefined || !this.#isReady) return Promise.reject(fromRefusal(refusalFor("session/none")));
    return this.#exchange.send(message, attachment);
  }

  /** Cuts the link at once. Whoever waits for a reply is told. */
  cut(reason: string): void {
    this.#exchange?.close(linkLost(this.peer.site, reason));
    this.#isReady = false;
    this.#socket.disconnect(true);
  }

  #receive(event: unknown, content: unknown): void {
    const bucket = takeToken(this.#bucket, RATE, this.#options.authorities.now().getTime());
    if (bucket === undefined) {
      this.#cutFor("link/too-many-messages");
      return;
    }
    this.#bucket = bucket;
    if (event === "hello") this.#greet(content);
    else if (event === "envelope") this.#open(content);
    else this.#refuse(refusalFor("message/unknown"));
  }

  #greet(received: unknown): void {
    const entry = authorize(this.peer, this.#options.authorities);
    if (typeof entry === "string") {
      this.#refuseHello(received, entry);
      return;
    }
    const hello = this.#exchange === undefined ? checkHello(received, this.peer, entry.identityKey) : "session/begun";
    if (typeof hello === "string") {
      this.#refuseHello(received, hello);
      return;
    }
    const { signer, random, onMessage } = this.#options;
    const signedHello = SignedText.parse(received);
    const welcome = createWelcome(signedHello, this.peer.site, signer, random);
    this.#exchange = new Exchange<Incoming>({
      session: startSession(sessionId(signedHello, welcome), COORDINATOR, this.peer.site),
      signer,
      pinned: entry.identityKey,
      emit: (frame) => this.#socket.emit("envelope", frame),
      messages: Incoming,
      onMessage: async (message, attachment) => {
        if (message.type === "ready") return this.#becomeReady(message);
        return this.#isReady ? onMessage(message, attachment) : refused("session/none");
      },
      onRefusal: (refusal, by) => (by === "protocol" ? this.#refuse(refusal) : this.#options.onRefusal(refusal)),
      // A contribution that came whole asks for nothing more; one without its bytes is uploaded once it is accepted.
      hold: {
        isUnhurried: ({ type }, attachment) => type === "contribution" && attachment !== undefined,
        after,
      },
    });
    this.#socket.emit("welcome", welcome);
  }

  /** The first envelope proves that the site signed the coordinator's nonce: a recorded hello gets no further. */
  #becomeReady(ready: Ready): ReplyBody {
    if (this.#isReady) return refused("session/begun");
    this.#isReady = true;
    const refusal = this.#options.onReady(ready);
    if (refusal === null) return { type: "accepted" };
    this.#isReady = false;
    this.#options.onRefusal(refusal);
    return { type: "refused", refusal };
  }

  #open(frame: unknown): void {
    const entry = authorize(this.peer, this.#options.authorities);
    if (typeof entry === "string") {
      this.#cutFor(entry);
    } else if (this.#exchange === undefined) {
      this.#refuseHello(frame, "session/none");
    } else {
      this.#exchange.receive(frame);
    }
  }

  /** Tells why, signed, then hangs up: the site must begin anew. */
  #refuseHello(received: unknown, code: RefusalCode): void {
    this.#socket.emit("welcome", refuseHello(received, refusalFor(code), this.#options.signer));
    this.#cutFor(code);
  }

  #cutFor(code: RefusalCode): void {
    this.#options.onRefusal(refusalFor(code));
    this.cut(code);
  }

  /** Books a refusal that was given; one link gets only so many. */
  #refuse(refusal: Refusal): void {
    this.#options.onRefusal(refusal);
    this.#refusals += 1;
    if (this.#refusals === REFUSALS_PER_LINK_MAX) this.#cutFor("link/too-many-refusals");
  }
}

function after(milliseconds: number, run: () => void): () => void {
  const timer = setTimeout(run, milliseconds);
  return () => clearTimeout(timer);
}

function refused(code: RefusalCode): ReplyBody {
  return { type: "refused", refusal: refusalFor(code) };
}

function linkLost(site: string, reason: string): Failure {
  return new Failure({
    code: "link/lost",
    kind: "unreachable",
    what: `The link to ${site} ended before the reply came (${reason}).`,
    remedy: "Nothing: the agent connects again by itself, and the message is asked for again.",
    fields: { site, reason },
  });
}
