import { z } from "zod";
import { Failure } from "../failure/failure.ts";

const BITS_MAX = 24;

/** Clamp → round once to the fine grid → integer noise, where there is any → coarse grid → saturate → pack. */
const gridFields = {
  /** Number of coordinates d. */
  dimension: z.number().int().positive(),
  /** L2 norm that one patient's part of the vector has at most: C, or more where a count rides along. */
  patientNorm: z.number().positive(),
  /**
   * η (`clipRounding`): what sums in floating point may add to C, over C. Sensitivity, noise and event, and how the
   * engine adds, all follow from this one number: a site's sum is bounded by it however large its batch turns out.
   */
  clipRounding: z
    .number()
    .min(2 ** -10)
    .max(2 ** -6),
  /** Fine grid step γ, a power of two with γ√d ≤ 0.02 C. */
  fineStep: z.number().positive(),
  /** Coarse step = fineStep · 2^coarseShift, about σΔ/16. */
  coarseShift: z.number().int().nonnegative(),
  /** Bits of one packed value; values saturate at ±(2^(bits−1) − 1) coarse steps. */
  bits: z.number().int().min(2).max(BITS_MAX),
};

/** The public grid of one study's sums, the same for every site and round; from the signed study alone. */
export const Grid = z.strictObject(gridFields);
export type Grid = z.infer<typeof Grid>;

/** Of sums that get noise. */
export const NoisedGrid = z.strictObject({ ...gridFields, noiseMultiplier: z.number().positive() });
export type NoisedGrid = z.infer<typeof NoisedGrid>;

/** Fine steps in one C at least: below 2^18 coordinates or so, rounding then adds next to nothing to Δ. */
const FINE_STEPS_MIN = 2 ** 15;

/** Most values on which a small model's tighter η costs no time that anyone would notice. */
const SMALL_MODEL = 2 ** 20;
/** At both ends of a small model's η: 1/1024 up to 256 patients, 1/64 from 4,096 on. */
const ROUNDING_OF_PATIENT = 2 ** -18;

/**
 * Relative bound η on what floating-point arithmetic adds to a clipped sum's sensitivity; public, of d and the expected
 * batch B̄ alone. A sum over N patients whose float32 parts hold b rows each errs by at most γ_b·N·C,
 * γ_b = b·2⁻²⁴ / (1 − b·2⁻²⁴) (Higham 2002, §3.1), and both neighbours err: 2·γ_b·N ≤ η. The gradient engine takes b
 * from η and N (`site-agent/src/gradient/placesPerSum.ts`), so a larger η is speed and a smaller one is accuracy. With
 * η in proportion to B̄ an expected batch has about 32 rows a sum whatever its size, and time in proportion to it;
 * a fixed η would leave fewer and fewer rows, and time would grow with the batch's square.
 */
export function clipRounding(dimension: number, expectedBatch: number): number {
  if (dimension > SMALL_MODEL) return 1 / 64;
  return Math.min(1 / 64, Math.max(1 / 1024, expectedBatch * ROUNDING_OF_PATIENT));
}

/** L2 sensitivity C(1 + η) of a clipped sum before it is rounded, C the longest part of one patient. */
export function clippedSensitivity({ patientNorm, clipRounding }: Pick<Grid, "patientNorm" | "clipRounding">): number {
  return patientNorm * (1 + clipRounding);
}

/** L2 sensitivity Δ = C(1 + η) + γ√d of the rounded sum. */
export function roundedSensitivity(
  grid: Pick<Grid, "dimension" | "patientNorm" | "clipRounding" | "fineStep">,
): number {
  return clippedSensitivity(grid) + grid.fineStep * Math.sqrt(grid.dimension);
}

/** Width of one step of the integers that leave a site. */
export function coarseStep(grid: Grid): number {
  return grid.fineStep * 2 ** grid.coarseShift;
}

/** Widest noise in fine steps: with a sum clamped to 2³⁰ of them, its tail stays inside 32 bits. */
const NOISE_STD_DEV_MAX = 2 ** 26;

/** Standard deviation of the integer noise, in fine steps. */
export function noiseStdDev(grid: NoisedGrid): number {
  return (grid.noiseMultiplier * roundedSensitivity(grid)) / grid.fineStep;
}

/** Bits that hold any sum of `sites` values of `bits` each. */
export function aggregateBits(bits: number, sites: number): number {
  return bits + Math.ceil(Math.log2(sites));
}

/**
 * Grid of a study: d coordinates, patient norm C, noise multiplier σ and a site's expected batch B̄ = q·n (all
 * public). Bits: ⌈log₂(32(B̄/σ + 7))⌉, the privacy design's figure for values within B̄C + 7σΔ at steps of σΔ/16;
 * of k local steps together within kB̄C + 7√k σΔ. Each of them has the same η.
 */
export function gridOf(
  dimension: number,
  patientNorm: number,
  noiseMultiplier: number,
  expectedBatch: number,
  localSteps = 1,
): NoisedGrid {
  const finest = Math.min((0.02 * patientNorm) / Math.sqrt(dimension), patientNorm / FINE_STEPS_MIN);
  const fineStep = 2 ** Math.floor(Math.log2(finest));
  const norms = { dimension, patientNorm, clipRounding: clipRounding(dimension, expectedBatch), fineStep };
  const stdDev = noiseMultiplier * roundedSensitivity(norms);
  if (stdDev / fineStep > NOISE_STD_DEV_MAX) throw tooMuchNoise(noiseMultiplier);
  const coarseShift = Math.max(0, Math.floor(Math.log2(stdDev / 16 / fineStep)));
  const sumMax = localSteps * expectedBatch * patientNorm;
  const largest = (sumMax + 7 * Math.sqrt(localSteps) * stdDev) / (fineStep * 2 ** coarseShift);
  const bits = Math.min(BITS_MAX, Math.ceil(Math.log2(2 * largest + 2)));
  return { ...norms, noiseMultiplier, coarseShift, bits };
}

/**
 * Grid of sums that get no noise, being of sanitized records: as fine as packed values can be that hold twice the
 * expected batch of patients who all pull one way, in each local step. More would saturate: no privacy matter.
 */
export function plainGridOf(dimension: number, patientNorm: number, expectedBatch: number, localSteps = 1): Grid {
  const largest = 2 * localSteps * Math.max(1, expectedBatch) * patientNorm;
  const fineStep = 2 ** Math.ceil(Math.log2(largest / (2 ** (BITS_MAX - 1) - 1)));
  const rounding = clipRounding(dimension, expectedBatch);
  return { dimension, patientNorm, clipRounding: rounding, fineStep, coarseShift: 0, bits: BITS_MAX };
}

function tooMuchNoise(noiseMultiplier: number): Failure {
  return new Failure({
    code: "study/noise-too-wide",
    kind: "config",
    what: `σ = ${noiseMultiplier} is more noise than fits 32 bits on this model's grid.`,
    remedy: "Use a privacy.noiseMultiplier below 1,000: above that nothing can be learnt as it is.",
    fields: { noiseMultiplier },
  });
}
