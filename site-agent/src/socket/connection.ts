import { tlsKeyFingerprintOfCertificate } from "@consilium/certs/keys";
import { Failure, fromRefusal, type Refusal } from "@consilium/shared/failure/failure";
import { Exchange } from "@consilium/shared/protocol/exchange";
import { checkWelcome, createHello, SignedText, sessionId } from "@consilium/shared/protocol/handshake";
import { HANDSHAKE_TIMEOUT_MS } from "@consilium/shared/protocol/limits";
import { CoordinatorMessage, type ReplyBody } from "@consilium/shared/protocol/messages";
import { packetParser } from "@consilium/shared/protocol/packets";
import type { Ready } from "@consilium/shared/protocol/ready";
import { refusalFor } from "@consilium/shared/protocol/refusals";
import { startSession } from "@consilium/shared/protocol/session";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { Signer } from "@consilium/shared/signing/ed25519";
import { COORDINATOR, type PublicKey, type SiteName } from "@consilium/shared/units/identity";
import { io, type Socket } from "socket.io-client";
import { type Outgoing, publicPartOf } from "../disclosure/outgoing.ts";

/** The site's TLS certificate and its key. PEM. */
export interface Credentials {
  readonly certificate: string;
  readonly privateKey: string;
}

export interface ConnectionOptions {
  readonly url: string;
  readonly site: SiteName;
  readonly identity: Signer;
  /** Pinned at enrolment. */
  readonly coordinatorKey: PublicKey;
  readonly ca: string;
  readonly random: RandomSource;
  /** Where both ledgers stand for this site, told at the start of each session. */
  readonly ready: () => Outgoing<Ready>;
  readonly onMessage: (message: CoordinatorMessage, attachment: Uint8Array | undefined) => Promise<ReplyBody>;
  /** The session stands: messages may go both ways. */
  readonly onReady: (exchange: Exchange<CoordinatorMessage>) => void;
  /** Called for each refusal that this side gives. */
  readonly onRefusal: (refusal: Refusal) => void;
}

/** How a connection came to its end. */
export interface ConnectionEnd {
  readonly reason: string;
  readonly wasReady: boolean;
  /** The coordinator's signed word why it won't talk to this site. */
  readonly refusal: Refusal | undefined;
}

/** TLS 1.3 alone: a list without any cipher of TLS 1.2 rules that out. */
const TLS13_CIPHERS = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/** One connection to the coordinator, from the TLS handshake to its end. */
export class CoordinatorConnection {
  readonly ended: Promise<ConnectionEnd>;
  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  readonly #hello: SignedText;
  #exchange: Exchange<CoordinatorMessage> | undefined;
  #isReady = false;
  #refusal: Refusal | undefined;
  #reason: string | undefined;
  #end: (reason: string) => void = () => undefined;

  constructor(credentials: Credentials, options: ConnectionOptions) {
    const { url, site, identity, ca, random } = options;
    this.#options = options;
    this.#hello = createHello(site, tlsKeyFingerprintOfCertificate(credentials.certificate), identity, random);
    this.#socket = io(url, {
      transports: ["websocket"],
      upgrade: false,
      forceNew: true,
      reconnection: false,
      parser: packetParser,
      timeout: HANDSHAKE_TIMEOUT_MS,
      ca,
      cert: credentials.certificate,
      key: credentials.privateKey,
      ciphers: TLS13_CIPHERS,
      rejectUnauthorized: true,
    });
    this.ended = this.#run();
  }

  /** Ends the connection; whoever waits for a reply is told. */
  close(reason: string): void {
    this.#reason ??= reason;
    // A socket that is still connecting says nothing when it is told to stop.
    this.#end(reason);
  }

  async #run(): Promise<ConnectionEnd> {
    const socket = this.#socket;
    const lateness = setTimeout(() => {
      if (!this.#isReady) this.close("the session didn't begin in time");
    }, HANDSHAKE_TIMEOUT_MS);
    const reason = await new Promise<string>((resolve) => {
      this.#end = resolve;
      socket.on("connect", () => socket.emit("hello", this.#hello));
      socket.on("welcome", (received: unknown) => this.#welcome(received));
      socket.on("envelope", (frame: unknown) => this.#exchange?.receive(frame));
      socket.on("connect_error", (error) => resolve(reasonOf(error)));
      socket.on("disconnect", (why) => resolve(why));
    });
    clearTimeout(lateness);
    socket.removeAllListeners();
    socket.disconnect();
    const told = this.#reason ?? this.#refusal?.code ?? reason;
    this.#exchange?.close(linkLost(told));
    return { reason: told, wasReady: this.#isReady, refusal: this.#refusal };
  }

  #welcome(received: unknown): void {
    const { site, coordinatorKey, identity, onMessage } = this.#options;
    const welcome = checkWelcome(received, this.#hello, coordinatorKey);
    if (welcome === undefined || (welcome.type === "welcome" && this.#exchange !== undefined)) {
      this.#refuse(refusalFor("message/signature-invalid"));
      return;
    }
    if (welcome.type === "refused") {
      this.#refusal = welcome.refusal;
      this.close(welcome.refusal.code);
      return;
    }
    const exchange = new Exchange<CoordinatorMessage>({
      session: startSession(sessionId(this.#hello, SignedText.parse(received)), site, COORDINATOR),
      signer: identity,
      pinned: coordinatorKey,
      emit: (frame) => this.#socket.emit("envelope", frame),
      messages: CoordinatorMessage,
      // A reply says no more of a fault than a message does.
      onMessage: (message, attachment) =>
        onMessage(message, attachment).catch((error: unknown) => {
          throw fromRefusal(publicPartOf(error));
        }),
      onRefusal: (refusal, by) => (by === "protocol" ? this.#refuse(refusal) : this.#options.onRefusal(refusal)),
      // The coordinator only notes who heard an announcement; where the answer follows soon, one frame says both.
      hold: { isUnhurried: ({ type }) => type === "round-announced", after },
    });
    this.#exchange = exchange;
    exchange.send(this.#options.ready()).then(
      (reply) => this.#begin(exchange, reply),
      (failure: Failure) => this.close(failure.code),
    );
  }

  #begin(exchange: Exchange<CoordinatorMessage>, reply: ReplyBody): void {
    if (reply.type === "refused") {
      this.#refusal = reply.refusal;
      this.close(reply.refusal.code);
      return;
    }
    this.#isReady = true;
    this.#options.onReady(exchange);
  }

  /** An honest coordinator sends nothing that must be refused: begin anew. */
  #refuse(refusal: Refusal): void {
    this.#options.onRefusal(refusal);
    this.close(refusal.code);
  }
}

/** socket.io hides the cause ("self-signed certificate", "ECONNREFUSED") one level down. */
function reasonOf(error: Error): string {
  const cause = "description" in error ? error.description : undefined;
  const detail = typeof cause === "object" && cause !== null && "message" in cause ? cause.message : undefined;
  return typeof detail === "string" && detail !== "" ? detail : error.message;
}

function after(milliseconds: number, run: () => void): () => void {
  const timer = setTimeout(run, milliseconds);
  return () => clearTimeout(timer);
}

export function linkLost(reason: string): Failure {
  return new Failure({
    code: "link/lost",
    kind: "unreachable",
    what: `The link to the coordinator ended (${reason}).`,
    remedy: "Nothing: the agent connects again by itself. If it lasts: consilium-site doctor.",
    fields: { reason },
  });
}
