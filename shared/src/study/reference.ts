import { errnoOf } from "../failure/errno.ts";
import { Failure } from "../failure/failure.ts";

/** Reads a text file that is named relative to the study file; throws where it can't be read. */
export type ReadReference = (path: string) => string;
/** The same for a file of bytes. */
export type ReadBytes = (path: string) => Uint8Array;

/** What stands in a file, or why it can't be read and what to do. */
export type Beside<Content> =
  | { readonly content: Content }
  | { readonly content: null; readonly message: string; readonly remedy: string };

const OUTSIDE = {
  why: "it leads out of the study file's folder",
  remedy: "Put the file beside the study file or below it, and name it by a relative path.",
};

/** By the system's name of the error. */
const WHY: Readonly<Record<string, { readonly why: string; readonly remedy: string }>> = {
  ENOENT: { why: "there is no such file", remedy: "Paths begin at the study file's folder: put the file there." },
  ENOTDIR: { why: "it leads through a file", remedy: "Paths begin at the study file's folder: correct it." },
  EISDIR: { why: "it is a folder", remedy: "Name the file in it." },
  EACCES: { why: "this account may not read it", remedy: "Have its permissions changed (see ls -l)." },
  EPERM: { why: "this account may not read it", remedy: "Have its permissions changed (see ls -l)." },
};

/** Thrown by a reader that followed a link out of the folder. */
export class LeadsOutside extends Error {}

/**
 * A file beside or below the study file: a study from elsewhere can't make its reader open others. What the reader
 * itself refuses by a `Failure` is thrown on.
 */
export function readBeside<Content>(path: string, read: (path: string) => Content): Beside<Content> {
  const steps = path.split(/[\\/]/);
  if (/^([\\/]|[A-Za-z]:)/.test(path) || steps.includes("..") || path.includes("\0")) return unread(path, OUTSIDE);
  try {
    return { content: read(path) };
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (error instanceof LeadsOutside) return unread(path, OUTSIDE);
    const errno = errnoOf(error);
    return unread(
      path,
      (errno === null ? undefined : WHY[errno]) ?? { why: errno ?? "it is not there", remedy: "Check the path." },
    );
  }
}

function unread(path: string, { why, remedy }: { readonly why: string; readonly remedy: string }): Beside<never> {
  return { content: null, message: `${JSON.stringify(path)} can't be read: ${why}`, remedy };
}
