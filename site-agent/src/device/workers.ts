import type { ClipRule } from "@consilium/shared/clipping/clipping";
import { Failure } from "@consilium/shared/failure/failure";
import type { ModelSpec } from "@consilium/shared/model/spec";
import type { FrozenPart } from "@consilium/shared/model/studyWeights";
import type { Logger } from "@consilium/shared/system/logger";
import type { StudyName } from "@consilium/shared/units/identity";
import type { PreparedPatients } from "../contract/preparedPatients.ts";
import { sumSensitivity } from "../gradient/clippedSum.ts";
import type { EngineKind } from "./engineChoice.ts";
import type { Place } from "./places.ts";
import { recordsOf, shardsOf } from "./shard.ts";
import type { ShardBuffers } from "./shardBuffers.ts";
import type { WorkerStatus } from "./status.ts";
import type { SumDevice } from "./sumDevice.ts";
import { WorkerEnded, WorkerProcess } from "./workerProcess.ts";

export interface WorkersOptions {
  /** One for each worker; all compute alike. */
  readonly places: readonly Place[];
  readonly logger: Logger;
  readonly program?: URL;
  readonly timeoutMs?: number;
  /** Wait before the first restart. */
  readonly backOffMs?: number;
}

/** What the workers need to know of a study at one model. */
export interface ShardedStudy {
  readonly study: StudyName;
  /** The same in all workers. */
  readonly engine: EngineKind;
  readonly spec: ModelSpec;
  /** What no model of the study changes: a worker is sent it once. */
  readonly frozen: FrozenPart;
  readonly parameters: Float32Array;
  /** Another number for each model of the study: a worker that holds this one isn't sent it again. */
  readonly revision: number;
  readonly patients: PreparedPatients;
  /** Rows of a physical batch of one shard, by public numbers. */
  readonly rows: number;
  readonly buffers: ShardBuffers;
}

interface Slot {
  readonly place: Place;
  process: WorkerProcess | null;
  isReady: boolean;
  restarts: number;
  /** Ends since the last sum. */
  ends: number;
  why: string | null;
  timer: NodeJS.Timeout | undefined;
}

/** A shard takes seconds; half of what the agent gives the whole engine (`engine/supervise.ts`). */
const TIMEOUT_MS = 5 * 60_000;
const BACK_OFF_MS = 1000;
const BACK_OFF_MAX_MS = 5 * 60_000;

/**
 * Worker processes that compute a step's clipped sum together: a shard each, added in the shards' order. A worker that
 * ends takes its shard back to the others, whole, from the same sample; it comes back by itself, later each time.
 */
export class DeviceWorkers {
  readonly #options: WorkersOptions;
  readonly #slots: readonly Slot[];
  #stopped = false;

  constructor(options: WorkersOptions) {
    this.#options = options;
    const fresh = { process: null, isReady: false, restarts: 0, ends: 0, why: null, timer: undefined };
    this.#slots = options.places.map((place) => ({ ...fresh, place }));
    for (const slot of this.#slots) this.#start(slot);
  }

  get count(): number {
    return this.#slots.length;
  }

  /** Whether they compute with libtensorflow, where a study does. */
  get isNative(): boolean {
    return this.#slots.some(({ place }) => place.backend !== "wasm");
  }

  /** The workers as the device of one study. */
  deviceOf(study: ShardedStudy): SumDevice {
    return {
      clippedSum: async (batch, rule, clipRounding) => {
        this.#revive();
        const shards = shardsOf(batch.patients, this.count);
        const step = { patientsInStep: batch.patients.length, rule, clipRounding };
        const ends = shards.map((patients, index) => this.#compute(index, study, { ...step, patients }));
        const failed = (await Promise.allSettled(ends)).find(({ status }) => status === "rejected");
        if (failed?.status === "rejected") throw failed.reason;
        return study.buffers.sum(sumSensitivity(study.spec, rule, clipRounding));
      },
      wipe: () => study.buffers.wipe(),
    };
  }

  close(study: StudyName): void {
    for (const { process } of this.#slots) {
      if (process?.studies.delete(study)) process.tell({ type: "close", study, bytes: 0 });
    }
  }

  /** After all that start have started, or failed to. */
  async status(): Promise<readonly WorkerStatus[]> {
    await Promise.allSettled(this.#slots.map(({ process }) => process?.ready));
    return this.#slots.map(({ place: { device, backend }, process, isReady, restarts, why }) => {
      const pid = process?.pid ?? null;
      return { device, backend, state: stateOf(process, isReady), pid, restarts, why };
    });
  }

  /** Ends them all at once; resolves when they are gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { process, timer } of this.#slots) {
      clearTimeout(timer);
      process?.end("stopped");
    }
    await Promise.all(this.#slots.map(({ process }) => process?.gone));
  }

  /** A shard's sum, by its own worker or, should that end, by each of the others in turn. */
  async #compute(index: number, study: ShardedStudy, shard: Shard): Promise<void> {
    const { buffers } = study;
    for (let tried = 0; tried < this.count; tried++) {
      const slot = this.#slots[(index + tried) % this.count];
      const process = slot?.process;
      if (slot === undefined || process === null || process === undefined) continue;
      try {
        const memory = (width: 4 | 8, bytes: number): Uint8Array => buffers.take(index, width, bytes);
        buffers.keep(index, await process.sum((id) => order(process, id, study, shard), memory));
        slot.ends = 0;
        return;
      } catch (error) {
        buffers.discard(index);
        if (!(error instanceof WorkerEnded)) throw error;
      }
    }
    throw allEnded();
  }

