import { createHash, hash } from "node:crypto";
import type { Digest } from "../units/identity.ts";
import { canonicalJson } from "./canonicalJson.ts";

/** SHA-256 of bytes or of a UTF-8 text. */
export function digestOf(data: Uint8Array | string): Digest {
  return hash("sha256", data, "hex") as Digest;
}

/** SHA-256 of bytes that come one after another. */
export class RunningDigest {
  readonly #hash = createHash("sha256");

  add(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  end(): Digest {
    return this.#hash.digest("hex") as Digest;
  }
}

/** SHA-256 of a value's canonical JSON. */
export function digestOfJson(value: unknown): Digest {
  return digestOf(canonicalJson(value));
}
