import { randomBytes } from "node:crypto";
import type { RandomSource } from "../random/randomSource.ts";

/** The operating system's cryptographic generator. */
export const operatingSystemRandom: RandomSource = {
  origin: "operating-system",
  bytes: (count) => new Uint8Array(randomBytes(count)),
};
