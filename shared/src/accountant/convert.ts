import type { PricedEvent } from "../event/pricedEvent.ts";
import { ORDERS } from "./orders.ts";
import { curveOfEvents, type RdpCurve } from "./rdp.ts";

/**
 * Least ε that a curve proves at δ; ∞ where it proves none. At order α:
 * ε = D_α + log((α − 1)/α) − (log δ + log α)/(α − 1)
 * (Canonne, Kamath & Steinke 2020, arXiv:2004.00010, Proposition 12; Balle et al. 2020, arXiv:1905.09982, Theorem 21).
 * Samplers' distances are charged: with η and τ summed over releases, 2η is added to ε, and
 * δ pays for (1 + e^ε)·τ and the bulk's factor e^η before the ideal mechanism's curve is converted.
 */
export function epsilonOf(curve: RdpCurve, delta: number): number {
  const { maxLogRatio, totalVariation } = curve;
  if (maxLogRatio === 0 && totalVariation === 0) return idealEpsilon(curve.values, delta);
  // Least fixed point of ε = 2η + ideal(δ left at ε); the right side grows with ε, so iteration climbs to it.
  let epsilon = 2 * maxLogRatio + idealEpsilon(curve.values, delta);
  for (let climb = 0; climb < CLIMBS_MAX; climb++) {
    // Asked a trifle above the candidate, so that what is returned satisfies the inequality in spite of rounding.
    const asked = epsilon * (1 + 1e-13) + 1e-15;
    const left = (delta - (1 + Math.exp(asked)) * totalVariation) * Math.exp(-maxLogRatio);
    if (!(left > 0)) return Number.POSITIVE_INFINITY;
    const next = 2 * maxLogRatio + idealEpsilon(curve.values, left);
    if (next <= asked) return asked;
    epsilon = next;
  }
  return Number.POSITIVE_INFINITY;
}

/** A charge that needs more steps than this to settle is so near to losing all of δ that ∞ is the honest answer. */
const CLIMBS_MAX = 100;

/** ε at δ of several events on the same patients. */
export function epsilonOfEvents(events: readonly PricedEvent[], delta: number): number {
  return epsilonOf(curveOfEvents(events), delta);
}

/**
 * Least δ that a curve proves at ε, at most 1. At order α: δ = e^{(α−1)(D_α−ε)} / (α − 1) · (1 − 1/α)^α.
 * The inverse of `epsilonOf`, samplers' distances included.
 */
export function deltaOf(curve: RdpCurve, epsilon: number): number {
  const { maxLogRatio, totalVariation } = curve;
  const ideal = idealDelta(curve.values, epsilon - 2 * maxLogRatio);
  const tail = totalVariation === 0 ? 0 : (1 + Math.exp(epsilon)) * totalVariation;
  return Math.min(1, ideal * Math.exp(maxLogRatio) + tail);
}

function idealEpsilon(values: Float64Array, delta: number): number {
  const logDelta = Math.log(delta);
  // Total variation is at most √(1 − e^−KL) (Bretagnolle & Huber), and KL ≤ D_α: below this ε = 0 already.
  const harmless = -Math.log1p(-delta * delta);
  let least = Number.POSITIVE_INFINITY;
  for (let index = 0; index < values.length; index++) {
    const divergence = values[index] ?? Number.NaN;
    if (divergence < harmless) return 0;
    const bound = divergence + (LOG_RATIO[index] ?? 0) - (logDelta + (LOG_ORDER[index] ?? 0)) * (WEIGHT[index] ?? 0);
    if (bound < least) least = bound;
  }
  return Math.max(0, least);
}

function idealDelta(values: Float64Array, epsilon: number): number {
  if (epsilon < 0) return 1;
  let least = 1;
  for (let index = 0; index < values.length; index++) {
    const divergence = values[index] ?? Number.NaN;
    const order = ORDERS[index] ?? Number.NaN;
    least = Math.min(least, Math.sqrt(-Math.expm1(-divergence)));
    if (order === Number.POSITIVE_INFINITY) {
      if (divergence <= epsilon) return 0;
      continue;
    }
    const logBound = (order - 1) * (divergence - epsilon + (LOG_RATIO[index] ?? 0)) - (LOG_ORDER[index] ?? 0);
    least = Math.min(least, Math.exp(logBound));
  }
  return least;
}

/** log((α − 1)/α), log α and 1/(α − 1) of each order; at ∞ they are such that the bound is D_∞ itself. */
const LOG_RATIO = ORDERS.map((order) => (order === Number.POSITIVE_INFINITY ? 0 : Math.log1p(-1 / order)));
const LOG_ORDER = ORDERS.map((order) => (order === Number.POSITIVE_INFINITY ? 0 : Math.log(order)));
const WEIGHT = ORDERS.map((order) => 1 / (order - 1));
