import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server as HttpsServer } from "node:https";
import { TLSSocket } from "node:tls";
import { Failure, fromRefusal, type Refusal } from "@consilium/shared/failure/failure";
import {
  AUTHORITY_CHECK_MS,
  FRAME_BYTES_MAX,
  HANDSHAKE_TIMEOUT_MS,
  REPLY_TIMEOUT_MS,
  TRANSFERS_PER_SITE_MAX,
} from "@consilium/shared/protocol/limits";
import type { CoordinatorMessage, ReplyBody } from "@consilium/shared/protocol/messages";
import { packetParser } from "@consilium/shared/protocol/packets";
import type { Ready } from "@consilium/shared/protocol/ready";
import { type RefusalCode, refusalFor } from "@consilium/shared/protocol/refusals";
import type { Digest, SiteName } from "@consilium/shared/units/identity";
import { type Socket, Server as SocketServer } from "socket.io";
import { SiteConnection } from "./connection.ts";
import { authorize, type Peer, peerOf } from "./peer.ts";
import type { AgentServerOptions, ListenerTls } from "./serverOptions.ts";
import { refuseTransfer, serveTransfer } from "./transfer.ts";
import { Uploads } from "./uploads.ts";

/**
 * Starts the one listener of the agents: signed messages over socket.io and large bodies over HTTPS, by mutual TLS
 * 1.3.
 */
export async function openAgentServer(options: AgentServerOptions): Promise<AgentServer> {
  const uploads = await Uploads.open(options.uploadsFolder);
  const { key, certificate, ca } = options.tls;
  const https = createServer({
    key,
    cert: certificate,
    ca,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: "TLSv1.3",
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    headersTimeout: HANDSHAKE_TIMEOUT_MS,
    // A large upload over a slow line may take hours; `TRANSFER_IDLE_MS` ends those that stand still.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    highWaterMark: 256 * 1024,
  });
  const server = new AgentServer(https, uploads, options);
  await new Promise<void>((resolve, reject) => {
    https.once("error", reject);
    https.listen(options.port, options.host, () => {
      https.off("error", reject);
      resolve();
    });
  });
  return server;
}

/** Rounds of a study follow each other within minutes: their transfers find the connection of the last one open. */
const KEEP_ALIVE_MS = 120_000;
const PING_INTERVAL_MS = 10_000;
const PING_TIMEOUT_MS = 10_000;

export class AgentServer {
  readonly #uploads: Uploads;
  readonly #https: HttpsServer;
  readonly #io: SocketServer;
  readonly #options: AgentServerOptions;
  readonly #peers = new Map<TLSSocket, Peer>();
  /** The one ready connection of each site. */
  readonly #connections = new Map<SiteName, SiteConnection>();
  readonly #transfers = new Map<SiteName, number>();
  readonly #authorityCheck: NodeJS.Timeout;

