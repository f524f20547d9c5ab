import { open } from "node:fs/promises";
import { countWeight, nextClippingNorm } from "@consilium/shared/clipping/adaptiveNorm";
import { coarseStep, type Grid } from "@consilium/shared/contribution/grid";
import { packIntegers } from "@consilium/shared/contribution/pack";
import { digestOf, RunningDigest } from "@consilium/shared/encoding/digest";
import { assert } from "@consilium/shared/failure/failure";
import { modelBytes, modelDigest } from "@consilium/shared/model/modelDigest";
import { type ModelSpec, parameterCount } from "@consilium/shared/model/spec";
import type { Weights } from "@consilium/shared/model/weights";
import { AggregateStep } from "@consilium/shared/optimizer/aggregateStep";
import { initialState, type OptimizerState, UpdateByParts } from "@consilium/shared/optimizer/applyUpdate";
import { INLINE_BYTES_MAX } from "@consilium/shared/protocol/limits";
import type { BlobReference, ModelUpdate } from "@consilium/shared/protocol/messages";
import type { StudyDocument } from "@consilium/shared/study/document";
import { aggregatedAs, gridOfStudy, modelSpecOfStudy } from "@consilium/shared/study/network";
import { divisorOf } from "@consilium/shared/study/schedule";
import { headsOfStudy, stretchesOf } from "@consilium/shared/study/siteHeads";
import type { Digest, SiteName } from "@consilium/shared/units/identity";
import { ClippingNorm } from "@consilium/shared/units/privacy";
import { fileChunks } from "@consilium/storage/fileChunks";
import { bitsOfAggregate, packedChunks } from "../aggregate/packedAggregate.ts";
import { RunningSum } from "../aggregate/runningSum.ts";
import type { BlobFolder } from "../storage/blobFolder.ts";
import type { ModelRecord } from "../storage/models.ts";
import { startOf } from "./start.ts";

/**
 * A checkpoint (model and optimizer state as files) is made this often. In between a version is durable as the packed
 * aggregate that makes it: replayed from the last checkpoint the bits are the same, and a round costs one fsync.
 */
export const CHECKPOINT_EVERY = 10;

export interface Checkpoint {
  readonly version: number;
  readonly state: Digest;
}

interface StoredAggregate {
  readonly reference: BlobReference;
  /** Small enough for the database. */
  readonly inline: Uint8Array | null;
  /** Resolves when its file is on the disk. */
  readonly durable: Promise<void>;
}

interface Folders {
  readonly blobs: BlobFolder;
  /** Weights files that studies start from. */
  readonly weights: BlobFolder;
}

/** The line of a study's model versions: the newest in memory, changed in place; older ones are history. */
export class ModelLine {
  readonly spec: ModelSpec;
  readonly grid: Grid;
  readonly sum: RunningSum;
  /** Parameters that no step changes. */
  readonly frozen: Float32Array;
  readonly #document: StudyDocument;
  readonly #blobs: BlobFolder;
  readonly #parameters: Float32Array;
  /** Of all rounds' noised sums, where directions are looked for in it. */
  readonly #total: Float64Array | null;
  #state: OptimizerState;
  #newest: ModelRecord;
  /** Readers of the parameters' memory; a step waits for them. */
  #readers: Promise<unknown> = Promise.resolve();

  private constructor(document: StudyDocument, blobs: BlobFolder, start: Weights) {
    this.#document = document;
    this.#blobs = blobs;
    this.spec = modelSpecOfStudy(document);
    this.grid = gridOfStudy(document);
    this.#parameters = start.parameters;
    const network = parameterCount(this.spec);
    this.frozen = start.frozen;
    this.#state = initialState(document.training.optimizer, this.#parameters.length);
    const looksForDirections = document.audit.gradientCanaries !== undefined;
    this.#total = looksForDirections ? new Float64Array(network) : null;
    this.sum = new RunningSum(this.grid.dimension, this.grid.bits, headsOfStudy(document));
    this.#newest = {
      version: 0,
      digest: modelDigest(this.#parameters),
      bytes: this.#parameters.byteLength,
      update: null,
      aggregate: null,
      checkpoint: null,
      roundNorm: document.privacy.clipping.mode === "adaptive" ? document.privacy.clippingNorm : null,
    };
  }

