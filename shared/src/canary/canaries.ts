import { assert } from "../failure/failure.ts";
import type { RandomSource } from "../random/randomSource.ts";
import type { DataContract } from "../study/contract.ts";
import { type FeatureSlot, featureLayout } from "../study/features.ts";

/**
 * Made-up records for a one-run audit (Steinke, Nasr & Jagielski 2023, arXiv:2305.08846, Algorithm 1), each a patient
 * of its own, and the fair coins that say which of them train. They hang on the public contract and on randomness
 * alone, never on a record. Records may be known to anyone; coins are the site's secret.
 */
export interface Canaries {
  /** [count, features] */
  readonly features: Float32Array;
  /** [count]: index into the contract's label values. */
  readonly labels: Int32Array;
  /** [count]: 1 where the canary trains. */
  readonly coins: Uint8Array;
}

/** Every number at one end of its public range, every category and label drawn evenly: far from real and each other. */
export function makeCanaries(contract: DataContract, count: number, random: RandomSource): Canaries {
  const { slots, featureCount } = featureLayout(contract);
  const features = new Float32Array(count * featureCount);
  const labels = new Int32Array(count);
  const draw = evenDraws(random);
  for (let canary = 0; canary < count; canary++) {
    const record = features.subarray(canary * featureCount, (canary + 1) * featureCount);
    for (const slot of slots) fillSlot(record, slot, draw);
    labels[canary] = draw(contract.label.values.length);
  }
  return { features, labels, coins: Uint8Array.from({ length: count }, () => draw(2)) };
}

/** Nothing is missing: an indicator stays 0. */
function fillSlot(record: Float32Array, { column, offset, width, indicator }: FeatureSlot, draw: Draw): void {
  const values = indicator === -1 ? width : indicator;
  if (column.type === "category") {
    record[offset + draw(values)] = 1;
    return;
  }
  for (let place = 0; place < values; place++) record[offset + place] = 2 * draw(2) - 1;
}

/** A whole number from 0 up to `below`, each as likely. */
type Draw = (below: number) => number;

const RANGE = 2 ** 32;
const DRAWS_AT_ONCE = 1024;

/** By rejection, so that no value is likelier than another. */
function evenDraws(random: RandomSource): Draw {
  let words = new Uint32Array(0);
  let next = 0;
  const word = (): number => {
    if (next === words.length) {
      words = new Uint32Array(Uint8Array.from(random.bytes(4 * DRAWS_AT_ONCE)).buffer);
      next = 0;
    }
    return words[next++] ?? 0;
  };
  return (below) => {
    assert(below >= 1 && below <= RANGE, "a draw is from a range of whole numbers");
    const limit = RANGE - (RANGE % below);
    for (;;) {
      const drawn = word();
      if (drawn < limit) return drawn % below;
    }
  };
}
