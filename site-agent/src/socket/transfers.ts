import { rename } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { type Agent, request } from "node:https";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { Failure } from "@consilium/shared/failure/failure";
import { TRANSFER_IDLE_MS } from "@consilium/shared/protocol/limits";
import {
  BLOB_PATH,
  formatContentRange,
  REFUSAL_HEADER,
  UPLOAD_OFFSET_HEADER,
  UPLOAD_PATH,
} from "@consilium/shared/protocol/transfer";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { Digest } from "@consilium/shared/units/identity";
import { fileChunks } from "@consilium/storage/fileChunks";
import { type Appended, GrowingFile } from "@consilium/storage/growingFile";
import { removeFile } from "@consilium/storage/removeFile";
import { backOffMs } from "./backOff.ts";

/** Tries in a row that move no byte. */
const FRUITLESS_TRIES_MAX = 8;

export interface TransferOptions {
  readonly url: string;
  /** Connections under the site's present certificate. */
  readonly agent: () => Promise<Agent>;
  readonly random: RandomSource;
  readonly signal: AbortSignal;
}

/** Sends a file until the coordinator has all of it, resuming after each break. */
export async function upload(path: string, digest: Digest, bytes: number, options: TransferOptions): Promise<void> {
  const url = new URL(UPLOAD_PATH + digest, options.url);
  let offset = 0;
  await persist(options, async () => {
    const answer = await put(url, path, { start: offset, total: bytes }, options);
    if (answer.status === 201) return "done";
    const before = offset;
    offset = answer.offset;
    if (answer.status === 202 || answer.status === 409) return offset > before ? "progress" : "fruitless";
    if (!RETRIED.has(answer.status)) throw refused("upload", digest, answer.code);
    return "fruitless";
  });
}

/** Fetches a file and puts it at `path` once its digest is right; a wrong one is never seen there. */
export async function download(digest: Digest, bytes: number, path: string, options: TransferOptions): Promise<void> {
  const url = new URL(BLOB_PATH + digest, options.url);
  const part = `${path}.part`;
  await removeFile(part);
  const file = new GrowingFile(part, bytes);
  await persist(options, async () => {
    const before = file.offset;
    const answer = await get(url, file, options);
    if (typeof answer !== "string") {
      if (RETRIED.has(answer.status)) return "fruitless";
      throw refused("download", digest, answer.code);
    }
    if (answer === "not-stored") throw diskFull(path);
    if (answer === "too-long") throw refused("download", digest, "transfer/too-large");
    if (file.isFull) return "done";
    return file.offset > before ? "progress" : "fruitless";
  });
  if (file.digest() !== digest) {
    await file.remove();
    throw refused("download", digest, "transfer/digest-mismatch");
  }
  await rename(part, path);
}

/** Not yet announced, too many at once, disk full or restarting: passes by itself. */
const RETRIED = new Set([404, 429, 500, 503, 507]);

/** Tries again while tries bear fruit, and some times when they don't. */
async function persist(
  options: TransferOptions,
  attempt: () => Promise<"done" | "progress" | "fruitless">,
): Promise<void> {
  for (let fruitless = 0; fruitless < FRUITLESS_TRIES_MAX; ) {
    options.signal.throwIfAborted();
    const outcome = await attempt().catch((error: unknown) => {
      if (error instanceof Failure) throw error;
      return "fruitless" as const;
    });
    if (outcome === "done") return;
    fruitless = outcome === "progress" ? 0 : fruitless + 1;
    if (fruitless > 0) await delay(backOffMs(fruitless, options.random), undefined, { signal: options.signal });
  }
  throw new Failure({
    code: "transfer/unreachable",
    kind: "unreachable",
    what: `A transfer with the coordinator stood still ${FRUITLESS_TRIES_MAX} times.`,
    remedy: "Check the network to the coordinator: consilium-site doctor.",
  });
}

interface Answer {
  readonly status: number;
  readonly offset: number;
  readonly code: string;
}

function answerOf({ statusCode, headers }: IncomingMessage): Answer {
  const offset = Number(headers[UPLOAD_OFFSET_HEADER] ?? 0);
  return { status: statusCode ?? 0, offset, code: String(headers[REFUSAL_HEADER] ?? "transfer/refused") };
}

/** Sends [start, total), once the coordinator has said that it wants them. */
async function put(
  url: URL,
  path: string,
  range: { start: number; total: number },
  options: TransferOptions,
): Promise<Answer> {
  const headers = {
    expect: "100-continue",
    "content-range": formatContentRange(range),
    "content-length": range.total - range.start,
  };
  const call = request(url, { method: "PUT", agent: await options.agent(), headers, signal: options.signal });
  return new Promise((resolve, reject) => {
    call.setTimeout(TRANSFER_IDLE_MS, () => call.destroy(new Error("the transfer stands still")));
    call.once("error", reject);
    call.once("continue", () => {
      // A pipeline that fails destroys the call, or was ended by it: `error` or `response` has told why.
      pipeline(readable(path, range.start), call).catch(() => undefined);
    });
    call.once("response", (response) => {
      resolve(answerOf(response));
      response.resume();
      // Refused before all was sent: the rest must not follow.
      if (!call.writableEnded) call.destroy();
    });
    call.flushHeaders();
  });
}

async function* readable(path: string, start: number): AsyncGenerator<Uint8Array> {
  try {
    yield* fileChunks(path, start);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** Asks for what `file` still lacks and appends it. */
async function get(url: URL, file: GrowingFile, options: TransferOptions): Promise<Answer | Appended> {
  const headers = file.offset === 0 ? {} : { range: `bytes=${file.offset}-` };
  const call = request(url, { agent: await options.agent(), headers, signal: options.signal });
  call.setTimeout(TRANSFER_IDLE_MS, () => call.destroy(new Error("the transfer stands still")));
  call.end();
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    call.once("error", reject);
    call.once("response", resolve);
  });
  const isWanted = response.statusCode === (file.offset === 0 ? 200 : 206);
  if (isWanted) return file.append(response);
  response.resume();
  return answerOf(response);
}

function refused(what: "upload" | "download", digest: Digest, code: string): Failure {
  return new Failure({
    code,
    kind: "refused",
    what: `The ${what} of ${digest.slice(0, 12)}… was refused.`,
    remedy: "Look at the coordinator's audit log for this site; the round goes on without it.",
    fields: { digest },
  });
}

function diskFull(path: string): Failure {
  return new Failure({
    code: "transfer/disk-refused",
    kind: "fault",
    what: `A file could not be written to ${path}.`,
    remedy: "Free space on this disk; the agent tries again at the next round.",
  });
}

function unreadable(path: string, cause: unknown): Failure {
  return new Failure({
    code: "transfer/file-unreadable",
    kind: "fault",
    what: `The file ${path} can't be read for its upload.`,
    remedy: "Check the agent's data folder and its disk.",
    cause,
  });
}
