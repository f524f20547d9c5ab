import { coarseStep, noiseStdDev } from "../contribution/grid.ts";
import type { DpSgdStudy } from "../study/document.ts";
import { noisedGridOf } from "../study/network.ts";
import type { Signal } from "./plan.ts";

/**
 * Signal over noise of a round's sum, from above. Abadi et al. 2016, arXiv:1607.00133, Algorithm 1: clipped gradients
 * add up to a norm of at most q·n·C on average; each coordinate bears N(0, (σΔ)²) of each of S sites' k local steps,
 * Δ = C(1 + η) + γ√d of the real grid, and the rounding to its coarse step. A Gaussian vector's norm is its standard
 * deviation times √d, nearly (Vershynin 2018, Theorem 3.1.1). Over T rounds sums grow like T at most, noise like √T.
 * The bound is reached where all gradients are as long as C and point the same way: after some training none are.
 */
export function signalOf(document: DpSgdStudy): Signal {
  const { privacy, sites, training } = document;
  const grid = noisedGridOf(document);
  const patients = sites.reduce((total, site) => total + site.patients, 0);
  const sumNormMax = training.localSteps * privacy.samplingRate * patients * privacy.clippingNorm;
  const ofStep = (noiseStdDev(grid) * grid.fineStep) ** 2;
  // A contribution is rounded once, however many steps are in it; a rounding error is even over its step.
  const ofRounding = grid.coarseShift === 0 ? 0 : coarseStep(grid) ** 2 / 12;
  const stdDev = Math.sqrt(sites.length * (training.localSteps * ofStep + ofRounding));
  const alongOneDirection = sumNormMax / stdDev;
  const wholeVector = alongOneDirection / Math.sqrt(grid.dimension);
  const rounds = Math.sqrt(training.rounds);
  return {
    sumNormMax,
    noiseStdDev: stdDev,
    alongOneDirection,
    wholeVector,
    alongOneDirectionInAll: alongOneDirection * rounds,
    wholeVectorInAll: wholeVector * rounds,
  };
}
