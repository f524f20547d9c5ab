import type { PricedEvent } from "../event/pricedEvent.ts";
import { Failure } from "../failure/failure.ts";

/**
 * The law, without the patient, of u = log(P/Q) of one release before sampling, P the output's distribution with the
 * patient, Q without. All that a privacy loss distribution needs: with sampling at rate q the likelihood ratio is
 * r = 1 − q + q·e^u (Zhu, Dong & Wang 2022, arXiv:2106.08567, Theorem 11), and every noise here is symmetric, so that
 * adding a patient is removing one with the roles changed.
 */
export interface BaseLoss {
  readonly samplingRate: number;
  /** Point masses, ascending in u. */
  readonly atoms: readonly Atom[];
  readonly density: Density | null;
  /** Bound on the mass, with or without the patient, that atoms and density leave out at either end. */
  readonly cut: number;
  /** Where every loss, or the largest alone, is a multiple of one number: that number. */
  readonly lattice: number | null;
}

export interface Atom {
  readonly u: number;
  readonly mass: number;
}

/** exp(logHeight − t·(slope + curve·t)), t = u − centre, from `from` to `to`. */
export interface Density {
  readonly from: number;
  readonly to: number;
  readonly centre: number;
  readonly logHeight: number;
  readonly slope: number;
  readonly curve: number;
  /** With 2·curve·|t|, bounds the m-th derivative's m-th root over the density, times e^u or not, for m ≤ 10. */
  readonly rough: number;
}

/** Base of one release; `cut` is the mass that may be left out at each end. */
export function baseLossOf(event: PricedEvent, cut: number): BaseLoss {
  switch (event.kind) {
    case "poisson-gaussian":
      if (event.samplerDistance !== undefined) throw noLossDistribution("noise on the integers in many dimensions");
      return gaussianBase(event.samplingRate, 1 / event.noiseMultiplier, cut);
    case "poisson-laplace":
      return laplaceBase(event.samplingRate, event.sensitivity / event.scale);
    case "discrete-laplace":
      return discreteLaplaceBase(1, event.sensitivity, event.scale);
    case "poisson-discrete-laplace":
      return discreteLaplaceBase(event.samplingRate, event.sensitivity, event.scale);
    case "poisson-discrete-gaussian":
      return discreteGaussianBase(event.samplingRate, event.sensitivity, event.noiseMultiplier, cut);
    case "exponential-mechanism":
      throw noLossDistribution("a choice by the exponential mechanism");
    case "post-processing":
      throw noLossDistribution("what costs nothing: it is left out");
    case "zcdp":
      throw noLossDistribution("a zCDP guarantee");
    case "gaussian-without-replacement":
      throw noLossDistribution("sampling without replacement");
    case "metric":
      throw noLossDistribution("metric privacy");
    case "record-laplace":
      throw noLossDistribution("Laplace noise on a record's many numbers");
    case "pixel-laplace":
      throw noLossDistribution("noise on single pixels");
    case "record-gaussian":
      return gaussianBase(1, 1 / event.noiseMultiplier, cut);
    case "randomised-response":
      return randomisedResponseBase(event.values, event.odds);
  }
}

function noLossDistribution(of: string): Failure {
  return new Failure({
    code: "accountant/unsupported",
    kind: "config",
    what: `No privacy loss distribution is proven here for ${of}.`,
    remedy: "Use the RDP accountant's figure.",
  });
}

/** u ~ N(−μ²/2, μ²): Gaussian noise of standard deviation 1/μ sensitivities. */
export function gaussianBase(samplingRate: number, mu: number, cut: number): BaseLoss {
  if (mu > MU_MAX || mu < MU_MIN) throw noLossDistribution(`a noise multiplier of ${1 / mu}`);
  const reach = Math.sqrt(-2 * Math.log(2 * cut));
  const half = mu ** 2 / 2;
  if (!(half + reach * mu <= BASE_LOSS_MAX))
    throw noLossDistribution(`a noise multiplier of ${1 / mu} at so small a δ`);
  return {
    samplingRate,
    atoms: [],
    // Φ(−t) ≤ exp(−t²/2) / 2.
    cut,
    density: {
      from: -half - reach * mu,
      to: half + reach * mu,
      centre: -half,
      logHeight: -Math.log(mu * Math.sqrt(2 * Math.PI)),
      slope: 0,
      curve: 1 / (2 * mu ** 2),
      // |Heₘ(t)| ≤ (|t| + 2)^m for m ≤ 10.
      rough: 2.5 / mu + 1.5,
    },
    lattice: null,
  };
}

/** Above it the density without the patient passes below 10⁻³⁰⁸ where the one with her is largest; ε is 200 there. */
const MU_MAX = 20;
const MU_MIN = 1e-5;

