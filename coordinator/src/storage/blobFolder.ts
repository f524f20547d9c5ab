import { createHash, type Hash } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { BlobReference } from "@consilium/shared/protocol/messages";
import { Digest } from "@consilium/shared/units/identity";
import { removeFile } from "@consilium/storage/removeFile";

const TEMPORARY = ".tmp";

/** Files named by the SHA-256 of what they hold: written under another name, fsynced, then renamed. */
export class BlobFolder {
  readonly #folder: string;
  #count = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Opens the folder and clears what a crash left half written. */
  static async open(folder: string): Promise<BlobFolder> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder)) if (name.endsWith(TEMPORARY)) await rm(join(folder, name));
    return new BlobFolder(folder);
  }

  pathOf(digest: Digest): string {
    return join(this.#folder, digest);
  }

  has(digest: Digest): Promise<boolean> {
    return stat(this.pathOf(digest)).then(
      () => true,
      () => false,
    );
  }

  /** Durable under its digest when it resolves. */
  async write(chunks: Iterable<Uint8Array>): Promise<BlobReference> {
    const writer = await this.writer();
    for (const chunk of chunks) await writer.push(chunk);
    return writer.finish();
  }

  async writer(): Promise<BlobWriter> {
    this.#count += 1;
    const path = join(this.#folder, `${process.pid}-${this.#count}${TEMPORARY}`);
    return new BlobWriter(this.#folder, path, await open(path, "w", 0o600));
  }

  /** Whatever lies here whole. */
  async digests(): Promise<readonly Digest[]> {
    return (await readdir(this.#folder)).flatMap((name) => Digest.safeParse(name).data ?? []);
  }

  /** Bytes of all whole files but this one. */
  async bytesBeside(digest: Digest): Promise<number> {
    const others = (await this.digests()).filter((other) => other !== digest);
    // One that is removed meanwhile takes no room.
    const sizes = others.map((other) =>
      stat(this.pathOf(other)).then(
        ({ size }) => size,
        () => 0,
      ),
    );
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  }

  async remove(digest: Digest): Promise<void> {
    await removeFile(this.pathOf(digest));
  }
}

/** One file on its way in. */
export class BlobWriter {
  readonly #folder: string;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #hash: Hash = createHash("sha256");
  #bytes = 0;

  constructor(folder: string, path: string, file: FileHandle) {
    this.#folder = folder;
    this.#path = path;
    this.#file = file;
  }

  async push(chunk: Uint8Array): Promise<void> {
    this.#hash.update(chunk);
    await this.#file.writeFile(chunk);
    this.#bytes += chunk.length;
  }

  /** Durable under its digest when it resolves. */
  async finish(): Promise<BlobReference> {
    const { reference, durable } = this.seal();
    await durable;
    return reference;
  }

  /** Durable under this digest when it resolves to true; false where these are other bytes, which are removed. */
  async finishAs(digest: Digest): Promise<boolean> {
    if (this.#hash.copy().digest("hex") === digest) {
      await this.finish();
      return true;
    }
    await this.discard();
    return false;
  }

  async discard(): Promise<void> {
    await this.#file.close();
    await rm(this.#path, { force: true });
  }

  /** No more is pushed: what the blob is called is known before the disk has it. */
  seal(): { readonly reference: BlobReference; readonly durable: Promise<void> } {
    const digest = Digest.parse(this.#hash.digest("hex"));
    return { reference: { digest, bytes: this.#bytes }, durable: this.#store(digest) };
  }

  async #store(digest: Digest): Promise<void> {
    await this.#file.sync();
    await this.#file.close();
    await rename(this.#path, join(this.#folder, digest));
    const folder = await open(this.#folder, "r");
    await folder.sync();
    await folder.close();
  }
}
