import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import path from "node:path";
import { digestOf } from "@consilium/shared/encoding/digest";
import type { PrivacyEvent } from "@consilium/shared/event/event";
import type { Charged } from "@consilium/shared/mechanism/charged";
import type { BlobReference } from "@consilium/shared/protocol/messages";

/**
 * The one way out of the engine: bytes that a mechanism made, with what was done for them.
 * Writes a file whole or not at all: temporary name, fsync, rename, fsync of the folder. Only its owner may read it.
 * Synchronous: the engine does one thing at a time, and a thread pool costs a small contribution more than its disk.
 */
export function writeDurably(
  target: string,
  { value: bytes, events }: Charged<Uint8Array>,
): BlobReference & { events: PrivacyEvent[] } {
  const temporary = `${target}.${process.pid}.tmp`;
  try {
    within(openSync(temporary, "w", 0o600), (file) => {
      for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
      fsyncSync(file);
    });
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  within(openSync(path.dirname(target), "r"), fsyncSync);
  return { digest: digestOf(bytes), bytes: bytes.length, events: [...events] };
}

function within(file: number, use: (file: number) => void): void {
  try {
    use(file);
  } finally {
    closeSync(file);
  }
}
