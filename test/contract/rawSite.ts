import { tlsKeyFingerprintOfCertificate } from "@consilium/certs/keys";
import { checkWelcome, createHello, SignedText, sessionId, type Welcome } from "@consilium/shared/protocol/handshake";
import { packetParser } from "@consilium/shared/protocol/packets";
import { open, type Session, seal, startSession } from "@consilium/shared/protocol/session";
import { operatingSystemRandom as random } from "@consilium/shared/system/operatingSystemRandom";
import { COORDINATOR } from "@consilium/shared/units/identity";
import { io, type Socket } from "socket.io-client";
import { type Miniature, type MiniatureSite, readyOf } from "./miniature.ts";

/** A site that speaks the protocol by hand, so that a test can break any of its rules. */
export class RawSite {
  readonly socket: Socket;
  readonly member: MiniatureSite;
  readonly #miniature: Miniature;
  session: Session | undefined;
  isCut = false;

  constructor(miniature: Miniature, member: MiniatureSite, credentials = member.credentials) {
    this.member = member;
    this.#miniature = miniature;
    this.socket = io(miniature.url, {
      transports: ["websocket"],
      reconnection: false,
      parser: packetParser,
      forceNew: true,
      ca: miniature.authority.certificate,
      cert: credentials.certificate,
      key: credentials.privateKey,
    });
    this.socket.on("disconnect", () => {
      this.isCut = true;
    });
  }

  async connected(): Promise<void> {
    if (!this.socket.connected) await this.#next("connect");
  }

  /** Sends any hello and returns the coordinator's verified answer. */
  async greet(hello?: SignedText): Promise<Welcome> {
    await this.connected();
    const { site, identity, credentials } = this.member;
    const mine = hello ?? createHello(site, tlsKeyFingerprintOfCertificate(credentials.certificate), identity, random);
    const answer = this.#next("welcome");
    this.socket.emit("hello", mine);
    const received = await answer;
    const welcome = checkWelcome(received, mine, this.#miniature.signer.publicKey);
    if (welcome === undefined) throw new Error("the welcome is not signed by the coordinator");
    if (welcome.type === "welcome") {
      this.session = startSession(sessionId(mine, SignedText.parse(received)), site, COORDINATOR);
    }
    return welcome;
  }

  /** The next frame of this session, correct in every way. */
  frame(body: { readonly type: string; readonly [field: string]: unknown }, attachment?: Uint8Array): Uint8Array {
    const sealed = seal(this.#session(), { body, attachment }, this.member.identity);
    this.session = sealed.session;
    return sealed.frame;
  }

  /** Puts a frame on the wire and returns the coordinator's verified reply. */
  async exchange(frame: Uint8Array): Promise<unknown> {
    const answer = this.#next("envelope");
    this.socket.emit("envelope", frame);
    const received = await answer;
    if (!(received instanceof Uint8Array)) throw new Error("the reply is no frame");
    const opened = open(this.#session(), received, this.#miniature.signer.publicKey);
    if ("fault" in opened) throw new Error(`the reply is refused: ${opened.fault}`);
    this.session = opened.session;
    return opened.body;
  }

  /** Hello, welcome, ready. */
  async begin(): Promise<void> {
    await this.greet();
    await this.exchange(this.frame(readyOf(this.member)));
  }

  /** A text as it would stand on the wire, whatever socket.io would make of it. */
  sendText(text: string): void {
    this.socket.io.engine.write(text);
  }

  close(): void {
    this.socket.disconnect();
  }

  /** What comes next under this event; rejects when the link ends instead. */
  #next(event: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.socket.once(event, resolve);
      this.socket.once("disconnect", (reason) => reject(new Error(`cut (${reason}) while waiting for ${event}`)));
      this.socket.once("connect_error", reject);
    });
  }

  #session(): Session {
    if (this.session === undefined) throw new Error("no session yet");
    return this.session;
  }
}
