import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { Readable } from "node:stream";
import { assert } from "@consilium/shared/failure/failure";
import { Digest } from "@consilium/shared/units/identity";
import { removeFile } from "./removeFile.ts";

/** Bytes that are gathered before they are written; two such blocks are in memory for each file. */
const BLOCK_BYTES = 1024 * 1024;

/**
 * A file that arrives over the network, perhaps in several goes, hashed on the way. `offset` counts the bytes that are
 * in the file and in the hash. One writer at a time.
 */
export class GrowingFile {
  readonly path: string;
  readonly total: number;
  readonly #hash = createHash("sha256");
  #offset = 0;
  #digest: Digest | undefined;

  /** Nothing may lie at `path` yet. */
  constructor(path: string, total: number) {
    this.path = path;
    this.total = total;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Whether all bytes are there, right or wrong. */
  get isFull(): boolean {
    return this.#offset === this.total;
  }

  /** Digest of the full file. */
  digest(): Digest {
    assert(this.isFull, "only a full file has a digest");
    this.#digest ??= Digest.parse(this.#hash.digest("hex"));
    return this.#digest;
  }

  /**
   * Appends chunks until they end. Where they break off, all bytes so far are in the file, to be gone on with. After
   * "not-stored" and "too-long" this object serves no more. Never rejects.
   */
  async append(chunks: AsyncIterable<Uint8Array>): Promise<Appended> {
    const file = await open(this.path, "a", 0o600).catch(() => undefined);
    if (file === undefined) return "not-stored";
    const blocks = new BlockWriter(file);
    const end = await this.#copy(chunks instanceof Readable ? chunks : Readable.from(chunks), blocks);
    const isStored = await blocks.flush();
    await file.close();
    return isStored ? end : "not-stored";
  }

  async remove(): Promise<void> {
    await removeFile(this.path);
  }

  /** By events: an iterator would halt the socket and wake it again for each 16 KiB that TLS brings. */
  #copy(source: Readable, blocks: BlockWriter): Promise<Appended> {
    if (source.destroyed) return Promise.resolve("cut");
    return new Promise((resolve) => {
      let taken: true | Promise<boolean> = true;
      const end = async (how: Appended): Promise<void> => {
        source.off("data", take);
        const isStored = await taken;
        if (!source.readableEnded) source.destroy();
        resolve(isStored ? how : "not-stored");
      };
      const take = (chunk: Uint8Array): void => {
        if (this.#offset + chunk.length > this.total) return void end("too-long");
        this.#hash.update(chunk);
        this.#offset += chunk.length;
        taken = blocks.add(chunk);
        if (taken === true) return;
        source.pause();
        void taken.then((isStored) => void (isStored ? source.resume() : end("not-stored")));
      };
      source.on("data", take);
      source.once("end", () => end("ended"));
      // The source broke off; why, its owner knows. What came before it broke counts.
      source.on("error", () => end("cut"));
      source.once("close", () => end("cut"));
    });
  }
}

/** How an append came to its end. */
export type Appended = "ended" | "cut" | "not-stored" | "too-long";

/** Gathers chunks, because TLS brings 16 KiB at a time; one block is written while the next one arrives. */
class BlockWriter {
  readonly #file: FileHandle;
  #block: Uint8Array[] = [];
  #bytes = 0;
  #isWritten: Promise<boolean> = Promise.resolve(true);

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** False once the disk has refused a block. */
  add(chunk: Uint8Array): true | Promise<boolean> {
    this.#block.push(chunk);
    this.#bytes += chunk.length;
    return this.#bytes < BLOCK_BYTES ? true : this.#write();
  }

  async flush(): Promise<boolean> {
    return (this.#bytes === 0 || (await this.#write())) && this.#isWritten;
  }

  /** Waits for the block before, starts to write this one. */
  async #write(): Promise<boolean> {
    const [block, bytes] = [this.#block, this.#bytes];
    [this.#block, this.#bytes] = [[], 0];
    if (!(await this.#isWritten)) return false;
    this.#isWritten = this.#file.writev(block).then(
      ({ bytesWritten }) => bytesWritten === bytes,
      () => false,
    );
    return true;
  }
}
