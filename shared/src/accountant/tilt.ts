import { assert } from "../failure/failure.ts";

/**
 * Losses (first + i)·step of one release and their probabilities with the patient whose presence is in question;
 * they may sum to less than 1. `infinite` is what of it no finite loss covers.
 */
export interface LossMasses {
  readonly step: number;
  readonly first: number;
  readonly masses: Float64Array;
  readonly infinite: number;
  /** Releases. */
  readonly count: number;
}

/** log Σ p·e^{λ·loss}, right to 1e-13 where it is finite. */
export function logMoment({ step, first, masses }: LossMasses, tilt: number): number {
  let sum = 0;
  const top = masses.length - 1;
  const ratio = Math.exp(-tilt * step);
  for (let block = top; block >= 0; block -= BLOCK) {
    let weight = Math.exp((block - top) * step * tilt);
    if (weight === 0) break;
    let blockSum = 0;
    for (let i = block; i > block - BLOCK && i >= 0; i--) {
      blockSum += (masses[i] ?? 0) * weight;
      weight *= ratio;
    }
    sum += blockSum;
  }
  return tilt * (first + top) * step + Math.log(sum);
}

/** Powers are taken anew after so many multiplications: 64 roundings are 7e-15. */
export const BLOCK = 64;

/** log of the moment of all releases together. */
export function logMoments(parts: readonly LossMasses[], tilt: number): number {
  return parts.reduce((sum, part) => sum + part.count * logMoment(part, tilt), 0);
}

/** p·e^{λ·loss} over its sum: probabilities once more, drawn towards large losses; with mean and variance. */
export function tilted(part: LossMasses, tilt: number): { masses: Float64Array; mean: number; variance: number } {
  const { step, first } = part;
  const logSum = logMoment(part, tilt);
  let [mean, square] = [0, 0];
  const masses = part.masses.map((mass, i) => {
    if (mass === 0) return 0;
    const loss = (first + i) * step;
    const weighted = mass * Math.exp(tilt * loss - logSum);
    mean += weighted * loss;
    square += weighted * loss * loss;
    return weighted;
  });
  return { masses, mean, variance: Math.max(0, square - mean * mean) };
}

/**
 * The tilt λ at which Chernoff's bound on δ is least for the ε where it is `delta`, and that ε: order λ + 1 of the
 * Rényi divergence converted by Canonne, Kamath & Steinke 2020, Proposition 12. A search by golden sections over log λ.
 */
export function bestTilt(parts: readonly LossMasses[], delta: number): { tilt: number; epsilon: number } {
  const step = parts[0]?.step ?? 1;
  const epsilonAt = (logTilt: number): number => {
    const tilt = Math.exp(logTilt);
    const entropy = tilt * Math.log(tilt) - (1 + tilt) * Math.log1p(tilt);
    return (logMoments(parts, tilt) - Math.log(delta) + entropy) / tilt;
  };
  let [low, high] = [Math.log(1e-6), Math.log(Math.min(1e6, 5 / step))];
  let [left, right] = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)];
  let [atLeft, atRight] = [epsilonAt(left), epsilonAt(right)];
  while (high - low > 0.02) {
    if (atLeft <= atRight) {
      [high, right, atRight] = [right, left, atLeft];
      left = high - GOLDEN * (high - low);
      atLeft = epsilonAt(left);
    } else {
      [low, left, atLeft] = [left, right, atRight];
      right = low + GOLDEN * (high - low);
      atRight = epsilonAt(right);
    }
  }
  const middle = (low + high) / 2;
  const tilt = Math.exp(middle);
  return { tilt, epsilon: epsilonAt(middle) + momentError(parts, tilt) / tilt };
}

const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** Where the tilted loss of all releases together is centred, and how wide it is. */
export interface Centre {
  readonly tilt: number;
  readonly mean: number;
  readonly stdDev: number;
}

/**
 * Bound on the tilted probability that the loss of all releases together passes `edge`, above (side 1) or below (−1):
 * Chernoff's, at the best of some exponents; 0 where no loss lies.
 */
export function tailMass(parts: readonly LossMasses[], { tilt, mean, stdDev }: Centre, edge: number, side: 1 | -1) {
  const distance = side * (edge - mean);
  if (!(distance > 0)) return 1;
  const extreme = parts.reduce((sum, part) => sum + part.count * endOf(part, side), 0);
  if (side * (edge - extreme) > 0) return 0;
  const base = logMoments(parts, tilt) - momentError(parts, tilt);
  // The best exponent is distance/variance for a Gaussian, and stays below a bound for a tail that falls as e^−x.
  const exponents = [
    ...GAUSSIAN.map((factor) => (factor * distance) / stdDev ** 2),
    ...EXPONENTIAL.map((factor) => factor / stdDev),
  ];
  const logs = exponents.map((exponent) => {
    const shift = side * exponent;
    return logMoments(parts, tilt + shift) + momentError(parts, tilt + shift) - base - shift * edge;
  });
  return Math.min(1, Math.exp(Math.min(...logs.filter((log) => !Number.isNaN(log)))));
}

const GAUSSIAN = [0.35, 0.5, 0.7, 0.85, 1, 1.2];
const EXPONENTIAL = [0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.2, 2, 3.5, 6];

function endOf({ first, masses, step }: LossMasses, side: 1 | -1): number {
  return (side === 1 ? first + masses.length - 1 : first) * step;
}

/** How far from the mean the tail mass falls below `mass`: enough, and not much more than that. */
export function reachOf(parts: readonly LossMasses[], centre: Centre, mass: number, side: 1 | -1): number {
  assert(Number.isFinite(centre.mean) && centre.stdDev > 0, "the tilted losses have a mean and a width");
  let reach = 5 * centre.stdDev;
  while (tailMass(parts, centre, centre.mean + side * reach, side) > mass) reach *= 1.15;
  assert(Number.isFinite(reach), "losses are bounded, so their tails end");
  return reach;
}

/**
 * Bound on the relative error of one release's probabilities, tilted by λ: quadrature and powers 1e-12, sums of
 * blocks, and the rounding of λ·loss in the exponent.
 */
function releaseError({ masses, first, step }: LossMasses, tilt: number): number {
  const largest = Math.max(Math.abs(first), Math.abs(first + masses.length)) * step;
  return 1e-12 + (masses.length / BLOCK + 4 * Math.abs(tilt) * largest) * 2 ** -52;
}

/** Bound on the error of `logMoments`: relative errors of factors add. */
export function momentError(parts: readonly LossMasses[], tilt: number): number {
  return parts.reduce((sum, part) => sum + part.count * releaseError(part, tilt), 0);
}
