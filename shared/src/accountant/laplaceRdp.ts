import { type BaseLoss, lossAt } from "./baseLoss.ts";
import { scaledTerm } from "./poissonGaussian.ts";
import { eachPoint } from "./quadrature.ts";

/**
 * Rényi divergence of Laplace noise at a sensitivity of s scales, both directions alike (Mironov 2017,
 * arXiv:1702.07476, Proposition 6): (α−1)·D_α = log(α/(2α−1)·e^((α−1)s) + (α−1)/(2α−1)·e^(−αs)). At order ∞ it is s.
 */
export function rdpLaplace(s: number, orders: Float64Array): Float64Array {
  return orders.map((order) => {
    if (order === Number.POSITIVE_INFINITY) return s;
    const y = (order - 1) * s;
    const [up, down] = [order / (2 * order - 1), (order - 1) / (2 * order - 1)];
    const logMoment = y > 300 ? Math.log(up) + y : Math.log1p(up * Math.expm1(y) + down * Math.expm1(-order * s));
    return Math.min(s, logMoment / (order - 1));
  });
}

/** Above it the pure ε is as good, and the integral longer. */
const SAMPLED_ORDER_MAX = 1100;

/**
 * Rényi divergence of a Poisson-sampled release with a bounded base loss, the larger direction: with r = 1 − q + q·e^u
 * under the base, A_α = E[r^α] to remove a patient and E[r^(1−α)] to add one (Zhu, Dong & Wang 2022,
 * arXiv:2106.08567, Theorem 11). As E[r] = 1, A_α − 1 is a sum of non-negative terms. At order ∞, and for orders above
 * 1,100, the largest loss.
 */
export function rdpOfBase(base: BaseLoss, orders: Float64Array): Float64Array {
  const top = Math.max(base.atoms.at(-1)?.u ?? 0, base.density?.to ?? 0);
  const pure = lossAt(base.samplingRate, top);
  return orders.map((order) => {
    if (order > SAMPLED_ORDER_MAX) return pure;
    const logMoment = Math.max(
      logMomentOf(base, order, order * pure),
      logMomentOf(base, 1 - order, (order - 1) * pure),
    );
    return Math.min(pure, logMoment / (order - 1));
  });
}

/** log E[r^power], all terms scaled by e^−scale. */
function logMomentOf({ samplingRate, atoms, density }: BaseLoss, power: number, scale: number): number {
  let sum = 0;
  const add = (u: number, mass: number): void => {
    sum += mass * scaledTerm(power, samplingRate * Math.expm1(u), lossAt(samplingRate, u), -scale);
  };
  for (const { u, mass } of atoms) add(u, mass);
  if (density !== null) eachPoint(density, Math.abs(power), add);
  const logExcess = scale + Math.log(sum);
  return logExcess > 37 ? logExcess : Math.log1p(Math.exp(logExcess));
}