  constructor(https: HttpsServer, uploads: Uploads, options: AgentServerOptions) {
    this.#uploads = uploads;
    this.#https = https;
    this.#options = options;
    https.on("secureConnection", (socket) => this.#admit(socket));
    https.on("tlsClientError", (_error, socket) => this.#notice(null, "tls/handshake-refused", socket.remoteAddress));
    https.on("request", (request, response) => this.#serve(request, response));
    https.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => this.#serve(request, response));
    this.#io = new SocketServer(https, {
      transports: ["websocket"],
      allowUpgrades: false,
      allowEIO3: false,
      serveClient: false,
      perMessageDeflate: false,
      httpCompression: false,
      parser: packetParser,
      maxHttpBufferSize: FRAME_BYTES_MAX,
      connectTimeout: HANDSHAKE_TIMEOUT_MS,
      pingInterval: PING_INTERVAL_MS,
      pingTimeout: PING_TIMEOUT_MS,
    });
    this.#io.on("connection", (socket) => this.#connect(socket.request, socket));
    this.#authorityCheck = setInterval(() => this.recheckAuthority(), AUTHORITY_CHECK_MS).unref();
  }

  get port(): number {
    const address = this.#https.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  isConnected(site: SiteName): boolean {
    return this.#connections.has(site);
  }

  /**
   * Sends and resolves with the site's reply, be it a refusal. Rejects where there is no link, or it ends, or time is
   * up.
   */
  async send(
    site: SiteName,
    message: CoordinatorMessage,
    attachment?: Uint8Array,
    timeoutMs = REPLY_TIMEOUT_MS,
  ): Promise<ReplyBody> {
    const connection = this.#connections.get(site);
    if (connection === undefined) throw unreachableSite(site, "not-connected", `${site} is not connected.`);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const what = `${site} didn't reply to ${message.type} in ${timeoutMs} ms.`;
      timer = setTimeout(() => reject(unreachableSite(site, "no-reply", what)), timeoutMs);
    });
    try {
      return await Promise.race([connection.send(message, attachment), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Lets the site upload this file; resolves with its path when it is whole and verified, and the caller's from then
   * on.
   */
  expectUpload(site: SiteName, digest: Digest, bytes: number): Promise<string> {
    return this.#uploads.expect(site, digest, bytes);
  }

  /** Gives an expected upload up: its promise rejects, its bytes are deleted. */
  async forgetUpload(site: SiteName, digest: Digest): Promise<void> {
    await this.#uploads.forget(site, digest, fromRefusal(refusalFor("transfer/not-expected")));
  }

  /** Cuts whoever may no longer act, at once; called on each revocation, and by a timer for certificates that end. */
  recheckAuthority(): void {
    for (const [socket, peer] of this.#peers) {
      const entry = authorize(peer, this.#options.authorities);
      if (typeof entry !== "string") continue;
      this.#notice(peer.site, entry, socket.remoteAddress);
      this.#peers.delete(socket);
      const connection = this.#connections.get(peer.site);
      if (connection?.peer === peer) connection.cut(entry);
      socket.destroy();
    }
  }

  /** Puts a renewed certificate of the listener to use for connections from now on. */
  useCertificate({ key, certificate, ca }: ListenerTls): void {
    this.#https.setSecureContext({ key, cert: certificate, ca, minVersion: "TLSv1.3" });
  }

  async close(): Promise<void> {
    clearInterval(this.#authorityCheck);
    for (const connection of this.#connections.values()) connection.cut("coordinator stops");
    const closed = this.#io.close();
    for (const socket of this.#peers.keys()) socket.destroy();
    await closed;
  }

  #admit(socket: TLSSocket): void {
    const peer = peerOf(socket);
    if (peer === undefined) {
      this.#notice(null, "certificate/subject-invalid", socket.remoteAddress);
      socket.destroy();
      return;
    }
    this.#peers.set(socket, peer);
    socket.once("close", () => this.#peers.delete(socket));
  }

  #peerAt(request: IncomingMessage): Peer | undefined {
    return request.socket instanceof TLSSocket ? this.#peers.get(request.socket) : undefined;
  }

  #connect(request: IncomingMessage, socket: Socket): void {
    const peer = this.#peerAt(request);
    if (peer === undefined) {
      socket.disconnect(true);
      return;
    }
    const { site } = peer;
    const { signer, random, authorities, handlers } = this.#options;
    const address = request.socket.remoteAddress;
    const connection: SiteConnection = new SiteConnection(socket, peer, {
      signer,
      random,
      authorities,
      onReady: (ready) => this.#ready(connection, ready),
      onMessage: (message, attachment) => handlers.onMessage(site, message, attachment),
      onRefusal: (refusal) => this.#notice(site, refusal, address),
    });
    const lateness = setTimeout(() => {
      if (connection.isReady) return;
      this.#notice(site, "link/handshake-late", address);
      connection.cut("handshake late");
    }, HANDSHAKE_TIMEOUT_MS);
    socket.once("disconnect", (reason) => {
      clearTimeout(lateness);
      connection.cut(reason);
      if (this.#connections.get(site) !== connection) return;
      this.#connections.delete(site);
      handlers.onDisconnected(site);
    });
  }

  /** A site that comes back before its old link was seen to break: the new link, just proven, takes over. */
  #ready(connection: SiteConnection, ready: Ready): Refusal | null {
    const { site } = connection.peer;
    const refusal = this.#options.handlers.admit(site, ready);
    if (refusal !== null) return refusal;
    const before = this.#connections.get(site);
    this.#connections.set(site, connection);
    if (before !== undefined) {
      before.cut("replaced by a newer link");
      this.#options.handlers.onDisconnected(site);
    }
    this.#options.handlers.onConnected(site);
    return null;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const peer = this.#peerAt(request);
    const entry = peer === undefined ? "certificate/subject-invalid" : authorize(peer, this.#options.authorities);
    const site = peer?.site;
    if (site === undefined || typeof entry === "string") {
      const code = typeof entry === "string" ? entry : "certificate/subject-invalid";
      this.#notice(site ?? null, refuseTransfer(response, code), request.socket.remoteAddress);
      return;
    }
    const open = this.#transfers.get(site) ?? 0;
    if (open >= TRANSFERS_PER_SITE_MAX) {
      this.#notice(site, refuseTransfer(response, "transfer/too-many"), request.socket.remoteAddress);
      return;
    }
    this.#transfers.set(site, open + 1);
    serveTransfer(site, request, response, { uploads: this.#uploads, blobFor: this.#options.blobFor })
      .catch((error: unknown) => {
        this.#options.handlers.onFault(error);
        return refuseTransfer(response, "transfer/not-stored");
      })
      .then((code) => {
        this.#transfers.set(site, (this.#transfers.get(site) ?? 1) - 1);
        if (code !== undefined) this.#notice(site, code, request.socket.remoteAddress);
      });
  }

  #notice(site: SiteName | null, why: RefusalCode | Refusal, address: string | undefined): void {
    const refusal = typeof why === "string" ? refusalFor(why) : why;
    this.#options.handlers.onRefusal({ site, code: refusal.code, refusal, address: address ?? "unknown" });
  }
}

function unreachableSite(site: SiteName, what: "not-connected" | "no-reply", why: string): Failure {
  return new Failure({
    code: `link/${what}`,
    kind: "unreachable",
    what: why,
    remedy: `Look at the agent of ${site}: consilium-site doctor. It connects again by itself.`,
    fields: { site },
  });
}
