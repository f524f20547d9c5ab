import { Agent } from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import { Failure, type Refusal } from "@consilium/shared/failure/failure";
import type { Exchange } from "@consilium/shared/protocol/exchange";
import { REPLY_TIMEOUT_MS } from "@consilium/shared/protocol/limits";
import type { CoordinatorMessage, ReplyBody } from "@consilium/shared/protocol/messages";
import type { Digest } from "@consilium/shared/units/identity";
import type { ChargedContent, Outgoing, OutgoingBytes } from "../disclosure/outgoing.ts";
import { backOffMs } from "./backOff.ts";
import {
  type ConnectionEnd,
  type ConnectionOptions,
  CoordinatorConnection,
  type Credentials,
  linkLost,
} from "./connection.ts";
import { download, type TransferOptions, upload } from "./transfers.ts";

export interface LinkHandlers {
  /** Only messages that the pinned coordinator signed in this session come here. A `Failure` is a refusal. */
  readonly onMessage: ConnectionOptions["onMessage"];
  readonly onConnected: () => void;
  /** `refusal`: the coordinator's word that it won't talk to this site (revoked, unknown, version). */
  readonly onDisconnected: (reason: string, refusal: Refusal | undefined) => void;
  readonly onRefusal: (refusal: Refusal) => void;
}

export interface LinkOptions extends Omit<ConnectionOptions, "onMessage" | "onReady" | "onRefusal"> {
  /** Read at each connection, so that a renewed certificate comes into use by reconnecting. */
  readonly credentials: () => Promise<Credentials>;
  readonly handlers: LinkHandlers;
}

/**
 * Times that a message is sent again after its link was lost. It was small enough, so it can't be what cut the link.
 */
const RESENDS_MAX = 10;
const IDLE_POLL_MS = 50;
/** Below the coordinator's, so that a request never meets a connection that is just being closed. */
const KEEP_ALIVE_MS = 60_000;

/**
 * The site's way to its coordinator: connects, reconnects with growing waits, and lets senders wait meanwhile. A
 * message
 * may arrive twice when a link breaks before the reply, so the coordinator's handlers take the same message again.
 */
export class Link {
  readonly #options: LinkOptions;
  readonly #stop = new AbortController();
  readonly #waiting = new Set<(exchange: Exchange<CoordinatorMessage> | undefined) => void>();
  readonly #running: Promise<void>;
  #connection: CoordinatorConnection | undefined;
  #exchange: Exchange<CoordinatorMessage> | undefined;
  #agent: { readonly certificate: string; readonly agent: Agent } | undefined;

