import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fromRefusal } from "@consilium/shared/failure/failure";
import { UPLOADS_PER_SITE_MAX } from "@consilium/shared/protocol/limits";
import { type RefusalCode, refusalFor } from "@consilium/shared/protocol/refusals";
import type { UploadRange } from "@consilium/shared/protocol/transfer";
import type { Digest, SiteName } from "@consilium/shared/units/identity";
import { GrowingFile } from "@consilium/storage/growingFile";

/** A file that the coordinator waits for, as far as it got. */
interface Upload {
  readonly site: SiteName;
  readonly digest: Digest;
  readonly bytes: number;
  /** Settles when the file is whole and verified, or given up. */
  readonly path: Deferred<string>;
  file: GrowingFile;
  active: ActiveSource | undefined;
}

/** The request that brings bytes now. */
interface ActiveSource {
  readonly stop: () => void;
  readonly ended: Promise<void>;
}

/** Bytes on their way in. */
export interface Source {
  /** Called once when the bytes are wanted. */
  readonly accept: () => void;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Breaks the connection. */
  readonly stop: () => void;
}

export type Received = { readonly isWhole: boolean; readonly offset: number } | { readonly refused: RefusalCode };

/** Deliveries of each site that are remembered, for a site whose link broke before it heard of them. */
const DELIVERED_MAX = 16;

/**
 * Uploads of the sites, streamed to files. Accepted is only what the coordinator expects from that very site, by digest
 * and length. Uploads of an earlier process are forgotten; sites resend.
 */
export class Uploads {
  readonly #folder: string;
  readonly #uploads = new Map<string, Upload>();
  readonly #delivered = new Map<SiteName, readonly Digest[]>();
  #count = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Owns the folder: whatever lies in it is deleted. */
  static async open(folder: string): Promise<Uploads> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true });
    return new Uploads(folder);
  }

  /**
   * Lets the site upload this file; resolves with its path when it is whole and verified, and the caller's from then
   * on.
   * Rejects when it is given up, and when the site owes too many. Expecting the same file twice is one expectation.
   */
  expect(site: SiteName, digest: Digest, bytes: number): Promise<string> {
    const key = keyOf(site, digest);
    const known = this.#uploads.get(key);
    if (known !== undefined && known.bytes === bytes) return known.path.promise;
    const owed = [...this.#uploads.values()].filter((upload) => upload.site === site).length;
    if (known !== undefined || owed >= UPLOADS_PER_SITE_MAX) {
      return Promise.reject(fromRefusal(refusalFor("transfer/too-many")));
    }
    this.#delivered.set(
      site,
      (this.#delivered.get(site) ?? []).filter((other) => other !== digest),
    );
    const upload = {
      site,
      digest,
      bytes,
      path: deferred<string>(),
      file: this.#newFile(site, bytes),
      active: undefined,
    };
    this.#uploads.set(key, upload);
    return upload.path.promise;
  }

  /** Gives up an expectation: its promise rejects with `reason`, and what came of the file is deleted. */
  async forget(site: SiteName, digest: Digest, reason: Error): Promise<void> {
    const upload = this.#uploads.get(keyOf(site, digest));
    if (upload === undefined) return;
    this.#uploads.delete(keyOf(site, digest));
    upload.path.reject(reason);
    upload.active?.stop();
    await upload.active?.ended;
    await upload.file.remove();
  }

  /** How many bytes of it are there. */
  offsetOf(site: SiteName, digest: Digest): number {
    return this.#uploads.get(keyOf(site, digest))?.file.offset ?? 0;
  }

  /** Takes the rest of a file from `source`. A stream that breaks off leaves a part, to be resumed. */
  async receive(site: SiteName, digest: Digest, range: UploadRange, source: Source): Promise<Received> {
    if (this.#delivered.get(site)?.includes(digest) === true) return { isWhole: true, offset: range.total };
    const ended = deferred<void>();
    const upload = await this.#claim(site, digest, range, { stop: source.stop, ended: ended.promise });
    if (typeof upload === "string") return { refused: upload };
    source.accept();
    const appended = await upload.file.append(source.chunks);
    upload.active = undefined;
    ended.resolve();
    if (appended === "not-stored") return this.#startOver(upload, "transfer/not-stored");
    if (appended === "too-long") return this.#startOver(upload, "transfer/too-large");
    if (!upload.file.isFull) return { isWhole: false, offset: upload.file.offset };
    if (upload.file.digest() !== digest) return this.#startOver(upload, "transfer/digest-mismatch");
    this.#deliver(upload);
    return { isWhole: true, offset: range.total };
  }

  /** The upload that these bytes go on with, now claimed by `active`, once nobody else writes to it. */
  async #claim(
    site: SiteName,
    digest: Digest,
    { start, total }: UploadRange,
    active: ActiveSource,
  ): Promise<Upload | RefusalCode> {
    const upload = this.#uploads.get(keyOf(site, digest));
    if (upload === undefined) return "transfer/not-expected";
    if (total !== upload.bytes) return total > upload.bytes ? "transfer/too-large" : "transfer/malformed";
    if (upload.active !== undefined) {
      // The site came back before we saw its old connection break.
      upload.active.stop();
      await upload.active.ended;
    }
    const isGivenUp = this.#uploads.get(keyOf(site, digest)) !== upload;
    if (isGivenUp) return "transfer/not-expected";
    if (upload.active !== undefined || start !== upload.file.offset) return "transfer/offset-wrong";
    upload.active = active;
    return upload;
  }

  #deliver(upload: Upload): void {
    const { site, digest, path, file } = upload;
    this.#uploads.delete(keyOf(site, digest));
    this.#delivered.set(site, [...(this.#delivered.get(site) ?? []), digest].slice(-DELIVERED_MAX));
    path.resolve(file.path);
  }

  /** Throws away what came; the file is still expected. */
  async #startOver(upload: Upload, code: RefusalCode): Promise<Received> {
    const { file } = upload;
    upload.file = this.#newFile(upload.site, upload.bytes);
    await file.remove();
    return { refused: code };
  }

  #newFile(site: SiteName, bytes: number): GrowingFile {
    this.#count += 1;
    return new GrowingFile(join(this.#folder, `${site}.${this.#count}`), bytes);
  }
}

function keyOf(site: SiteName, digest: Digest): string {
  return `${site}/${digest}`;
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: Error) => void;
}

function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (reason: Error) => void = () => undefined;
  const promise = new Promise<T>((fulfil, fail) => {
    resolve = fulfil;
    reject = fail;
  });
  // Giving up a file that nobody waits for any more is no unhandled rejection; whoever awaits it still sees it.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
