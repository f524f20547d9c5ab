import { assert } from "../failure/failure.ts";
import type { AdaptiveClipping } from "./clipping.ts";

/**
 * Weight ρ of the count beside the gradient, in units of the signed norm C: the contribution is the vector
 * (Σ gradients, ρC · Σ (b − ½)), b = 1 where a patient's gradient is below the round's norm. One patient's part is at
 * most C√(1 + ρ²/4) long, so that one Gaussian of multiplier z covers both, and the gradient's own multiplier is
 * z_Δ = z√(1 + ρ²/4): Andrew et al.'s z_Δ = (z⁻² − (2σ_b)⁻²)^(−½) with σ_b = z_Δ/ρ (arXiv:1905.03871, theorem 1).
 * `countPrice` is z_Δ/z − 1.
 */
export function countWeight({ countPrice }: AdaptiveClipping): number {
  return 2 * Math.sqrt((1 + countPrice) ** 2 - 1);
}

/** Largest L2 norm of one patient's part, gradient and count together, for a signed clipping norm C. */
export function jointNorm(clipping: AdaptiveClipping, clippingNorm: number): number {
  return clippingNorm * (1 + clipping.countPrice);
}

/** How far the norm may go from the signed one, either way: past it the quantile asks for what no model needs. */
const DRIFT_MAX = 1024;

/**
 * The norm of the next round: C · exp(−rate · (b̃ − quantile)), b̃ the noised share of patients below C (algorithm 1).
 * `meanCount` is the noised Σ(b − ½) over the expected batch. Every party gets the same bits: + − × ÷ alone.
 */
export function nextClippingNorm(
  { quantile, rate }: AdaptiveClipping,
  norm: number,
  meanCount: number,
  signedNorm: number,
): number {
  const share = Math.min(1, Math.max(0, meanCount + 0.5));
  const next = norm * portableExp(-rate * (share - quantile));
  return Math.min(signedNorm * DRIFT_MAX, Math.max(signedNorm / DRIFT_MAX, next));
}

/** Whether an adaptive round can come to this norm; a site clips to no other. */
export function isReachable(norm: number, signedNorm: number): boolean {
  return norm >= signedNorm / DRIFT_MAX && norm <= signedNorm * DRIFT_MAX;
}

/** e^x for |x| ≤ 1 by its series; `Math.exp` may differ in the last bit from one JavaScript engine to another. */
function portableExp(x: number): number {
  assert(Math.abs(x) <= 1, "a round changes the norm by at most e");
  let sum = 1;
  let term = 1;
  for (let n = 1; n <= 20; n++) {
    term = (term * x) / n;
    sum += term;
  }
  return sum;
}