  #start(slot: Slot): void {
    const { logger, program = new URL("./deviceWorker.js", import.meta.url), timeoutMs = TIMEOUT_MS } = this.#options;
    clearTimeout(slot.timer);
    const process = new WorkerProcess({ place: slot.place, program, timeoutMs }, (why) => {
      if (this.#stopped) return;
      logger.warn("worker-ended", { device: slot.place.device, why });
      slot.process = null;
      slot.isReady = false;
      slot.why = why;
      slot.ends++;
      const { backOffMs = BACK_OFF_MS } = this.#options;
      slot.timer = setTimeout(() => this.#restart(slot), Math.min(BACK_OFF_MAX_MS, backOffMs * 2 ** (slot.ends - 1)));
      slot.timer.unref();
    });
    slot.process = process;
    process.ready.then(
      () => {
        slot.isReady = true;
      },
      () => undefined,
    );
  }

  #restart(slot: Slot): void {
    slot.restarts++;
    this.#start(slot);
  }

  /** A step without any worker would fail: it rather starts them before their time. */
  #revive(): void {
    if (this.#slots.every(({ process }) => process === null)) for (const slot of this.#slots) this.#restart(slot);
  }
}

function stateOf(process: WorkerProcess | null, isReady: boolean): WorkerStatus["state"] {
  if (process === null) return "ended";
  if (!isReady) return "starting";
  return process.isComputing ? "computing" : "ready";
}

interface Shard {
  readonly patients: Int32Array;
  readonly patientsInStep: number;
  readonly rule: ClipRule;
  readonly clipRounding: number;
}

function order(process: WorkerProcess, id: number, of: ShardedStudy, shard: Shard): void {
  const { study, engine, spec, frozen, parameters, revision, rows } = of;
  if (!process.studies.has(study)) {
    const { numbers, digest } = frozen;
    const backend = engine === "wasm" ? "wasm" : process.backend;
    process.tell({ type: "open", study, backend, spec, frozen: digest, bytes: numbers.byteLength }, [numbers]);
  }
  if (process.studies.get(study) !== revision) {
    process.tell({ type: "model", study, bytes: parameters.byteLength }, [parameters]);
    process.studies.set(study, revision);
  }
  const { patientsInStep, rule, clipRounding } = shard;
  const { featureCount, features, labels, recordStart } = recordsOf(of.patients, shard.patients);
  const columns = [features, labels, recordStart];
  const bytes = columns.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const size = { featureCount, records: labels.length, patients: shard.patients.length, bytes };
  process.tell({ type: "sum", id, study, rule, clipRounding, rows, patientsInStep, ...size }, columns);
}

function allEnded(): Failure {
  return new Failure({
    code: "engine/workers-ended",
    kind: "fault",
    what: "Every worker process of the engine ended before the step was whole.",
    remedy: "They start anew by themselves. If they end again, see `consilium-site doctor`.",
  });
}
