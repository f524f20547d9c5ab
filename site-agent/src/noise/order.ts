import { NoisedGrid } from "@consilium/shared/contribution/grid";
import { SamplerDistance } from "@consilium/shared/event/event";
import { z } from "zod";

/** Engine → noise worker: fill this shared memory with one contribution's noise. */
export const NoiseOrder = z.strictObject({
  id: z.number().int().nonnegative(),
  memory: z.instanceof(SharedArrayBuffer),
  grid: NoisedGrid,
});
export type NoiseOrder = z.infer<typeof NoiseOrder>;

/** Noise worker → engine: the memory is filled. */
export const NoiseMade = z.strictObject({
  id: z.number().int().nonnegative(),
  stdDev: z.number().positive(),
  drawDistance: SamplerDistance,
});
export type NoiseMade = z.infer<typeof NoiseMade>;
