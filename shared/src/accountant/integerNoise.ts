import type { PricedEvent } from "../event/pricedEvent.ts";
import { NoiseMultiplier } from "../units/privacy.ts";

/**
 * Noise on the integers, in any number of coordinates, as post-processing of a continuous Gaussian. Draw x from
 * N(0, w²) and round it at random: y from the discrete Gaussian of standard deviation r centred at x. By Poisson's
 * summation the rounding's normaliser is r√(2π)·(1 ± ε), ε = 2Σ_{j≥1} exp(−2π²r²j²), for every x, and x integrates
 * out to exp(−y²/2s²), s² = w² + r²: y is the discrete Gaussian of standard deviation s, up to (1 + ε)/(1 − ε) twice
 * (Peikert 2010, Theorem 3.1). Rounding commutes with adding integers: sum + noise on the integers is, within that
 * ratio, sum + N(0, w²I) rounded afterwards, and costs no more than the continuous mechanism of σ·√(1 − r²/s²).
 */
export function continuousKin(events: readonly PricedEvent[]): ContinuousKin {
  let [maxLogRatio, totalVariation] = [0, 0];
  const kin = events.map((event): PricedEvent => {
    if (event.kind !== "poisson-gaussian" || event.samplerDistance === undefined) return event;
    const { samplerDistance, gridStdDev, ...ideal } = event;
    if (gridStdDev === undefined || gridStdDev < 2 * ROUNDING_STD_DEV) return event;
    maxLogRatio += event.count * (samplerDistance.maxLogRatio + JOINT_LOG_RATIO);
    totalVariation += event.count * samplerDistance.totalVariation;
    const kept = Math.sqrt(1 - (ROUNDING_STD_DEV / gridStdDev) ** 2);
    return { ...ideal, noiseMultiplier: NoiseMultiplier.parse(event.noiseMultiplier * kept) };
  });
  return { events: kin, maxLogRatio, totalVariation };
}

/** Events without noise on the integers, and how far they are, all together, from what was done. */
export interface ContinuousKin {
  readonly events: readonly PricedEvent[];
  readonly maxLogRatio: number;
  readonly totalVariation: number;
}

/** r: ε is below 10⁻⁷⁶ then, and a σ of 2¹⁵ steps loses four parts in a billion. */
const ROUNDING_STD_DEV = 3;

/** Of one coordinate, twice log((1 + ε)/(1 − ε)) ≤ 4.2·ε, and ε ≤ 2.1·exp(−2π²r²) where r ≥ 1/2. */
export function roundingLogRatio(r: number): number {
  return 4.2 * 2.1 * Math.exp(-2 * Math.PI ** 2 * r ** 2);
}

/** Of a whole vector: no array has more coordinates than 2⁵³. */
const JOINT_LOG_RATIO = 2 ** 53 * roundingLogRatio(ROUNDING_STD_DEV);
