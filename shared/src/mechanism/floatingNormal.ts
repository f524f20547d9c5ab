/** Deviates in floating point, for what no proof rests on: noise with a proof is drawn on integers. */
import type { RandomSource } from "../random/randomSource.ts";
import { uniformBits } from "./exactBernoulli.ts";

/** A normal deviate (Box & Muller 1958). */
export function floatingNormal(random: RandomSource): number {
  return Math.sqrt(-2 * Math.log(floatingUnit(random))) * Math.cos(2 * Math.PI * floatingUnit(random));
}

/** A multiple of 2⁻⁵³ in (0, 1]. */
export function floatingUnit(random: RandomSource): number {
  return (uniformBits(26, random) * 2 ** 27 + uniformBits(27, random) + 1) * 2 ** -53;
}
