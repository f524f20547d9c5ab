import { readFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { join } from "node:path";
import { isThere, readSecretFile } from "@consilium/certs/files";
import { Failure, fromRefusal, Refusal } from "@consilium/shared/failure/failure";
import type { Command } from "commander";
import type { z } from "zod";
import { dataPaths } from "../consortium/paths.ts";
import { readRunning } from "../consortium/running.ts";

const TIMEOUT_MS = 60_000;
/** A ledger of some million charges is read and verified in this time. */
export const LONG_MS = 3_600_000;
export const DEFAULT_DATA_FOLDER = "./coordinator-data";

/** What every command that asks the running coordinator takes. */
export interface ClientOptions {
  readonly data: string;
  readonly json?: boolean;
}

export function withClientOptions(command: Command): Command {
  return command
    .option("--data <folder>", "the coordinator's data folder", DEFAULT_DATA_FOLDER)
    .option("--json", "print the result as JSON");
}

/** The running coordinator of a data folder, asked as its lead. */
export class Client {
  readonly #url: string;
  readonly #token: string;
  readonly #ca: string;

  private constructor(url: string, token: string, ca: string) {
    this.#url = url;
    this.#token = token;
    this.#ca = ca;
  }

  static async of({ data }: ClientOptions): Promise<Client> {
    const paths = dataPaths(data);
    const running = await readRunning(paths);
    if (running === null) throw (await isThere(join(data, SITE_CONFIG_FILE))) ? ofSite(data) : notRunning(data);
    const token = (await readSecretFile(paths.leadToken)).trim();
    return new Client(running.people, token, await readFile(paths.authorityCertificate, "utf8"));
  }

  get<Reply>(path: string, reply: z.ZodType<Reply>, timeoutMs = TIMEOUT_MS): Promise<Reply> {
    return this.#call("GET", path, undefined, reply, timeoutMs);
  }

  post<Reply>(path: string, body: unknown, reply: z.ZodType<Reply>): Promise<Reply> {
    return this.#call("POST", path, body, reply);
  }

  postBytes<Reply>(path: string, bytes: Uint8Array, reply: z.ZodType<Reply>): Promise<Reply> {
    return this.#call("POST", path, bytes, reply);
  }

  async #call<Reply>(
    method: string,
    path: string,
    body: unknown,
    reply: z.ZodType<Reply>,
    timeoutMs = TIMEOUT_MS,
  ): Promise<Reply> {
    const { status, text } = await this.#send(method, path, encoded(body), timeoutMs);
    const answer = parseJson(text);
    if (status >= 200 && status < 300) return reply.parse(answer);
    const refusal = Refusal.safeParse(answer);
    if (refusal.success) throw fromRefusal(refusal.data);
    throw new Failure({
      code: "client/answer-unusable",
      kind: "fault",
      what: `The coordinator answered ${method} ${path} with HTTP status ${status}.`,
      remedy: "Look at the coordinator's own log.",
    });
  }

  #send(method: string, path: string, body: Body | null, timeout: number): Promise<{ status: number; text: string }> {
    const url = new URL(path, this.#url);
    const headers = {
      authorization: `Bearer ${this.#token}`,
      ...(body === null ? {} : { "content-type": body.type, "content-length": body.bytes.length }),
    };
    return new Promise((resolve, reject) => {
      const options = { method, headers, timeout };
      const call =
        url.protocol === "https:" ? httpsRequest(url, { ...options, ca: this.#ca }) : httpRequest(url, options);
      call.once("timeout", () => call.destroy(new Error("no answer in time")));
      call.once("error", (cause) => reject(unreachable(url, cause)));
      call.once("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.once("error", (cause) => reject(unreachable(url, cause)));
        response.once("end", () => {
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") });
        });
      });
      call.end(body?.bytes);
    });
  }
}

interface Body {
  readonly type: string;
  readonly bytes: Uint8Array;
}

function encoded(body: unknown): Body | null {
  if (body === undefined) return null;
  if (body instanceof Uint8Array) return { type: "application/octet-stream", bytes: body };
  return { type: "application/json", bytes: Buffer.from(JSON.stringify(body)) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // No JSON is no answer that a schema accepts.
  }
}

/** What a site's data folder has, and a coordinator's never. */
const SITE_CONFIG_FILE = "site.yaml";

function ofSite(data: string): Failure {
  return new Failure({
    code: "coordinator/not-its-folder",
    kind: "usage",
    what: `${data} is a site's data folder, not a coordinator's.`,
    remedy: `Ask the site: consilium-site … --data ${data}; or name the coordinator's folder with --data.`,
  });
}

function notRunning(data: string): Failure {
  return new Failure({
    code: "coordinator/not-running",
    kind: "unreachable",
    what: `No coordinator runs on ${data}.`,
    remedy: `Start it: consilium coordinator start --data ${data}; or name another folder with --data.`,
  });
}

function unreachable(url: URL, cause: Error): Failure {
  return new Failure({
    code: "coordinator/unreachable",
    kind: "unreachable",
    what: `The coordinator at ${url.origin} doesn't answer (${cause.message}).`,
    remedy: "Start it again: consilium coordinator start. Studies go on where they stopped.",
    cause,
  });
}