  /** A study's initial model, or its newest version again from what is durable: a checkpoint and the rows since. */
  static async open(
    document: StudyDocument,
    { blobs, weights }: Folders,
    rows: readonly ModelRecord[],
  ): Promise<ModelLine> {
    const line = new ModelLine(document, blobs, await startOf(document, weights));
    const [first, ...later] = rows;
    if (first !== undefined) await line.#load(first);
    for (const row of later) await line.#replay(row);
    return line;
  }

  get newest(): ModelRecord {
    return this.#newest;
  }

  /** Sum of every round's noised sum, in coarse steps; null where the study has no gradient canaries. */
  get total(): Float64Array | null {
    return this.#total;
  }

  get parameters(): Float32Array {
    return this.#parameters;
  }

  /**
   * One optimizer step on the running sum, in place. The aggregate is durable before this resolves, or in the record
   * for the transaction that makes it so; until then memory is ahead of the disk, so a failure ends the run.
   */
  async step(contributors: readonly SiteName[]): Promise<ModelRecord> {
    const { reference, inline, durable } = await this.#storeAggregate(contributors.length);
    const from = this.#newest;
    const update: ModelUpdate = {
      from: from.digest,
      step: from.version,
      contributors: [...contributors],
      aggregate: reference,
      ...(from.roundNorm === null ? {} : { roundNorm: from.roundNorm }),
    };
    // The disk takes the aggregate while the step is computed.
    const [digest] = await Promise.all([this.#stepped(update), durable]);
    this.#newest = {
      version: from.version + 1,
      digest,
      bytes: this.#parameters.byteLength,
      update,
      aggregate: inline,
      checkpoint: null,
      roundNorm: this.#normAfter(from.roundNorm, contributors),
    };
    return this.#newest;
  }

  async #stepped(update: ModelUpdate): Promise<Digest> {
    await this.#readers;
    return this.#apply(this.sum.values, update);
  }

  /** Norm of the next round, by the noised count that came with this one's sum. */
  #normAfter(norm: ClippingNorm | null, contributors: readonly SiteName[]): ClippingNorm | null {
    const { clipping, clippingNorm } = this.#document.privacy;
    if (norm === null || clipping.mode !== "adaptive") return null;
    const counted = (this.sum.values[parameterCount(this.spec)] ?? 0) * coarseStep(this.grid);
    const mean = counted / (countWeight(clipping) * clippingNorm) / divisorOf(this.#document, contributors);
    return ClippingNorm.parse(nextClippingNorm(clipping, norm, mean, clippingNorm));
  }

