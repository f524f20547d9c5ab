import { createHash } from "node:crypto";
import { assert } from "../failure/failure.ts";
import { aesCtrStream } from "../random/aesCtrStream.ts";
import type { UnitRecords } from "./patientRecords.ts";

/**
 * Rows times a public random matrix of ±1/√D, [rows, D] (Achlioptas 2003, Theorem 1.1): lengths stay as they are on the
 * average. The signs are AES-256-CTR's keystream under SHA-256 of the seed, the same for everyone: they hide nothing.
 * A row may become longer than it was, so it is clipped after this, not before.
 */
export function project({ columns, values_RC }: UnitRecords, dimensions: number, seed: number): Float64Array {
  assert(Number.isSafeInteger(dimensions) && dimensions >= 1, "a projection has dimensions");
  const rows = values_RC.length / columns;
  const signs = signsOf(columns * dimensions, `consilium/v1 projection ${seed} ${columns} ${dimensions}`);
  const projected_RD = new Float64Array(rows * dimensions);
  const scale = 1 / Math.sqrt(dimensions);
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < columns; c++) {
      const value = (values_RC[row * columns + c] ?? Number.NaN) * scale;
      for (let d = 0; d < dimensions; d++) {
        const at = row * dimensions + d;
        projected_RD[at] = (projected_RD[at] ?? 0) + value * (signs[c * dimensions + d] ?? 0);
      }
    }
  }
  return projected_RD;
}

/** A data set's records have one matrix: the last is kept. */
let kept: { readonly name: string; readonly signs: Int8Array } | undefined;

function signsOf(count: number, name: string): Int8Array {
  if (kept?.name !== name) kept = { name, signs: publicSigns(count, name) };
  return kept.signs;
}

function publicSigns(count: number, name: string): Int8Array {
  const key = createHash("sha256").update(name).digest();
  const bits = aesCtrStream({ origin: "seeded", bytes: () => key }).bytes(Math.ceil(count / 8));
  return Int8Array.from({ length: count }, (_, i) => (((bits[i >> 3] ?? 0) >> (i & 7)) & 1) * 2 - 1);
}
