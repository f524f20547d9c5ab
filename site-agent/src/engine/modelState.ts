import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { loadNetwork, type Network } from "@consilium/engine/network";
import { aggregateBits, coarseStep, type Grid } from "@consilium/shared/contribution/grid";
import { packedBytes, UnpackingSum } from "@consilium/shared/contribution/pack";
import { digestOf } from "@consilium/shared/encoding/digest";
import { Failure } from "@consilium/shared/failure/failure";
import { modelDigest } from "@consilium/shared/model/modelDigest";
import { type ModelSpec, parameterCount } from "@consilium/shared/model/spec";
import { applyUpdate, initialState, type OptimizerState } from "@consilium/shared/optimizer/applyUpdate";
import type { Optimizer } from "@consilium/shared/study/document";
import type { Digest } from "@consilium/shared/units/identity";
import type { EngineRequest } from "./message.ts";

type Advance = Extract<EngineRequest, { type: "advance-model" }>;

interface Held {
  readonly parameters: Float32Array;
  readonly digest: Digest;
  /** Absent after a full model was loaded: nobody said what the optimizer remembers. */
  readonly optimizer: OptimizerState | undefined;
}

/** The study's public model in memory, and on the device while it is in use. */
export class ModelState {
  readonly #spec: ModelSpec;
  readonly #grid: Grid;
  #held: Held | undefined;
  /** Memory of the model before the last step, and of the aggregate: a large array costs more to get than to fill. */
  #spare: Float32Array | undefined;
  #sum: Int32Array | undefined;
  #network: Network | undefined;

  constructor(spec: ModelSpec, grid: Grid) {
    this.#spec = spec;
    this.#grid = grid;
  }

  /** The model on the device, as of now. */
  network(): Network {
    if (this.#held === undefined) throw refused("no-model", "holds no model of this study", "Load the full model.");
    this.#network ??= loadNetwork(this.#spec, this.#held.parameters);
    return this.#network;
  }

  async load(path: string, digest: Digest): Promise<void> {
    const count = parameterCount(this.#spec);
    const bytes = await readFile(path);
    if (bytes.length !== 4 * count || digestOf(bytes) !== digest) {
      throw refused("model-differs", "was given another model than the one named", "Fetch the model again.");
    }
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
    this.#replace({
      parameters: new Float32Array(aligned.buffer, aligned.byteOffset, count),
      digest,
      optimizer: undefined,
    });
  }

  /** Replays one public optimizer step beside the model, and takes it only when its digest is the announced one. */
  advance(request: Advance): void {
    const held = this.#held;
    if (held === undefined || held.digest !== request.update.from) {
      throw refused("model-behind", "doesn't hold the model that this update starts from", "Load the full model.");
    }
    const aggregate = this.#readAggregate(request);
    const parameters = this.#spare ?? new Float32Array(held.parameters.length);
    const state = optimizerBefore(request.optimizer, held, request.update.step);
    const { divisor, to } = request;
    const step = coarseStep(this.#grid);
    const optimizer = applyUpdate(request.optimizer, state, held.parameters, aggregate, step, divisor, parameters);
    if (modelDigest(parameters) !== to) {
      throw refused("replay-differs", "replayed the update and came to another model", "Load the full model.");
    }
    this.#replace({ parameters, digest: to, optimizer });
    this.#spare = held.parameters;
  }

  dispose(): void {
    this.#network?.dispose();
    this.#network = undefined;
    this.#held = undefined;
    this.#spare = undefined;
  }

  #replace(held: Held): void {
    this.dispose();
    this.#held = held;
  }

  /** The sum of the contributors' integers, unpacked as the file is read. */
  #readAggregate({ path, update }: Advance): Int32Array {
    const bits = aggregateBits(this.#grid.bits, update.contributors.length);
    const file = openSync(path, "r");
    try {
      const { size } = fstatSync(file);
      if (size !== update.aggregate.bytes || size !== packedBytes(this.#grid.dimension, bits)) {
        throw refused("aggregate-differs", "was given an aggregate of another size", "Fetch the aggregate again.");
      }
      this.#sum ??= new Int32Array(this.#grid.dimension);
      const unpacking = new UnpackingSum(this.#sum.fill(0), bits);
      const chunk = new Uint8Array(Math.min(size, READ_BYTES));
      for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk)) {
        unpacking.push(chunk.subarray(0, read));
      }
      unpacking.finish();
      return this.#sum;
    } finally {
      closeSync(file);
    }
  }
}

/** Of an aggregate's file, at once. */
const READ_BYTES = 1 << 20;

/** What the optimizer remembered before this step; a copy, so that a refused replay changes nothing. */
function optimizerBefore(optimizer: Optimizer, held: Held, step: number): OptimizerState {
  const { optimizer: state, parameters } = held;
  if (state?.step === step) return { ...state, first: state.first.slice(), second: state.second.slice() };
  const remembers = optimizer.name === "adam" || optimizer.momentum > 0;
  if (step === 0 || !remembers) return { ...initialState(optimizer, parameters.length), step };
  throw refused(
    "optimizer-behind",
    "doesn't know what the optimizer remembers at this step",
    "Load the full model; updates can be replayed again from the study's first model on only.",
  );
}

function refused(what: string, why: string, remedy: string): Failure {
  return new Failure({ code: `engine/${what}`, kind: "refused", what: `The engine ${why}.`, remedy });
}
