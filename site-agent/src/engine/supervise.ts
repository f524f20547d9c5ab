import { type ChildProcess, fork } from "node:child_process";
import { createInterface } from "node:readline";
import { nativeInstalled } from "@consilium/engine/backend";
import { ENGINES_VARIABLE, enginesFolder } from "@consilium/engine/nativeEngine";
import type { Refusal } from "@consilium/shared/failure/failure";
import type { Logger } from "@consilium/shared/system/logger";
import { EngineAnswer, type EngineCall } from "./call.ts";
import type { EngineReply, EngineRequest } from "./message.ts";
import { NATIVE_ENVIRONMENT } from "./nativeEnvironment.ts";
import { EngineSettings } from "./settings.ts";

export interface EngineProcessOptions {
  readonly logger: Logger;
  /** The engine process's program. */
  readonly program?: URL;
  /** Its whole environment, beside what the supervisor sets: by default nothing. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Where native engines are installed. */
  readonly engines?: string;
  readonly settings?: EngineSettings;
  /** A request without a reply for so long means a hung process. */
  readonly timeoutMs?: number;
}

/** A step of the largest model on the slowest backend takes seconds; reading a large data set, minutes. */
const TIMEOUT_MS = 10 * 60_000;
/** How long a process may take to leave by itself. */
const GRACE_MS = 2000;

/** JavaScript's own heap is small: patients, models and sums lie outside it. */
const NODE_ARGUMENTS = ["--max-old-space-size=1024"];

/** libtensorflow greets on standard error, where the agent's log is one JSON line after another; its errors pass. */
const GREETING = /^(WARNING: All log messages before absl::InitializeLog|[IW]\d{4} \d\d:)/;

function handOn(line: string): void {
  if (!GREETING.test(line)) process.stderr.write(`${line}\n`);
}

interface Waiting {
  readonly resolve: (reply: EngineReply) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * The agent's side of the engine process: started at the first request, and again at the first one after it ended.
 * A process started anew holds no study, model or noise: `engine/not-open` says so.
 */
export class EngineProcess {
  readonly #options: EngineProcessOptions;
  readonly #waiting = new Map<number, Waiting>();
  #child: ChildProcess | undefined;
  #calls = 0;
  #stopped = false;

  constructor(options: EngineProcessOptions) {
    this.#options = options;
  }

  /** Never rejects: a process that ends or hangs is a `failed` reply, the same whatever it was doing. */
  async request(request: EngineRequest): Promise<EngineReply> {
    if (this.#stopped) return { type: "failed", refusal: ENDED };
    const child = this.#running();
    const call: EngineCall = { id: this.#calls++, request };
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#hung(child), this.#options.timeoutMs ?? TIMEOUT_MS);
      this.#waiting.set(call.id, { resolve, timer });
      child.send(call, (error) => {
        if (error !== null) this.#settle(call.id, { type: "failed", refusal: ENDED });
      });
    });
  }

  /** Ends the process and waits until it is gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const child = this.#child;
    if (child === undefined) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
    await gone;
    clearTimeout(timer);
  }

  #running(): ChildProcess {
    if (this.#child !== undefined) return this.#child;
    const { program = new URL("./main.js", import.meta.url), environment = {}, logger } = this.#options;
    const { engines = enginesFolder(process.env), settings = EngineSettings.parse({}) } = this.#options;
    const child = fork(program, [JSON.stringify(settings)], {
      serialization: "advanced",
      execArgv: NODE_ARGUMENTS,
      env: { ...(nativeInstalled(engines) ? NATIVE_ENVIRONMENT : {}), [ENGINES_VARIABLE]: engines, ...environment },
      stdio: ["ignore", "inherit", "pipe", "ipc"],
    });
    this.#child = child;
    if (child.stderr !== null) createInterface(child.stderr).on("line", handOn);
    child.on("message", (message: unknown) => {
      const { id, reply } = EngineAnswer.parse(message);
      this.#settle(id, reply);
    });
    const ended = (): void => {
      if (this.#child !== child) return;
      this.#child = undefined;
      if (!this.#stopped) logger.error("engine-ended");
      for (const id of [...this.#waiting.keys()]) this.#settle(id, { type: "failed", refusal: ENDED });
    };
    child.on("exit", ended);
    child.on("error", ended);
    return child;
  }

  #hung(child: ChildProcess): void {
    this.#options.logger.error("engine-hung");
    child.kill("SIGKILL");
  }

  #settle(id: number, reply: EngineReply): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    waiting.resolve(reply);
  }
}

const ENDED: Refusal = {
  code: "engine/ended",
  kind: "fault",
  what: "The engine process ended before it answered.",
  remedy: "Ask again: it starts anew. If it ends again, see `consilium-site doctor`.",
};