  /** Starts to connect at once. */
  constructor(options: LinkOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  get isConnected(): boolean {
    return this.#exchange !== undefined;
  }

  /** Sends and resolves with the coordinator's reply, be it a refusal; waits for the link, resends when it is lost. */
  async send(message: Outgoing, attachment?: OutgoingBytes, timeoutMs = REPLY_TIMEOUT_MS): Promise<ReplyBody> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), timeoutMs);
    try {
      for (let sends = 0; sends <= RESENDS_MAX; sends++) {
        const exchange = await this.#whenConnected(late.signal);
        const reply = await orAbort(exchange.send(message, attachment), late.signal).catch((error: unknown) => {
          if (error instanceof Failure && error.code === "link/lost" && !this.#stop.signal.aborted) return undefined;
          throw error;
        });
        if (reply !== undefined) return reply;
      }
    } catch (error) {
      throw late.signal.aborted ? noReply(message.type, timeoutMs) : error;
    } finally {
      clearTimeout(timer);
    }
    throw linkLost(`${RESENDS_MAX} times in a row`);
  }

  /** Sends a file; resolves when the coordinator has all of it, verified. */
  upload(path: string, { digest, bytes }: ChargedContent): Promise<void> {
    return upload(path, digest, bytes, this.#transfers());
  }

  /** Fetches a file; it lies at `path` only once its digest is right. */
  download(digest: Digest, bytes: number, path: string): Promise<void> {
    return download(digest, bytes, path, this.#transfers());
  }

  /** Connects anew with the credentials of now, when nobody waits for a reply. */
  async reconnect(): Promise<void> {
    const connection = this.#connection;
    while (this.#exchange !== undefined && !this.#exchange.isIdle) {
      await delay(IDLE_POLL_MS, undefined, { signal: this.#stop.signal });
    }
    connection?.close("reconnects");
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#connection?.close("the agent stops");
    await this.#running;
    this.#agent?.agent.destroy();
  }

  async #run(): Promise<void> {
    const { handlers, random } = this.#options;
    for (let failures = 0; !this.#stop.signal.aborted; ) {
      const { reason, wasReady, refusal } = await this.#connectOnce();
      this.#exchange = undefined;
      this.#connection = undefined;
      handlers.onDisconnected(reason, refusal);
      failures = wasReady ? 0 : failures + 1;
      await pause(backOffMs(failures, random), this.#stop.signal);
    }
    for (const resolve of this.#waiting) resolve(undefined);
    this.#waiting.clear();
  }

  /** One connection to its end. Credentials that can't be read count as a connection that failed. */
  async #connectOnce(): Promise<ConnectionEnd> {
    const { handlers, credentials } = this.#options;
    try {
      const connection = new CoordinatorConnection(await credentials(), {
        ...this.#options,
        onMessage: handlers.onMessage,
        onRefusal: handlers.onRefusal,
        onReady: (exchange) => this.#connected(exchange),
      });
      this.#connection = connection;
      if (this.#stop.signal.aborted) connection.close("the agent stops");
      return await connection.ended;
    } catch (error) {
      const reason = error instanceof Error ? error.message : "the credentials can't be read";
      return { reason, wasReady: false, refusal: undefined };
    }
  }

  #connected(exchange: Exchange<CoordinatorMessage>): void {
    this.#exchange = exchange;
    this.#options.handlers.onConnected();
    for (const resolve of this.#waiting) resolve(exchange);
    this.#waiting.clear();
  }

  async #whenConnected(late: AbortSignal): Promise<Exchange<CoordinatorMessage>> {
    if (this.#stop.signal.aborted) throw linkLost("the agent stops");
    if (this.#exchange !== undefined) return this.#exchange;
    let wake: (exchange: Exchange<CoordinatorMessage> | undefined) => void = () => undefined;
    const connected = new Promise<Exchange<CoordinatorMessage> | undefined>((resolve) => {
      wake = resolve;
    });
    this.#waiting.add(wake);
    try {
      const exchange = await orAbort(connected, late);
      if (exchange === undefined) throw linkLost("the agent stops");
      return exchange;
    } finally {
      this.#waiting.delete(wake);
    }
  }

  #transfers(): TransferOptions {
    const { url, random } = this.#options;
    return { url, random, agent: () => this.#agentOfNow(), signal: this.#stop.signal };
  }

  /** Connections for transfers, kept open between rounds; a renewed certificate brings new ones. */
  async #agentOfNow(): Promise<Agent> {
    const { certificate, privateKey } = await this.#options.credentials();
    if (this.#agent?.certificate === certificate) return this.#agent.agent;
    const { ca } = this.#options;
    const agent = new Agent({
      keepAlive: true,
      keepAliveMsecs: KEEP_ALIVE_MS,
      timeout: KEEP_ALIVE_MS,
      // A resumed TLS session would show the certificate of before.
      maxCachedSessions: 0,
      minVersion: "TLSv1.3",
      rejectUnauthorized: true,
      ca,
      cert: certificate,
      key: privateKey,
    });
    if (this.#agent !== undefined) this.#agent.agent.maxFreeSockets = 0;
    this.#agent = { certificate, agent };
    return agent;
  }
}

/** Waits, but not past an abort. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

/** The promise's outcome, or a rejection as soon as the signal aborts. */
async function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal.reason);
  });
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function noReply(type: string, timeoutMs: number): Failure {
  return new Failure({
    code: "link/no-reply",
    kind: "unreachable",
    what: `The coordinator didn't reply to ${type} in ${timeoutMs} ms.`,
    remedy: "Check the network to the coordinator: consilium-site doctor. The agent goes on trying.",
  });
}
