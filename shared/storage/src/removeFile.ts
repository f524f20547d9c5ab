import { unlink } from "node:fs/promises";

/** Removes a file, if it is there. One call to the system, where `rm` asks twice what it is before it removes it. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
}
