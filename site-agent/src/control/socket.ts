import { chmod, unlink } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { Failure, fromRefusal, toRefusal } from "@consilium/shared/failure/failure";
import { CONTROL_LINE_BYTES_MAX, ControlReply, ControlRequest } from "./request.ts";

/** Answers one request; throws a `Failure` to refuse. */
export type Answer = (request: ControlRequest) => Promise<unknown>;

/** Time in which a local process sends its one line, or is cut off. */
const REQUEST_TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 32;

/** Listens on a Unix-domain socket that this account alone may open. Refuses when another agent listens there. */
export async function listen(path: string, answer: Answer): Promise<Server> {
  if (await isAnswering(path)) {
    throw new Failure({
      code: "agent/already-running",
      kind: "usage",
      what: "An agent already runs on this data folder.",
      remedy: "See it: consilium-site status. Stop it: consilium-site stop.",
    });
  }
  await removeIfThere(path);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.setTimeout(REQUEST_TIMEOUT_MS, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    readLine(socket)
      .then((line) => {
        // What is asked may take its time: to verify a long ledger takes minutes.
        socket.setTimeout(0);
        return replyTo(line, answer);
      })
      .then((reply) => socket.end(`${JSON.stringify(reply)}\n`))
      .catch(() => socket.destroy());
  });
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
  return server;
}

/** Asks the running agent; null when none runs. Throws the agent's refusal. */
export async function ask(path: string, request: ControlRequest): Promise<{ answer: unknown } | null> {
  const socket = await open(path);
  if (socket === null) return null;
  socket.write(`${JSON.stringify(request)}\n`);
  try {
    const reply = ControlReply.parse(JSON.parse(await readLine(socket)));
    if (reply.outcome === "refused") throw fromRefusal(reply.refusal);
    return { answer: reply.answer };
  } finally {
    socket.destroy();
  }
}

async function replyTo(line: string, answer: Answer): Promise<ControlReply> {
  try {
    return { outcome: "done", answer: (await answer(ControlRequest.parse(JSON.parse(line)))) ?? null };
  } catch (error) {
    return { outcome: "refused", refusal: toRefusal(error) };
  }
}

function readLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (chunk.includes(0x0a)) resolve(Buffer.concat(chunks).toString("utf8").trimEnd());
      else if (bytes > CONTROL_LINE_BYTES_MAX) reject(new Error("a control line is too long"));
    });
    socket.once("end", () => reject(new Error("the control connection ended early")));
    socket.once("error", reject);
  });
}

async function isAnswering(path: string): Promise<boolean> {
  const socket = await open(path);
  socket?.destroy();
  return socket !== null;
}

/** Null when nobody listens: no socket file, or one that a killed agent left. */
function open(path: string): Promise<Socket | null> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(socket));
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ECONNREFUSED") resolve(null);
      else reject(error);
    });
  });
}

async function removeIfThere(path: string): Promise<void> {
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
}
