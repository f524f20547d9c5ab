import { packedBytes, UnpackingSum, unpackInto } from "@consilium/shared/contribution/pack";
import type { SiteHeads } from "@consilium/shared/model/siteHeads";

/**
 * The one sum of a round's packed contributions, whatever the number of sites: nothing of a single contribution is
 * kept, but what moves a site's own head, where the study has those: that follows the sum. Integers wrap mod 2³² only
 * beyond 2³¹ / 2^(bits − 1) sites, which no study lists.
 */
export class RunningSum {
  /** The sum of all contributions, and behind it each site's own values for its head. */
  readonly values: Int32Array;
  readonly #sum: Int32Array;
  readonly #bits: number;
  readonly #heads: SiteHeads | undefined;

  constructor(dimension: number, bits: number, heads?: SiteHeads) {
    this.values = new Int32Array(dimension + (heads === undefined ? 0 : heads.sites * heads.size));
    this.#sum = this.values.subarray(0, dimension);
    this.#bits = bits;
    this.#heads = heads;
  }

  /** What every contribution measures. */
  get contributionBytes(): number {
    return packedBytes(this.#sum.length, this.#bits);
  }

  /** What the packed sum measures, with so many bits a value. */
  bytesAt(bits: number): number {
    return packedBytes(this.values.length, bits);
  }

  reset(): void {
    this.values.fill(0);
  }

  /** One contribution, `site` its place in the study. Throws on malformed bytes, after which the sum must be reset. */
  add(bytes: Uint8Array, site: number): void {
    const before = this.#headSum();
    unpackInto(this.#sum, this.#bits, bytes);
    this.#keepHead(site, before);
  }

  /** The same as it is read, in bounded memory; one contribution at a time. */
  async addChunks(chunks: AsyncIterable<Uint8Array>, site: number): Promise<void> {
    const before = this.#headSum();
    const sum = new UnpackingSum(this.#sum, this.#bits);
    for await (const chunk of chunks) sum.push(chunk);
    sum.finish();
    this.#keepHead(site, before);
  }

  /** A whole round's sum, as it was packed with so many bits a value. */
  restore(bytes: Uint8Array, bits: number): void {
    unpackInto(this.values, bits, bytes);
  }

  async restoreChunks(chunks: AsyncIterable<Uint8Array>, bits: number): Promise<void> {
    const sum = new UnpackingSum(this.values, bits);
    for await (const chunk of chunks) sum.push(chunk);
    sum.finish();
  }

  #headSum(): Int32Array | undefined {
    return this.#heads && this.#sum.slice(this.#heads.offset, this.#heads.offset + this.#heads.size);
  }

  /** What a contribution added to the sum of heads is its own site's. */
  #keepHead(site: number, before: Int32Array | undefined): void {
    if (this.#heads === undefined || before === undefined) return;
    const { offset, size } = this.#heads;
    const from = this.#sum.length + site * size;
    for (let i = 0; i < size; i++) this.values[from + i] = ((this.#sum[offset + i] ?? 0) - (before[i] ?? 0)) | 0;
  }
}
