import { packedBytes, UnpackingSum, unpackInto } from "@consilium/shared/contribution/pack";

/**
 * The one sum of a round's packed contributions, whatever the number of sites: nothing of a single contribution is
 * kept. Integers wrap mod 2³² only beyond 2³¹ / 2^(bits − 1) sites, which no study lists.
 */
export class RunningSum {
  readonly values: Int32Array;
  readonly #bits: number;

  constructor(dimension: number, bits: number) {
    this.values = new Int32Array(dimension);
    this.#bits = bits;
  }

  /** What every contribution measures. */
  get contributionBytes(): number {
    return packedBytes(this.values.length, this.#bits);
  }

  reset(): void {
    this.values.fill(0);
  }

  /** Throws on malformed bytes, after which the sum must be reset. */
  add(bytes: Uint8Array, bits = this.#bits): void {
    unpackInto(this.values, bits, bytes);
  }

  /** The same as it is read, in bounded memory. */
  async addChunks(chunks: AsyncIterable<Uint8Array>, bits = this.#bits): Promise<void> {
    const sum = new UnpackingSum(this.values, bits);
    for await (const chunk of chunks) sum.push(chunk);
    sum.finish();
  }
}
