import { z } from "zod";
import { publicUniform } from "../model/initial.ts";
import type { DataContract } from "../study/contract.ts";
import { featureLayout } from "../study/features.ts";

/** Where a column's values stand among a record's features, without an indicator of what is missing. */
export const PopulationSlot = z.strictObject({
  offset: z.number().int().nonnegative(),
  values: z.number().int().positive(),
  isCategory: z.boolean(),
});
export type PopulationSlot = z.infer<typeof PopulationSlot>;

/** Made-up records of a public contract; `places` in [0, 1) say which class each takes of a model's. */
export interface Population {
  readonly features: Float32Array;
  readonly places: Float64Array;
}

export function populationSlots(contract: DataContract): PopulationSlot[] {
  return featureLayout(contract).slots.map(({ column, offset, width, indicator }) => {
    return { offset, values: indicator === -1 ? width : indicator, isCategory: column.type === "category" };
  });
}

/**
 * Records that stand for the population in relative-membership: each number uniform over its public range, each
 * category as likely as another, nothing missing; the same at every site. They hang on the signed study alone, so a
 * comparison with them costs nobody anything. They are less alike than people are, which coarsens the score's scale and
 * changes no order.
 */
export function madeUpPopulation(
  slots: readonly PopulationSlot[],
  featureCount: number,
  count: number,
  seed: number,
): Population {
  const next = publicUniform(seed, "audit-population");
  const features = new Float32Array(count * featureCount);
  const places = new Float64Array(count);
  for (let record = 0; record < count; record++) {
    const start = record * featureCount;
    for (const { offset, values, isCategory } of slots) {
      if (isCategory) features[start + offset + Math.floor(next() * values)] = 1;
      else for (let place = 0; place < values; place++) features[start + offset + place] = 2 * next() - 1;
    }
    places[record] = next();
  }
  return { features, places };
}

/** The class in which a place in [0, 1) falls, the classes' probabilities laid end to end; the last where none. */
export function classAt(probabilities: ArrayLike<number>, place: number): number {
  let sum = 0;
  for (let index = 0; index < probabilities.length - 1; index++) {
    sum += probabilities[index] ?? 0;
    if (place < sum) return index;
  }
  return probabilities.length - 1;
}
