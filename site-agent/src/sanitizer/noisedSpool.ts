import { closeSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { assert } from "@consilium/shared/failure/failure";

/**
 * Noised records on their way into another order: each goes to its place on the disk, so memory holds one of them. The
 * file has no name from the start, so it ends with the process, and what it holds is noised.
 */
export class NoisedSpool {
  readonly #file: number;
  readonly #width: number;
  readonly #numbers: Float64Array;

  /** `path` is a name that nobody uses. */
  constructor(path: string, records: number, width: number) {
    this.#file = openSync(path, "wx+", 0o600);
    rmSync(path);
    this.#width = width;
    this.#numbers = new Float64Array(width);
    // Room that isn't there is found before noise is drawn for the last record.
    ftruncateSync(this.#file, records * width * Float64Array.BYTES_PER_ELEMENT);
  }

  write(place: number, numbers: Float64Array): void {
    assert(numbers.length === this.#width, "each record has all of its numbers");
    const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    for (let done = 0; done < bytes.length; )
      done += writeSync(this.#file, bytes, done, bytes.length - done, place * bytes.length + done);
  }

  /** Borrowed until the next is read. */
  read(place: number): Float64Array {
    const bytes = new Uint8Array(this.#numbers.buffer);
    for (let done = 0; done < bytes.length; ) {
      const read = readSync(this.#file, bytes, done, bytes.length - done, place * bytes.length + done);
      assert(read > 0, "each place was written");
      done += read;
    }
    return this.#numbers;
  }

  close(): void {
    closeSync(this.#file);
  }
}
