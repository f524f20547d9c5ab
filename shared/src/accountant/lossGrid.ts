import { type BaseLoss, lossAt } from "./baseLoss.ts";

/**
 * Losses k·step, k = first … first + z.length − 1, at the base's likelihood ratios z with 1 − q + q·z = e^{k·step}.
 * Where a loss is below log(1 − q) no ratio has it: z ≤ 0 and u = −∞.
 */
export interface LossGrid {
  readonly step: number;
  readonly first: number;
  readonly z: Float64Array;
  /** log z */
  readonly u: Float64Array;
}

/** The multiples of `step` that enclose all losses of a base. */
export function gridOf(base: BaseLoss, step: number): LossGrid {
  const { samplingRate } = base;
  const [low, high] = rangeOf(base);
  const first = Math.floor(low / step);
  const count = Math.ceil(high / step) - first + 1;
  const z = new Float64Array(count);
  const u = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const loss = (first + i) * step;
    const ratio = ratioAt(samplingRate, loss);
    z[i] = ratio;
    u[i] = ratio <= 0 ? Number.NEGATIVE_INFINITY : logRatioAt(samplingRate, loss, ratio);
  }
  return { step, first, z, u };
}

/** z with 1 − q + q·z = e^loss; rounding moves the loss by at most 4e-16 of itself. */
function ratioAt(samplingRate: number, loss: number): number {
  // Far below 0 the difference of the two powers is the exact one, near it that of what they are beyond 1.
  return loss < -0.5 ? (Math.exp(loss) - (1 - samplingRate)) / samplingRate : 1 + Math.expm1(loss) / samplingRate;
}

function logRatioAt(samplingRate: number, loss: number, ratio: number): number {
  if (samplingRate === 1) return loss;
  return loss < -0.5 ? Math.log(ratio) : Math.log1p(Math.expm1(loss) / samplingRate);
}

/** Least and greatest loss, removing a patient. */
export function rangeOf({ samplingRate, atoms, density }: BaseLoss): readonly [low: number, high: number] {
  const us = [...(density === null ? [] : [density.from, density.to])];
  const [bottom, top] = [atoms[0], atoms.at(-1)];
  if (bottom !== undefined) us.push(bottom.u);
  if (top !== undefined) us.push(top.u);
  return [lossAt(samplingRate, Math.min(...us)), lossAt(samplingRate, Math.max(...us))];
}
