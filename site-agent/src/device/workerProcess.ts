import { type ChildProcess, spawn } from "node:child_process";
import { Duplex } from "node:stream";
import type { BackendName } from "@consilium/engine/backend";
import { assert } from "@consilium/shared/failure/failure";
import { bytesOf, encodeHeader, FrameReader, type WorkerAnswer, type WorkerOrder } from "./frame.ts";
import type { Place } from "./places.ts";

export interface WorkerOptions {
  readonly program: URL;
  /** It must compute as its place says: devices that round differently would tell in which shard a patient was. */
  readonly place: Place;
  /** A sum that takes longer means a hung process. */
  readonly timeoutMs: number;
}

/** Memory for a sum of coordinates of so many bytes each. */
export type SumMemory = (width: 4 | 8, bytes: number) => Uint8Array;

interface Awaited {
  readonly id: number;
  readonly memory: SumMemory;
  readonly resolve: (width: 4 | 8) => void;
  readonly reject: (ended: WorkerEnded) => void;
}

/** The worker ended before its sum was whole: what came of it counts for nothing. */
export class WorkerEnded extends Error {}

const NODE_ARGUMENTS = ["--max-old-space-size=1024"];
const PIPE = 3;

/** The engine's side of one worker process, from its start to its end; it is never started twice. */
export class WorkerProcess {
  /** Resolves when it may compute; rejects when it ended or computes with something else. */
  readonly ready: Promise<void>;
  /** Resolves when it has ended. */
  readonly gone: Promise<void>;
  /** Studies that it has open, and the number of each one's model. */
  readonly studies = new Map<string, number>();
  /** The fastest that it computes with. */
  readonly backend: BackendName;
  readonly #child: ChildProcess;
  readonly #pipe: Duplex;
  readonly #timeoutMs: number;
  /** Sums are asked for one after another. */
  #last: Promise<unknown> = Promise.resolve();
  #awaited: Awaited | undefined;
  #why: string | null = null;
  #isOver = false;
  #orders = 0;

  constructor({ program, place: { environment, backend }, timeoutMs }: WorkerOptions, onEnd: (why: string) => void) {
    this.backend = backend;
    this.#timeoutMs = timeoutMs;
    this.#child = spawn(process.execPath, [...NODE_ARGUMENTS, program.pathname, backend], {
      // The engine process has but what the agent gave it (`engine/supervise.ts`).
      env: { ...process.env, ...environment },
      stdio: ["ignore", "ignore", "inherit", "pipe"],
    });
    const pipe = this.#child.stdio[PIPE];
    assert(pipe instanceof Duplex, "a worker has its pipe");
    this.#pipe = pipe;
    this.gone = new Promise((resolve) => {
      this.#child.once("exit", () => resolve());
      this.#child.once("error", () => resolve());
    });
    const timer = setTimeout(() => this.end("did not start in time"), timeoutMs);
    this.ready = new Promise((resolve, reject) => {
      const ended = (why: string): void => {
        if (this.#isOver) return;
        this.#isOver = true;
        clearTimeout(timer);
        // What of its sum is still in the pipe must not reach memory that the shard's next worker fills.
        this.#pipe.destroy();
        this.#why ??= why;
        this.#awaited?.reject(new WorkerEnded());
        this.#awaited = undefined;
        reject(new WorkerEnded());
        onEnd(this.#why);
      };
      this.#child.once("exit", (code, signal) => ended(signal === null ? `ended with ${code}` : `ended by ${signal}`));
      this.#child.once("error", () => ended("could not be started"));
      this.#listen((found) => {
        clearTimeout(timer);
        if (found === backend) resolve();
        else this.end(`computes with ${found}, not ${backend}`);
      });
    });
    // Whoever waits is told; nobody has to wait.
    this.ready.catch(() => undefined);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isComputing(): boolean {
    return this.#awaited !== undefined;
  }

  /** Ends it at once: it has nothing to put in order. */
  end(why: string): void {
    this.#why ??= why;
    this.#child.kill("SIGKILL");
  }

  /** Sends an order that has no answer; a worker that ended gets it no more. */
  tell(order: WorkerOrder, body: readonly ArrayBufferView[] = []): void {
    this.#pipe.write(encodeHeader(order));
    for (const part of body) {
      if (part.byteLength > 0) this.#pipe.write(bytesOf(part));
    }
  }

  /** Asks for a sum and puts it where `memory` says; the whole of it came, or `WorkerEnded` is thrown. */
  async sum(tell: (id: number) => void, memory: SumMemory): Promise<4 | 8> {
    const before = this.#last;
    const mine = before.catch(() => undefined).then(() => this.#sum(tell, memory));
    this.#last = mine;
    return mine;
  }

  async #sum(tell: (id: number) => void, memory: SumMemory): Promise<4 | 8> {
    await this.ready;
    if (this.#why !== null) throw new WorkerEnded();
    const timer = setTimeout(() => this.end("gave no answer in time"), this.#timeoutMs);
    try {
      return await new Promise((resolve, reject) => {
        // From 1 on, another for each order.
        const id = ++this.#orders;
        this.#awaited = { id, memory, resolve, reject };
        tell(id);
      });
    } finally {
      clearTimeout(timer);
    }
  }

  #listen(onReady: (backend: BackendName) => void): void {
    const reader = new FrameReader(
      (header) => this.#memoryOf(header),
      (header) => {
        if (header.type === "ready") {
          onReady(header.backend);
          return;
        }
        this.#awaited?.resolve(header.width);
        this.#awaited = undefined;
      },
    );
    this.#pipe.on("data", (piece: Buffer) => {
      try {
        if (this.#why === null) reader.push(piece);
      } catch {
        this.end("said what no worker says");
      } finally {
        piece.fill(0);
      }
    });
    // A pipe breaks because its worker ended, which the exit tells.
    this.#pipe.on("error", () => undefined);
  }

  #memoryOf(header: WorkerAnswer): Uint8Array {
    if (header.type === "ready") return new Uint8Array(0);
    assert(this.#awaited?.id === header.id, "a sum comes when it was asked for");
    return this.#awaited.memory(header.width, header.bytes);
  }
}
