import { digestOf } from "../encoding/digest.ts";
import { assert } from "../failure/failure.ts";
import type { Digest } from "../units/identity.ts";

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** A model's bytes: its parameters as float32, little-endian, in `parameterSlots` order. A view, not a copy. */
export function modelBytes(parameters: Float32Array): Uint8Array {
  assert(LITTLE_ENDIAN, "this machine stores numbers little-endian, as model files do");
  return new Uint8Array(parameters.buffer, parameters.byteOffset, parameters.byteLength);
}

/** Names a model: SHA-256 of its bytes. */
export function modelDigest(parameters: Float32Array): Digest {
  return digestOf(modelBytes(parameters));
}
