/**
 * What no round can be quicker than: the four vectors as raw float32, uploaded at once over HTTPS to a server that only
 * counts them. Each client is a process of its own.
 */
import { fork } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { once } from "node:events";
import { Agent, type AgentOptions, createServer, request } from "node:https";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { createAuthority, issueServerCertificate } from "@consilium/certs/authority";
import { createCertificateRequest } from "@consilium/certs/request";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { z } from "zod";

const HOST = "127.0.0.1";
const CHUNK_BYTES = 1 << 20;
const Order = z.strictObject({ port: z.number(), ca: z.string(), bytes: z.number() });
type Order = z.infer<typeof Order>;

/** Seconds that `clients` uploads of `bytes` each took together, `runs` times. */
export async function timeUploads(clients: number, bytes: number, runs: number): Promise<number[]> {
  const issuing = { now: new Date(), random: operatingSystemRandom };
  const authority = await createAuthority("floor", issuing);
  const { privateKey, csr } = await createCertificateRequest("coordinator");
  const cert = await issueServerCertificate(authority, csr, [HOST], issuing);
  const server = createServer({ key: privateKey, cert, minVersion: "TLSv1.3" }, (incoming, response) => {
    incoming.on("data", () => undefined).once("end", () => response.end());
  });
  server.listen(0, HOST);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const order: Order = { port, ca: authority.certificate, bytes };
  const children = Array.from({ length: clients }, () => fork(fileURLToPath(import.meta.url), [JSON.stringify(order)]));
  try {
    await Promise.all(children.map((child) => once(child, "message")));
    const seconds: number[] = [];
    for (let run = -1; run < runs; run++) {
      const start = performance.now();
      const done = children.map((child) => once(child, "message"));
      for (const child of children) child.send("go");
      await Promise.all(done);
      if (run >= 0) seconds.push((performance.now() - start) / 1000);
    }
    return seconds;
  } finally {
    for (const child of children) child.kill("SIGKILL");
    server.closeAllConnections();
    server.close();
  }
}

function serveOrders({ port, ca, bytes }: Order): void {
  const options: AgentOptions = { keepAlive: true, ca };
  const agent = new Agent(options);
  const body = randomFillSync(Buffer.alloc(bytes));
  process.on("message", async () => {
    const call = request({ host: HOST, port, method: "PUT", agent, headers: { "content-length": bytes } });
    const answered = once(call, "response");
    for (let at = 0; at < bytes; at += CHUNK_BYTES) {
      if (!call.write(body.subarray(at, at + CHUNK_BYTES))) await once(call, "drain");
    }
    call.end();
    const [response] = await answered;
    response.resume();
    await once(response, "end");
    process.send?.("done");
  });
  process.on("disconnect", () => process.exit());
  process.send?.("ready");
}

const [order] = process.argv.slice(2);
if (process.argv[1] === fileURLToPath(import.meta.url) && order !== undefined) {
  serveOrders(Order.parse(JSON.parse(order)));
}
