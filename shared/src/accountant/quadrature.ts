import type { Density } from "./baseLoss.ts";

/** Gauss–Legendre points and weights on [−1, 1]: the outer ones (± point) and the middle. */
const THREE_POINT = Math.sqrt(3 / 5);
const FIVE = {
  points: [-0.906179845938664, -0.5384693101056831, 0, 0.5384693101056831, 0.906179845938664],
  weights: [0.23692688505618908, 0.47862867049936647, 0.5688888888888889, 0.47862867049936647, 0.23692688505618908],
} as const;

/** What a panel holds: its mass, and the same weighted by e^(u − v) − 1. */
export interface Panel {
  mass: number;
  excess: number;
}

/**
 * Integral of a density, and of it times e^(u − v) − 1, over a panel no wider than `panelWidth` at its start; added to
 * `sum`. Where the panel is narrow three points are right to 2e-14, else five.
 */
export function addPanel(density: Density, from: number, to: number, v: number, sum: Panel): void {
  const half = (to - from) / 2;
  const middle = from + half;
  const t = middle - density.centre;
  if (2 * half > NARROW / steepness(density, from)) {
    for (let i = 0; i < 5; i++) {
      const u = middle + half * (FIVE.points[i] ?? 0);
      const mass = half * (FIVE.weights[i] ?? 0) * densityAt(density, u);
      sum.mass += mass;
      sum.excess += mass * expMinusOne(u - v);
    }
    return;
  }
  // Relative to the middle's density, the outer points' is e^x for a small x.
  const height = half * Math.exp(density.logHeight - t * (density.slope + density.curve * t));
  const d = half * THREE_POINT;
  const tilt = d * (density.slope + 2 * density.curve * t);
  const bend = density.curve * d * d;
  const right = (5 / 9) * (1 + smallExpMinusOne(-tilt - bend));
  const left = (5 / 9) * (1 + smallExpMinusOne(tilt - bend));
  sum.mass += height * (right + left + 8 / 9);
  sum.excess +=
    height *
    (right * expMinusOne(middle + d - v) + left * expMinusOne(middle - d - v) + (8 / 9) * expMinusOne(middle - v));
}

/** Visits the points and masses of a quadrature of the density times a function whose logarithm is no steeper. */
export function eachPoint(density: Density, steep: number, visit: (u: number, mass: number) => void): void {
  for (let start = density.from; start < density.to; ) {
    const width = Math.min(density.to - start, 0.4 / (steepness(density, start) + steep));
    for (let i = 0; i < 5; i++) {
      const u = start + (width / 2) * (1 + (FIVE.points[i] ?? 0));
      visit(u, (width / 2) * (FIVE.weights[i] ?? 0) * densityAt(density, u));
    }
    start = Math.min(start + width, density.to);
  }
}

export function densityAt({ centre, logHeight, slope, curve }: Density, u: number): number {
  const t = u - centre;
  return Math.exp(logHeight - t * (slope + curve * t));
}

/**
 * Widest panel from u: with steepness × width ≤ 0.4, five points err by at most
 * 4e-13·(0.4¹⁰ + 20·0.4⁹) of the whole (error term of Gauss' rule, Davis & Rabinowitz 1984, §2.7).
 */
export function panelWidth(density: Density, u: number): number {
  return 0.4 / steepness(density, u);
}

/** Steepness × width up to which three points do. */
const NARROW = 0.02;

function steepness({ centre, curve, rough }: Density, u: number): number {
  return 2 * curve * Math.abs(u - centre) + rough;
}

/** e^x − 1, quicker where x is small. */
export function expMinusOne(x: number): number {
  return x > 0.01 || x < -0.01 ? Math.expm1(x) : smallExpMinusOne(x);
}

/** The same for |x| ≤ 0.02, right to 2e-15. */
function smallExpMinusOne(x: number): number {
  return x * (1 + (x / 2) * (1 + (x / 3) * (1 + (x / 4) * (1 + (x / 5) * (1 + x / 6)))));
}
