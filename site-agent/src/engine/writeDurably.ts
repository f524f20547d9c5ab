import { open, rename, rm } from "node:fs/promises";
import path from "node:path";
import { digestOf } from "@consilium/shared/encoding/digest";
import type { BlobReference } from "@consilium/shared/protocol/messages";

/**
 * Writes a file whole or not at all: temporary name, fsync, rename, fsync of the folder. Only its owner may read it.
 */
export async function writeDurably(target: string, bytes: Uint8Array): Promise<BlobReference> {
  const temporary = `${target}.${process.pid}.tmp`;
  await rm(temporary, { force: true });
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const folder = await open(path.dirname(target), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
  return { digest: digestOf(bytes), bytes: bytes.length };
}
