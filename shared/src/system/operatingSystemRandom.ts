import { randomBytes, randomFillSync } from "node:crypto";
import type { RandomStream } from "../random/randomSource.ts";

/**
 * OpenSSL's generator, keyed and rekeyed by the operating system: AES-256 in counter mode (CTR_DRBG, NIST SP 800-90A),
 * under a new key after each 64 KiB at most. In large pieces twice as quick as a cipher called from here, which must
 * make memory for each piece.
 */
export const operatingSystemRandom: RandomStream = {
  origin: "operating-system",
  bytes: (count) => new Uint8Array(randomBytes(count)),
  fill: (target) => {
    randomFillSync(target);
  },
};
