import { createHash, randomUUID } from "node:crypto";
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { errnoOf } from "@consilium/shared/failure/errno";
import { Failure } from "@consilium/shared/failure/failure";
import { Digest } from "@consilium/shared/units/identity";
import { unwritable } from "./localFile.ts";

/** Name of what says how a sanitized file was made. */
export function manifestOf(file: string): string {
  return `${file}.sanitized.json`;
}

/** Refuses a file that is there, or whose manifest is: one charge is for one file, and no file is replaced. */
export function requireNew(file: string): void {
  const found = [file, manifestOf(file)].find((path) => existsSync(path));
  if (found !== undefined) throw there(found);
}

function there(file: string): Failure {
  return new Failure({
    code: "file/exists",
    kind: "usage",
    what: `${file} exists already; a sanitized file replaces none.`,
    remedy: "Name a new file with --out.",
  });
}

/** Before anything is paid for: whether a file can be made there at all. */
export function requireWritable(file: string): void {
  const probe = `${file}.${randomUUID()}.tmp`;
  try {
    closeSync(openSync(probe, "wx", 0o600));
    rmSync(probe);
  } catch (cause) {
    throw unwritable(file, cause);
  }
}

/**
 * Gives a file its name that was whole, and paid for, when a crash came in between: its digest is one that closed a
 * charge. Whatever else was left under that name nobody can use, and is taken away. True where there is a file now.
 */
export async function placeLeft(file: string, paid: ReadonlySet<string>): Promise<boolean> {
  const left = partial(file);
  if (!existsSync(left)) return false;
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(left)) hash.update(chunk);
  } catch (cause) {
    throw unwritable(left, cause);
  }
  if (!paid.has(hash.digest("hex"))) return false;
  if (existsSync(partial(manifestOf(file)))) place(manifestOf(file));
  place(file);
  return true;
}

/** Of a file that was not paid for to its end. */
export function takeAway(file: string): void {
  rmSync(partial(file), { force: true });
}

function partial(file: string): string {
  return `${file}.partial`;
}

/** A file under a name of its own, on the disk with its last byte; `place` gives it the name that was asked for. */
export interface WholeFile {
  readonly digest: Digest;
  place(): void;
}

/** Writes all pieces and makes them durable, or leaves nothing. */
export function writeWhole(file: string, pieces: Iterable<Uint8Array>): WholeFile {
  const temporary = partial(file);
  const hash = createHash("sha256");
  const discard = (): void => rmSync(temporary, { force: true });
  try {
    // What a process that was killed left there has no name that anybody reads.
    discard();
    const descriptor = openSync(temporary, "wx", 0o600);
    try {
      for (const bytes of pieces) {
        hash.update(bytes);
        for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
      }
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    discard();
    throw cause instanceof Failure ? cause : unwritable(file, cause);
  }
  const own = markOf(temporary);
  return {
    digest: Digest.parse(hash.digest("hex")),
    place: () => {
      if (markOf(temporary) !== own) throw taken(file);
      place(file);
    },
  };
}

/** Tells a file from another one of its name. */
function markOf(path: string): string | null {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? null : [found.dev, found.ino, found.size, found.mtimeNs].join(" ");
}

function taken(file: string): Failure {
  return new Failure({
    code: "file/taken",
    kind: "usage",
    what: `Another run has the same --out, and has put its own file in the place of ${partial(file)}.`,
    remedy: "Give each run a file of its own.",
  });
}

/** Links can't replace a file that somebody put there meanwhile, as renaming would. */
function place(file: string): void {
  const left = partial(file);
  try {
    linkSync(left, file);
  } catch (cause) {
    const errno = errnoOf(cause);
    if (errno === "EEXIST") {
      // A crash came between the two names.
      if (markOf(file) !== markOf(left)) throw there(file);
    } else if (errno !== null && NO_LINKS.has(errno)) {
      reserve(file);
      renameSync(left, file);
    } else throw cause;
  }
  rmSync(left, { force: true });
  const folder = openSync(dirname(file), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** What file systems without hard links say. */
const NO_LINKS: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);

/** An empty file of one's own under the name, which renaming may then replace. */
function reserve(file: string): void {
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch (cause) {
    throw errnoOf(cause) === "EEXIST" ? there(file) : cause;
  }
}
