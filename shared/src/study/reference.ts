/** Reads a file that is named relative to the study file; throws where it can't be read. */
export type ReadReference = (path: string) => string;

/**
 * Text of a file beside or below the study file, or null: a study from elsewhere can't make its reader open others.
 */
export function readBeside(path: string, readReference: ReadReference): string | null {
  const steps = path.split(/[\\/]/);
  if (/^([\\/]|[A-Za-z]:)/.test(path) || steps.includes("..") || path.includes("\0")) return null;
  try {
    return readReference(path);
  } catch {
    return null;
  }
}
