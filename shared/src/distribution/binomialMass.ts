/** Stirling's series is exact to a double from here on. */
const STIRLING_FROM = 16;

/** A success's probability, with its complement apart: 1 − p loses its digits where p is near 1. */
interface Chance {
  readonly success: number;
  readonly failure: number;
}

/**
 * log of C(n, k) pᵏ qⁿ⁻ᵏ, for real 0 ≤ k ≤ n: Loader 2000, "Fast and accurate computation of binomial probabilities":
 * deviances from the mean instead of differences of large logarithms.
 */
export function logBinomialMass(k: number, n: number, { success, failure }: Chance): number {
  if (k === 0) return n === 0 ? 0 : n * logOf(failure, success);
  if (k === n) return n * logOf(success, failure);
  const errors = stirlingError(n) - stirlingError(k) - stirlingError(n - k);
  const deviances = deviance(k, n * success) + deviance(n - k, n * failure);
  return errors - deviances + 0.5 * Math.log(n / (2 * Math.PI * k * (n - k)));
}

/** log p, by its complement where p is near 1. */
function logOf(probability: number, complement: number): number {
  return complement < 0.5 ? Math.log1p(-complement) : Math.log(probability);
}

/** log Γ(x + 1) − log(√(2πx) xˣ e⁻ˣ) for x > 0: Stirling's series, reached from small x by its recurrence. */
function stirlingError(x: number): number {
  let shifted = x;
  let sum = 0;
  while (shifted < STIRLING_FROM) {
    sum += (shifted + 0.5) * Math.log1p(1 / shifted) - 1;
    shifted++;
  }
  const inverse = 1 / (shifted * shifted);
  const series = 1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse / 1188)));
  return sum + series / shifted;
}

/** x log(x / mean) + mean − x, without cancellation where x is near the mean (Loader's bd0). */
function deviance(x: number, mean: number): number {
  const v = (x - mean) / (x + mean);
  if (Math.abs(v) > 0.1) return x * Math.log(x / mean) + mean - x;
  let sum = (x - mean) * v;
  let power = 2 * x * v;
  for (let j = 1; j < 50; j++) {
    power *= v * v;
    const next = sum + power / (2 * j + 1);
    if (next === sum) break;
    sum = next;
  }
  return sum;
}