/** Largest |u| whose masses with and without the patient, e^u apart, are both normal float64 numbers. */
export const BASE_LOSS_MAX = 600;

/** Loss ± s outside of the two answers; between them u has density exp(−(u + s)/2)/4. */
function laplaceBase(samplingRate: number, s: number): BaseLoss {
  if (!(s <= BASE_LOSS_MAX && s >= 1e-9)) throw noLossDistribution(`a sensitivity of ${s} scales`);
  return {
    samplingRate,
    atoms: [
      { u: -s, mass: 0.5 },
      { u: s, mass: Math.exp(-s) / 2 },
    ],
    cut: 0,
    density: { from: -s, to: s, centre: -s, logHeight: -Math.log(4), slope: 0.5, curve: 0, rough: 1.5 },
    lattice: lossAt(samplingRate, s),
  };
}

/** With a = e^(−1/b): P(X ≤ 0) = 1/(1+a), P(X = k) = (1−a)/(1+a)·a^k, P(X ≥ Δ) = a^Δ/(1+a). */
function discreteLaplaceBase(samplingRate: number, sensitivity: number, scale: number): BaseLoss {
  if (!Number.isInteger(sensitivity) || sensitivity > ATOMS_MAX || !(sensitivity / scale <= BASE_LOSS_MAX)) {
    throw noLossDistribution(`discrete Laplace noise of scale ${scale} on a sensitivity of ${sensitivity}`);
  }
  const all = 1 + Math.exp(-1 / scale);
  const atoms: Atom[] = [{ u: -sensitivity / scale, mass: 1 / all }];
  for (let k = 1; k < sensitivity; k++) {
    atoms.push({ u: (2 * k - sensitivity) / scale, mass: (-Math.expm1(-1 / scale) / all) * Math.exp(-k / scale) });
  }
  atoms.push({ u: sensitivity / scale, mass: Math.exp(-sensitivity / scale) / all });
  const lattice = samplingRate === 1 ? 1 / scale : lossAt(samplingRate, sensitivity / scale);
  return { samplingRate, atoms, density: null, cut: 0, lattice };
}

/** Loss ± log odds where the answer is one of the two true values, 0 where it is another: symmetric, as noise is. */
function randomisedResponseBase(values: number, odds: number): BaseLoss {
  const u = Math.log(odds);
  if (!(u <= BASE_LOSS_MAX && u >= 1e-9)) throw noLossDistribution(`randomised response at odds of ${odds}`);
  const all = odds + values - 1;
  const others = values > 2 ? [{ u: 0, mass: (values - 2) / all }] : [];
  const atoms = [{ u: -u, mass: odds / all }, ...others, { u, mass: 1 / all }];
  return { samplingRate: 1, atoms, density: null, cut: 0, lattice: u };
}

/** u(k) = (2kΔ − Δ²)/(2s²) for k discrete Gaussian of standard deviation s. */
function discreteGaussianBase(samplingRate: number, sensitivity: number, noise: number, cut: number): BaseLoss {
  const stdDev = noise * sensitivity;
  // Canonne, Kamath & Steinke 2020, Proposition 25: P(X ≥ m) is at most the continuous Gaussian's P(N ≥ m − 1).
  const reach = Math.ceil(stdDev * Math.sqrt(-2 * Math.log(2 * cut))) + 1;
  if (2 * reach + sensitivity > ATOMS_MAX || noise < 1 / MU_MAX || noise > 1 / MU_MIN) {
    throw noLossDistribution(`discrete Gaussian noise of standard deviation ${stdDev}`);
  }
  const weight = (k: number): number => Math.exp(-(k * k) / (2 * stdDev ** 2));
  let total = 1;
  for (let k = 1; k <= Math.ceil(stdDev * 9) + 1; k++) total += 2 * weight(k);
  const atoms: Atom[] = [];
  for (let k = -reach; k <= sensitivity + reach; k++) {
    const mass = weight(k) / total;
    if (mass > 0) atoms.push({ u: (sensitivity * (2 * k - sensitivity)) / (2 * stdDev ** 2), mass });
  }
  const lattice = samplingRate === 1 ? sensitivity / (2 * stdDev ** 2) : null;
  return { samplingRate, atoms, density: null, cut, lattice };
}

const ATOMS_MAX = 2 ** 21;

/** log(1 − q + q·e^u): the loss, removing a patient, where the base's is u. */
export function lossAt(samplingRate: number, u: number): number {
  if (samplingRate === 1) return u;
  if (u < 30) return Math.log1p(samplingRate * Math.expm1(u));
  return u + Math.log(samplingRate) + Math.log1p((1 / samplingRate - 1) * Math.exp(-u));
}
