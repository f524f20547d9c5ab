import { Failure } from "../failure/failure.ts";

/** Reads a text file that is named relative to the study file; throws where it can't be read. */
export type ReadReference = (path: string) => string;
/** The same for a file of bytes. */
export type ReadBytes = (path: string) => Uint8Array;

/**
 * A file beside or below the study file, or null: a study from elsewhere can't make its reader open others. What the
 * reader itself refuses by a `Failure` is thrown on.
 */
export function readBeside<Content>(path: string, read: (path: string) => Content): Content | null {
  const steps = path.split(/[\\/]/);
  if (/^([\\/]|[A-Za-z]:)/.test(path) || steps.includes("..") || path.includes("\0")) return null;
  try {
    return read(path);
  } catch (error) {
    if (error instanceof Failure) throw error;
    return null;
  }
}
