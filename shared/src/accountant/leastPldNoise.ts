import type { PricedEvent } from "../event/pricedEvent.ts";
import { pldUpperEpsilon } from "./pld.ts";

/**
 * Least noise multiplier, to a share `tolerance` of itself, with which the events that `eventsAt` names cost at most ε
 * at δ by PLD, for a schedule fixed beforehand; the figure returned is on the safe side. Null where none below 10⁵ is
 * enough. A secant search: log ε is nearly straight in log σ.
 */
export function leastPldNoise(
  eventsAt: (noiseMultiplier: number) => readonly PricedEvent[],
  epsilon: number,
  delta: number,
  tolerance = 1e-4,
): number | null {
  const over = (logNoise: number): number => {
    const upper = pldUpperEpsilon(eventsAt(Math.exp(logNoise)), delta);
    return Math.log(Math.min(COSTLY, Math.max(1e-9, upper)) / epsilon);
  };
  let [low, atLow, high, atHigh] = [0, over(0), 0, 0];
  const direction = atLow > 0 ? 1 : -1;
  for (high = low + direction * 0.4; ; high += direction * 0.7) {
    if (high > LOG_NOISE_MAX) return null;
    if (high < LOG_NOISE_MIN) return Math.exp(low);
    atHigh = over(high);
    if (atHigh > 0 !== atLow > 0) break;
    [low, atLow] = [high, atHigh];
  }
  // From here on `low` has too little noise, `high` enough.
  if (direction < 0) [low, atLow, high, atHigh] = [high, atHigh, low, atLow];
  while (high - low > tolerance) {
    const secant = low + (atLow / (atLow - atHigh)) * (high - low);
    // A trifle beyond the crossing, so that both ends close in.
    const next = Math.min(high - tolerance / 4, Math.max(low + tolerance / 4, secant + tolerance / 3));
    const value = over(next);
    if (value > 0) [low, atLow] = [next, value];
    else [high, atHigh] = [next, value];
  }
  return Math.exp(high);
}

/** Stands for any ε above it: the search goes by differences. */
const COSTLY = 1e9;
const LOG_NOISE_MAX = Math.log(1e5);
const LOG_NOISE_MIN = Math.log(0.06);
