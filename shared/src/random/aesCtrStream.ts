import { createCipheriv } from "node:crypto";
import type { RandomSource, RandomStream } from "./randomSource.ts";

/** The source itself where it makes large pieces quickly, else a keystream under a key from it. */
export function streamFrom(source: RandomSource): RandomStream {
  return isStream(source) ? source : aesCtrStream(source);
}

function isStream(source: RandomSource): source is RandomStream {
  return "fill" in source;
}

/**
 * AES-256-CTR keystream under a fresh key from another source: as good as it, and several GB/s.
 * Never repeats within 2⁶⁸ bytes. A stream keyed by a seeded source stays marked `seeded`.
 */
export function aesCtrStream(key: RandomSource): RandomStream {
  const cipher = createCipheriv("aes-256-ctr", key.bytes(32), new Uint8Array(16));
  let ahead = new Uint8Array(0);
  let at = 0;
  const fill = (target: Uint8Array): void => {
    let filled = Math.min(target.length, ahead.length - at);
    target.set(ahead.subarray(at, at + filled));
    at += filled;
    while (target.length - filled >= AHEAD_BYTES) {
      const piece = cipher.update(ZEROS.subarray(0, Math.min(ZEROS.length, target.length - filled)));
      target.set(piece, filled);
      filled += piece.length;
    }
    if (filled === target.length) return;
    ahead = new Uint8Array(cipher.update(ZEROS.subarray(0, AHEAD_BYTES)));
    at = target.length - filled;
    target.set(ahead.subarray(0, at), filled);
  };
  return {
    origin: key.origin === "seeded" ? "seeded" : "keyed-stream",
    bytes: (count) => {
      // Exact samplers ask for some bytes at a time.
      if (count <= ahead.length - at) {
        at += count;
        return ahead.slice(at - count, at);
      }
      const bytes = new Uint8Array(count);
      fill(bytes);
      return bytes;
    },
    fill,
  };
}

/** Keystream is made this far ahead, because a call into the cipher costs as much as a thousand bytes of it. */
const AHEAD_BYTES = 4096;

/** What is encrypted: the keystream is the cipher text of zeros. As much at once as is made quickest. */
const ZEROS = new Uint8Array(1 << 17);
