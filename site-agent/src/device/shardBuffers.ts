import type { ClippedSum } from "@consilium/shared/contribution/stages";
import { assert } from "@consilium/shared/failure/failure";
import { shardedSum } from "../gradient/shardedSum.ts";

interface Shard {
  memory: ArrayBuffer;
  /** Bytes of a coordinate, once all of them came. */
  width: 4 | 8 | null;
}

/** Where the shards' sums arrive, each in memory of its own, reused from step to step; no sum outlives its step. */
export class ShardBuffers {
  readonly #dimension: number;
  readonly #shards: readonly Shard[];
  #total: Float64Array | undefined;

  constructor(dimension: number, shards: number) {
    this.#dimension = dimension;
    this.#shards = Array.from({ length: shards }, () => ({ memory: new ArrayBuffer(0), width: null }));
  }

  /** Memory that a worker may fill; it counts for nothing until `keep`. */
  take(index: number, width: 4 | 8, bytes: number): Uint8Array {
    const shard = this.#shard(index);
    assert(bytes === width * this.#dimension, "a shard's sum has the model's coordinates");
    if (shard.memory.byteLength < bytes) shard.memory = new ArrayBuffer(bytes);
    return new Uint8Array(shard.memory, 0, bytes);
  }

  /** The shard is whole. */
  keep(index: number, width: 4 | 8): void {
    this.#shard(index).width = width;
  }

  /** Forgets what came of a shard. */
  discard(index: number): void {
    const shard = this.#shard(index);
    shard.width = null;
    new Uint8Array(shard.memory).fill(0);
  }

  /** Of all shards, in their order; each is whole. */
  sum(sensitivity: number): ClippedSum {
    const parts = this.#shards.map(({ memory, width }) => {
      assert(width !== null, "every shard is whole");
      const Values = width === 4 ? Float32Array : Float64Array;
      return new Values(memory, 0, this.#dimension);
    });
    this.#total ??= new Float64Array(parts.length > 1 ? this.#dimension : 0);
    return shardedSum(parts, sensitivity, this.#total);
  }

  wipe(): void {
    for (const index of this.#shards.keys()) this.discard(index);
    this.#total?.fill(0);
  }

  #shard(index: number): Shard {
    const shard = this.#shards[index];
    assert(shard !== undefined, "there are as many shards as workers");
    return shard;
  }
}