  /** Writes model and optimizer state as files, fsynced; a step that comes meanwhile waits. */
  checkpoint(): Promise<Checkpoint> {
    return this.#reading(async () => {
      const { version, digest } = this.#newest;
      const model = await this.#blobs.write(slices(modelBytes(this.#parameters)));
      assert(model.digest === digest, "a checkpoint's file is the model that the ledger names");
      const { first, second } = this.#state;
      const state = await this.#blobs.write(
        [modelBytes(first), modelBytes(second), ...this.#totalBytes()].flatMap((own) => [...slices(own)]),
      );
      return { version, state: state.digest };
    });
  }

  /** File of the newest model, for a site that has fallen behind; undefined for any other digest. */
  async fileOf(digest: Digest): Promise<string | undefined> {
    if (digest !== this.#newest.digest) return undefined;
    const path = this.#blobs.pathOf(digest);
    if (await this.#blobs.has(digest)) return path;
    return this.#reading(async () => {
      if (digest !== this.#newest.digest) return undefined;
      await this.#blobs.write(slices(modelBytes(this.#parameters)));
      return path;
    });
  }

  #reading<T>(read: () => Promise<T>): Promise<T> {
    const result = this.#readers.then(read);
    this.#readers = result.catch(() => undefined);
    return result;
  }

  /** Steps in place; returns the new model's digest, made while each part of it is in the processor's cache. */
  #apply(sum: Int32Array, { contributors, roundNorm }: ModelUpdate): Digest {
    const { optimizer } = this.#document.training;
    const update = new UpdateByParts(optimizer, this.#state, this.#parameters);
    const step = new AggregateStep(update, stretchesOf(this.#document, contributors, roundNorm), coarseStep(this.grid));
    const digest = new RunningDigest();
    for (let from = 0; from < sum.length; from += PART_VALUES) {
      for (const made of step.push(sum.subarray(from, from + PART_VALUES))) digest.add(modelBytes(made));
    }
    this.#state = update.finish();
    if (this.#total !== null) addInto(this.#total, sum);
    return digest.end();
  }

  /** Packs it; a large one goes to its file chunk by chunk, the next being packed while the last is written. */
  async #storeAggregate(contributors: number): Promise<StoredAggregate> {
    const bits = bitsOfAggregate(this.grid, aggregatedAs(this.#document, contributors));
    if (this.sum.bytesAt(this.grid.bits) <= INLINE_BYTES_MAX / 2) {
      const inline = packIntegers(this.sum.values, bits);
      return { reference: { digest: digestOf(inline), bytes: inline.length }, inline, durable: Promise.resolve() };
    }
    const writer = await this.#blobs.writer();
    let written = Promise.resolve();
    for (const chunk of packedChunks(this.sum.values, bits)) {
      await written;
      written = writer.push(chunk);
    }
    await written;
    return { inline: null, ...writer.seal() };
  }

  /** From a checkpoint's files; version 0 is the signed start instead. */
  async #load(row: ModelRecord): Promise<void> {
    if (row.checkpoint !== null && row.version > 0) {
      await readInto(this.#blobs.pathOf(row.digest), modelBytes(this.#parameters));
      const { first, second } = this.#state;
      const memory = [modelBytes(first), modelBytes(second), ...this.#totalBytes()];
      await readInto(this.#blobs.pathOf(row.checkpoint), ...memory);
      const { beta1Power, beta2Power } = this.#powersAfter(row.version);
      this.#state = { ...this.#state, step: row.version, beta1Power, beta2Power };
    }
    assert(modelDigest(this.#parameters) === row.digest, "a checkpoint holds the model that the database names");
    this.#newest = row;
  }

  #totalBytes(): Uint8Array[] {
    return this.#total === null ? [] : [new Uint8Array(this.#total.buffer)];
  }

  async #replay(row: ModelRecord): Promise<void> {
    assert(row.update !== null && row.update.from === this.#newest.digest, "model versions follow one another");
    // In the running sum's own memory: a large model has no room for a second one.
    this.sum.reset();
    const bits = bitsOfAggregate(this.grid, aggregatedAs(this.#document, row.update.contributors.length));
    if (row.aggregate !== null) this.sum.restore(row.aggregate, bits);
    else await this.sum.restoreChunks(fileChunks(this.#blobs.pathOf(row.update.aggregate.digest)), bits);
    const digest = this.#apply(this.sum.values, row.update);
    const roundNorm = this.#normAfter(this.#newest.roundNorm, row.update.contributors);
    this.sum.reset();
    assert(digest === row.digest, "a replayed model is the one that was committed");
    assert(roundNorm === row.roundNorm, "a replayed round's norm is the one that was committed");
    this.#newest = row;
  }

  /** As the optimizer makes them: by repeated multiplication, so that the bits agree. */
  #powersAfter(steps: number): { beta1Power: number; beta2Power: number } {
    const { optimizer } = this.#document.training;
    let [beta1Power, beta2Power] = [1, 1];
    if (optimizer.name !== "adam") return { beta1Power, beta2Power };
    for (let step = 0; step < steps; step++) {
      beta1Power *= optimizer.beta1;
      beta2Power *= optimizer.beta2;
    }
    return { beta1Power, beta2Power };
  }
}

function addInto(total: Float64Array, sum: Int32Array): void {
  for (let i = 0; i < total.length; i++) total[i] = (total[i] ?? 0) + (sum[i] ?? 0);
}

/** Of an aggregate, stepped and hashed at once. */
const PART_VALUES = 1 << 17;

const SLICE_BYTES = 4 * 1024 * 1024;

/** Views of a large array that are written one after another. */
function* slices(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += SLICE_BYTES) yield bytes.subarray(start, start + SLICE_BYTES);
}

/** Fills arrays from one file, in their order; the file must hold exactly them. */
async function readInto(path: string, ...targets: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, "r");
  try {
    let position = 0;
    for (const target of targets) {
      for (let filled = 0; filled < target.length; ) {
        const { bytesRead } = await file.read(target, filled, target.length - filled, position);
        assert(bytesRead > 0, `${path} is as long as its arrays`);
        filled += bytesRead;
        position += bytesRead;
      }
    }
    assert((await file.stat()).size === position, `${path} holds its arrays and nothing else`);
  } finally {
    await file.close();
  }
}
