import { ownData } from "@consilium/engine/tensorData";
import type { ParameterUse } from "@consilium/engine/use";
import { type FormedGradients, hasFormedNorm } from "./formedGradients.ts";
import { type BlockNorms, dot, forPatients, noNorms, type RowStart, squaredNorm } from "./norms.ts";
import { denseNorms, formedNorms, ghostNorms } from "./productNorm.ts";

/** Norms of one block for every patient of a physical batch; rows that no patient owns count for nobody. */
export function blockNorms(use: ParameterUse, rowStart: RowStart, formed: FormedGradients): BlockNorms {
  switch (use.kind) {
    case "direct":
      return directNorms(ownData(use.gradient_RS), use.gradient_RS.shape, rowStart);
    case "lookup":
      return lookupNorms(ownData(use.index_RT), ownData(use.delta_RTO), use.delta_RTO.shape, rowStart);
    case "product":
      if (use.input_RTI.shape[1] === 1) return denseNorms(use, rowStart);
      return hasFormedNorm(use) ? formedNorms(use, rowStart, formed) : ghostNorms(use, rowStart);
  }
}

/** Float64 throughout: exact but for rounding that `clipScale` raises the norm by. */
function directNorms(
  gradient: Float32Array,
  [records, size]: readonly [number, number],
  rowStart: RowStart,
): BlockNorms {
  const norms = noNorms(rowStart.length - 1, records);
  const sum = new Float64Array(size);
  forPatients(rowStart, (patient, first, end) => {
    sum.fill(0);
    for (let row = first; row < end; row++) {
      const own = dot(gradient, row * size, row * size, size);
      norms.triangleSquared_R[row] = own;
      norms.largest_R[row] = Math.sqrt(own);
      for (let i = 0; i < size; i++) sum[i] = (sum[i] ?? 0) + (gradient[row * size + i] ?? 0);
    }
    norms.squared_P[patient] = squaredNorm(sum);
  });
  return norms;
}

/** A table's row gets the sum of the deltas of every position that names it: equal indices add up before the norm. */
function lookupNorms(
  index: Float32Array,
  delta: Float32Array,
  [records, positions, width]: readonly [number, number, number],
  rowStart: RowStart,
): BlockNorms {
  const norms = noNorms(rowStart.length - 1, records);
  const sum = new Float64Array(width);
  forPatients(rowStart, (patient, first, end) => {
    const places = Array.from({ length: (end - first) * positions }, (_, i) => first * positions + i);
    for (const place of places) {
      const own = dot(delta, place * width, place * width, width);
      const row = Math.floor(place / positions);
      norms.triangleSquared_R[row] = (norms.triangleSquared_R[row] ?? 0) + own;
      norms.largest_R[row] = Math.max(norms.largest_R[row] ?? 0, Math.sqrt(own));
    }
    places.sort((a, b) => (index[a] ?? 0) - (index[b] ?? 0));
    let squared = 0;
    for (const [order, place] of places.entries()) {
      for (let i = 0; i < width; i++) sum[i] = (sum[i] ?? 0) + (delta[place * width + i] ?? 0);
      const next = places[order + 1];
      if (next !== undefined && index[next] === index[place]) continue;
      squared += squaredNorm(sum);
      sum.fill(0);
    }
    norms.squared_P[patient] = squared;
  });
  return norms;
}
