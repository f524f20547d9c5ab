import { open } from "node:fs/promises";

/** Large enough that a read is rare, small enough that a chunk is still in the processor's cache when it is used. */
const CHUNK_BYTES = 256 * 1024;

/**
 * A file from `start` on, chunk by chunk, in the same two pieces of memory again and again: a chunk is void as soon as
 * the one after the next is asked for. A stream that takes them with back-pressure (`pipeline`) asks for the next only
 * when it has let go of the last, because each is beyond its high-water mark. Fresh memory for every chunk costs more
 * than reading it.
 */
export async function* fileChunks(path: string, start = 0): AsyncGenerator<Uint8Array> {
  const file = await open(path, "r");
  try {
    let [now, other] = [Buffer.allocUnsafeSlow(CHUNK_BYTES), Buffer.allocUnsafeSlow(CHUNK_BYTES)];
    for (let position = start; ; [now, other] = [other, now]) {
      const { bytesRead } = await file.read(now, 0, CHUNK_BYTES, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      yield now.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
