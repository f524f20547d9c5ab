import { once } from "node:events";
import { connect, createServer, type TLSSocket } from "node:tls";

/** Everything that one connection carried, decrypted. */
export interface Recording {
  readonly site: string;
  readonly sent: Buffer[];
  readonly received: Buffer[];
}

export interface ProxyIdentity {
  readonly key: string;
  readonly certificate: string;
}

/**
 * Stands between sites and coordinator with keys of both: a test owns the authority, so it can issue itself a server's
 * certificate and borrow the sites' keys. What it records is what a wire-tapper who broke TLS would see.
 */
export async function startRecordingProxy(options: {
  readonly ca: string;
  readonly server: ProxyIdentity;
  readonly upstreamPort: number;
  readonly siteIdentity: (site: string) => ProxyIdentity;
}): Promise<{ port: number; recordings: Recording[]; stop: () => Promise<void> }> {
  const recordings: Recording[] = [];
  const open = new Set<TLSSocket>();
  const server = createServer(
    {
      ...{ ca: options.ca, key: options.server.key, cert: options.server.certificate },
      ...{ requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.3" },
    },
    (downstream) => {
      const site = String(downstream.getPeerCertificate().subject.CN);
      const identity = options.siteIdentity(site);
      const upstream = connect({
        ...{ host: "127.0.0.1", port: options.upstreamPort, ca: options.ca },
        ...{ key: identity.key, cert: identity.certificate, minVersion: "TLSv1.3" },
      });
      const recording: Recording = { site, sent: [], received: [] };
      recordings.push(recording);
      downstream.on("data", (chunk: Buffer) => recording.sent.push(Buffer.from(chunk)));
      upstream.on("data", (chunk: Buffer) => recording.received.push(Buffer.from(chunk)));
      downstream.pipe(upstream).pipe(downstream);
      for (const socket of [downstream, upstream]) {
        open.add(socket);
        socket.on("error", () => {
          downstream.destroy();
          upstream.destroy();
        });
        socket.on("close", () => open.delete(socket));
      }
    },
  );
  server.on("tlsClientError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  return {
    port: address.port,
    recordings,
    stop: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** A WebSocket message of RFC 6455: text or binary, fragments joined, masks taken off. */
export interface WebSocketMessage {
  readonly kind: "text" | "binary";
  readonly data: Buffer;
}

/** Messages of one direction of an upgraded connection; null where the stream is no WebSocket. */
export function webSocketMessages(stream: Buffer): WebSocketMessage[] | null {
  const end = stream.indexOf("\r\n\r\n");
  if (end < 0 || !/upgrade: websocket/i.test(stream.subarray(0, end).toString("latin1"))) return null;
  const messages: WebSocketMessage[] = [];
  let fragments: Buffer[] = [];
  let kind: "text" | "binary" = "text";
  let at = end + 4;
  while (at + 2 <= stream.length) {
    const frame = readFrame(stream, at);
    if (frame === null) break;
    at = frame.next;
    if (frame.opcode >= 8) continue;
    if (frame.opcode !== 0) kind = frame.opcode === 1 ? "text" : "binary";
    fragments.push(frame.payload);
    if (!frame.final) continue;
    messages.push({ kind, data: Buffer.concat(fragments) });
    fragments = [];
  }
  return messages;
}

function readFrame(stream: Buffer, start: number) {
  const first = stream.readUInt8(start);
  const second = stream.readUInt8(start + 1);
  let length = second & 0x7f;
  let at = start + 2;
  if (length === 126) {
    length = stream.readUInt16BE(at);
    at += 2;
  } else if (length === 127) {
    length = Number(stream.readBigUInt64BE(at));
    at += 8;
  }
  const masked = (second & 0x80) !== 0;
  const mask = masked ? stream.subarray(at, at + 4) : null;
  if (masked) at += 4;
  if (at + length > stream.length) return null;
  const payload = Buffer.from(stream.subarray(at, at + length));
  if (mask !== null) for (let i = 0; i < length; i++) payload[i] = (payload[i] ?? 0) ^ (mask[i % 4] ?? 0);
  return { opcode: first & 0x0f, final: (first & 0x80) !== 0, payload, next: at + length };
}
