import { access, open, readFile, rename, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { errnoOf } from "@consilium/shared/failure/errno";
import { Failure } from "@consilium/shared/failure/failure";
import { systemFailure } from "@consilium/shared/system/errno";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";

/** Only the owner may read: keys, token files. */
export const SECRET_FILE_MODE = 0o600;
/** Anyone may read: certificates, rosters, deny lists. */
export const PUBLIC_FILE_MODE = 0o644;

/**
 * Replaces a file as a whole: after a crash at any point the old or the new contents are there, never a mixture,
 * and never with wider permissions than `mode`, not even for a moment.
 */
export async function writeFileAtomically(path: string, contents: string | Uint8Array, mode: number): Promise<void> {
  const suffix = Buffer.from(operatingSystemRandom.bytes(8)).toString("hex");
  const temporary = `${path}.${suffix}.tmp`;
  const file = await open(temporary, "wx", mode);
  try {
    await file.writeFile(contents);
    await file.sync();
  } catch (error) {
    await file.close();
    await unlink(temporary);
    throw error;
  }
  await file.close();
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/** Whether a path exists. What this account may not look at is neither there nor absent: that is a failure. */
export async function isThere(path: string, look: (path: string) => Promise<void> = access): Promise<boolean> {
  try {
    await look(path);
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR") return false;
    throw systemFailure(error) ?? error;
  }
}

/** Text of a key file. Refuses one that others on this machine may read. */
export async function readSecretFile(path: string): Promise<string> {
  const { mode } = await stat(path).catch((cause: unknown) => {
    if (errnoOf(cause) === "EACCES") throw systemFailure(cause);
    throw new Failure({
      code: "certificate/key-file-unreadable",
      kind: "config",
      what: `The file ${path} can't be read.`,
      remedy: "Check the path, and that this account may read it.",
      cause,
    });
  });
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    throw new Failure({
      code: "certificate/key-file-exposed",
      kind: "config",
      what: `The file ${path} is secret, and can be read by other accounts of this machine.`,
      remedy: `Run: chmod 600 ${path}; if others may have read it, replace what it holds.`,
    });
  }
  return readFile(path, "utf8");
}

/** Makes the rename itself durable. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
