import { Worker } from "node:worker_threads";
import { drawGaussianNoise, type GaussianNoise, wipe } from "@consilium/shared/contribution/gaussianNoise";
import type { NoisedGrid } from "@consilium/shared/contribution/grid";
import type { RoundKey } from "@consilium/shared/protocol/messages";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import { NoiseMade, type NoiseOrder } from "./order.ts";

/** A block under way or ready, for one step of one attempt of one round. */
interface Prepared {
  readonly memory: SharedArrayBuffer;
  readonly made: Promise<GaussianNoise>;
}

/** Blocks kept ready at once; a further one displaces the oldest. */
const PREPARED_MAX = 2;

/**
 * Noise made ahead of the step that will use it. A block belongs to one step of one attempt of a round, is handed out
 * once, lives in memory alone, and is overwritten when it was used, abandoned or displaced.
 */
export class NoiseStore {
  readonly #random: RandomSource;
  readonly #workerFile: URL;
  readonly #prepared = new Map<string, Prepared>();
  readonly #awaited = new Map<number, { resolve(made: NoiseMade): void; reject(reason: unknown): void }>();
  #spare: SharedArrayBuffer | undefined;
  #worker: Worker | undefined;
  #orders = 0;

  constructor(random: RandomSource, workerFile: URL = new URL("./noiseWorker.js", import.meta.url)) {
    this.#random = random;
    this.#workerFile = workerFile;
  }

  /** Starts to make noise for a step of this attempt in the worker; a second call for it does nothing. */
  prepare(key: RoundKey, grid: NoisedGrid, step = 0): void {
    const name = nameOf(key, step);
    if (this.#prepared.has(name)) return;
    for (const oldest of [...this.#prepared.keys()].slice(0, Math.max(0, this.#prepared.size + 1 - PREPARED_MAX))) {
      this.#drop(oldest);
    }
    const memory = this.#memoryFor(grid);
    const made = this.#order(memory, grid);
    // A worker that fails is no fault of the round: `take` then makes the noise itself.
    made.catch(() => undefined);
    this.#prepared.set(name, { memory, made });
  }

  /** Noise of a step: the prepared block, or a fresh one where there is none or its worker failed. */
  async take(key: RoundKey, grid: NoisedGrid, step = 0): Promise<GaussianNoise> {
    const name = nameOf(key, step);
    const prepared = this.#prepared.get(name);
    this.#prepared.delete(name);
    try {
      const noise = await prepared?.made;
      if (noise !== undefined && noise.values.length === grid.dimension) return noise;
    } catch {
      // Told to nobody: the noise below is as good, only later.
    }
    return drawGaussianNoise(new Int32Array(this.#memoryFor(grid)), grid, this.#random);
  }

  /** Takes back a block after its contribution was packed: overwritten, its memory serves the next. */
  release(noise: GaussianNoise): void {
    wipe(noise);
    if (noise.values.buffer instanceof SharedArrayBuffer) this.#spare = noise.values.buffer;
  }

  /** Forgets what was prepared for an attempt that will not come. */
  abandon(key: RoundKey): void {
    for (const name of [...this.#prepared.keys()]) if (name.startsWith(attemptOf(key))) this.#drop(name);
  }

  async stop(): Promise<void> {
    for (const name of [...this.#prepared.keys()]) this.#drop(name);
    await this.#worker?.terminate();
  }

  #drop(name: string): void {
    const prepared = this.#prepared.get(name);
    this.#prepared.delete(name);
    prepared?.made.then(
      (noise) => this.release(noise),
      () => new Int32Array(prepared.memory).fill(0),
    );
  }

  #memoryFor(grid: NoisedGrid): SharedArrayBuffer {
    const bytes = grid.dimension * Int32Array.BYTES_PER_ELEMENT;
    const spare = this.#spare;
    this.#spare = undefined;
    return spare?.byteLength === bytes ? spare : new SharedArrayBuffer(bytes);
  }

  async #order(memory: SharedArrayBuffer, grid: NoisedGrid): Promise<GaussianNoise> {
    const worker = this.#running();
    const id = this.#orders++;
    const order: NoiseOrder = { id, memory, grid };
    const made = await new Promise<NoiseMade>((resolve, reject) => {
      this.#awaited.set(id, { resolve, reject });
      worker.postMessage(order);
    });
    return { values: new Int32Array(memory), stdDev: made.stdDev, drawDistance: made.drawDistance, state: "fresh" };
  }

  #running(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(this.#workerFile);
    this.#worker = worker;
    worker.unref();
    worker.on("message", (message: unknown) => {
      const made = NoiseMade.parse(message);
      this.#awaited.get(made.id)?.resolve(made);
      this.#awaited.delete(made.id);
    });
    const failed = (reason: unknown): void => {
      if (this.#worker === worker) this.#worker = undefined;
      for (const { reject } of this.#awaited.values()) reject(reason);
      this.#awaited.clear();
    };
    worker.on("error", failed);
    worker.on("exit", (code) => failed(new Error(`noise worker stopped with ${code}`)));
    return worker;
  }
}

function nameOf(key: RoundKey, step: number): string {
  return `${attemptOf(key)}${step}`;
}

function attemptOf({ study, purpose, round, attempt }: RoundKey): string {
  return `${study}/${purpose}-${round}.${attempt}/`;
}
