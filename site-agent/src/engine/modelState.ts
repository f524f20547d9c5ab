import { closeSync, openSync, readSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { loadNetwork, type Network } from "@consilium/engine/network";
import { aggregateBits, coarseStep, type Grid } from "@consilium/shared/contribution/grid";
import { packedBytes, unpackInto } from "@consilium/shared/contribution/pack";
import { digestOf, RunningDigest } from "@consilium/shared/encoding/digest";
import { Failure } from "@consilium/shared/failure/failure";
import { initialParameters } from "@consilium/shared/model/initial";
import { modelBytes } from "@consilium/shared/model/modelDigest";
import { networkOfSite, numbersWithHeads, type SiteHeads, siteHeadsOf } from "@consilium/shared/model/siteHeads";
import { type ModelSpec, parameterCount } from "@consilium/shared/model/spec";
import { type FrozenPart, NOTHING_FROZEN, openStudyWeights } from "@consilium/shared/model/studyWeights";
import { AggregateStep } from "@consilium/shared/optimizer/aggregateStep";
import { initialState, type OptimizerState, remembers, UpdateByParts } from "@consilium/shared/optimizer/applyUpdate";
import type { Optimizer } from "@consilium/shared/study/document";
import type { Digest } from "@consilium/shared/units/identity";
import type { EngineRequest } from "./message.ts";
import { newRevision } from "./revision.ts";

type Start = NonNullable<Extract<EngineRequest, { type: "open" }>["start"]>;
type HeadOfSite = NonNullable<Extract<EngineRequest, { type: "open" }>["heads"]>;
type Advance = Extract<EngineRequest, { type: "advance-model" }>;

interface Held {
  /** The whole model, as its digest is of. */
  readonly numbers: Float32Array;
  /** The network as this site has it: the model itself, or with the site's own head. */
  readonly parameters: Float32Array;
  readonly digest: Digest;
  /** Absent after a full model was loaded: nobody said what the optimizer remembers. */
  readonly optimizer: OptimizerState | undefined;
}

/** The study's public model in memory, and on the device while it is in use. */
export class ModelState {
  readonly #spec: ModelSpec;
  readonly #grid: Grid;
  readonly #ofSite: HeadOfSite | undefined;
  readonly #heads: SiteHeads | undefined;
  #frozen: FrozenPart = NOTHING_FROZEN;
  #held: Held | undefined;
  /** Memory of the model before the last step: a large array costs more to get than to fill. */
  #spare: Float32Array | undefined;
  #network: Network | undefined;
  #revision = newRevision();

  constructor(spec: ModelSpec, grid: Grid, ofSite?: HeadOfSite) {
    this.#spec = spec;
    this.#grid = grid;
    this.#ofSite = ofSite;
    this.#heads = ofSite && siteHeadsOf(spec, ofSite.sites);
  }

  /** The model on the device, as of now. */
  network(): Network {
    if (this.#held === undefined) throw noModel();
    this.#network ??= this.networkAt(this.#held.parameters);
    return this.#network;
  }

  /** The network's numbers as this site has it, as of now; nobody else changes them. */
  get parameters(): Float32Array {
    if (this.#held === undefined) throw noModel();
    return this.#held.parameters;
  }

  /** What no step changes; nobody else changes it either. */
  get frozen(): FrozenPart {
    return this.#frozen;
  }

  /** Another number for each model that any study had. */
  get revision(): number {
    return this.#revision;
  }

  /** The study's network with other numbers on the device: the caller's, to dispose. */
  networkAt(parameters: Float32Array): Network {
    return loadNetwork(this.#spec, parameters, this.#frozen.numbers);
  }

  /** Takes the frozen parameters and the model before the first step from the study's weights file. */
  async begin({ path, weights, seed }: Start): Promise<void> {
    const { parameters, frozen } = openStudyWeights(this.#spec, weights, seed, await readFile(path));
    this.#frozen = { numbers: frozen, digest: weights.frozen };
    this.#replace({ numbers: parameters, digest: weights.initial, optimizer: undefined });
  }

  /** The study's model before its first step, on the device: the caller's, to dispose. */
  async firstNetwork(seed: number, start: Start | undefined): Promise<Network> {
    if (start === undefined) return this.networkAt(initialParameters(this.#spec, seed));
    const file = await readFile(start.path);
    return this.networkAt(openStudyWeights(this.#spec, start.weights, start.seed, file).parameters);
  }

  async load(path: string, digest: Digest): Promise<void> {
    this.#replace({ numbers: await this.read(path, digest), digest, optimizer: undefined });
  }

  /** A model of the study's shape from its file; refuses another digest. */
  async read(path: string, digest: Digest): Promise<Float32Array> {
    const count = this.#heads === undefined ? parameterCount(this.#spec) : numbersWithHeads(this.#heads);
    const bytes = await readFile(path);
    if (bytes.length !== 4 * count || digestOf(bytes) !== digest) {
      throw refused("model-differs", "was given another model than the one named", "Fetch the model again.");
    }
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
    return new Float32Array(aligned.buffer, aligned.byteOffset, count);
  }

  /** Replays one public optimizer step beside the model, and takes it only when its digest is the announced one. */
  advance(request: Advance): void {
    const held = this.#held;
    if (held === undefined || held.digest !== request.update.from) {
      throw refused("model-behind", "doesn't hold the model that this update starts from", "Load the full model.");
    }
    this.#checkSize(request);
    const numbers = this.#spare ?? new Float32Array(held.numbers.length);
    const state = optimizerBefore(request.optimizer, held, request.update.step);
    const update = new UpdateByParts(request.optimizer, state, held.numbers, numbers);
    const step = new AggregateStep(update, request.stretches, coarseStep(this.#grid));
    const digest = new RunningDigest();
    for (const part of this.#aggregateParts(request)) {
      for (const made of step.push(part)) digest.add(modelBytes(made));
    }
    const optimizer = update.finish();
    if (digest.end() !== request.to) {
      throw refused("replay-differs", "replayed the update and came to another model", "Load the full model.");
    }
    this.#replace({ numbers, digest: request.to, optimizer });
    this.#spare = held.numbers;
  }

  dispose(): void {
    this.#network?.dispose();
    this.#network = undefined;
    this.#held = undefined;
    this.#spare = undefined;
  }

  #replace(held: Omit<Held, "parameters">): void {
    this.dispose();
    const { numbers } = held;
    const isOwn = this.#heads !== undefined && this.#ofSite !== undefined;
    this.#held = { ...held, parameters: isOwn ? networkOfSite(numbers, this.#heads, this.#ofSite.own) : numbers };
    this.#revision = newRevision();
  }

  #checkSize(request: Advance): void {
    const { size } = statSync(request.path);
    const packed = packedBytes(valuesOf(request), this.#aggregateBits(request));
    if (size !== request.update.aggregate.bytes || size !== packed) {
      throw refused("aggregate-differs", "was given an aggregate of another size", "Fetch the aggregate again.");
    }
  }

  #aggregateBits({ summands }: Advance): number {
    return aggregateBits(this.#grid.bits, summands);
  }

  /** The sum of the contributors' integers, part by part as the file is read; a part's memory serves the next. */
  *#aggregateParts(request: Advance): Generator<Int32Array> {
    const dimension = valuesOf(request);
    const bits = this.#aggregateBits(request);
    const file = openSync(request.path, "r");
    try {
      const packed = new Uint8Array(packedBytes(PART_VALUES, bits));
      const values = new Int32Array(Math.min(PART_VALUES, dimension));
      for (let from = 0; from < dimension; from += PART_VALUES) {
        const part = values.subarray(0, Math.min(PART_VALUES, dimension - from)).fill(0);
        const bytes = packed.subarray(0, packedBytes(part.length, bits));
        readWhole(file, bytes);
        unpackInto(part, bits, bytes);
        yield part;
      }
    } finally {
      closeSync(file);
    }
  }
}

/** Of an aggregate at once; a multiple of 8, so that parts of any number of bits begin at whole bytes. */
const PART_VALUES = 1 << 17;

/** Values of an aggregate. */
function valuesOf({ stretches }: Advance): number {
  return stretches.reduce((sum, { values }) => sum + values, 0);
}

function readWhole(file: number, into: Uint8Array): void {
  for (let filled = 0; filled < into.length; ) {
    const read = readSync(file, into, filled, into.length - filled, null);
    if (read === 0) throw refused("aggregate-differs", "was given an aggregate that shrank", "Fetch it again.");
    filled += read;
  }
}

/** What the optimizer remembered before this step; a copy, so that a refused replay changes nothing. */
function optimizerBefore(optimizer: Optimizer, held: Held, step: number): OptimizerState {
  const { optimizer: state, numbers } = held;
  if (state?.step === step) return { ...state, first: state.first.slice(), second: state.second.slice() };
  if (step === 0 || !remembers(optimizer)) return { ...initialState(optimizer, numbers.length), step };
  throw refused(
    "optimizer-behind",
    "doesn't know what the optimizer remembers at this step",
    "Load the full model; updates can be replayed again from the study's first model on only.",
  );
}

function noModel(): Failure {
  return refused("no-model", "holds no model of this study", "Load the full model.");
}

function refused(what: string, why: string, remedy: string): Failure {
  return new Failure({ code: `engine/${what}`, kind: "refused", what: `The engine ${why}.`, remedy });
}
