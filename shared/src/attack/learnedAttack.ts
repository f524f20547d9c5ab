import { attackScore, type RecordOutput } from "../audit/attacks.ts";
import type { RandomSource } from "../random/randomSource.ts";
import { type Example, gradientOf, type Layout, logitOf, parameterCount } from "./attackNetwork.ts";
import type { Groups } from "./classThresholds.ts";

/** A classifier of membership, with the scale of the features that it was trained on. */
export interface LearnedAttack {
  readonly layout: Layout;
  readonly parameters: Float64Array;
  readonly means: readonly number[];
  readonly stdDevs: readonly number[];
}

export interface LearnedAttackOptions {
  /** Units of the one hidden layer; 0 is logistic regression. */
  readonly hidden: number;
  readonly steps: number;
}

/** Adam's usual constants (Kingma & Ba 2015), with the rate at which a few hundred full-batch steps settle. */
const ADAM = { rate: 0.02, first: 0.9, second: 0.999, floor: 1e-8 } as const;
/** Weight decay: a shadow split is small. */
const L2 = 1e-3;

/**
 * Learns to tell members from non-members by a shadow model's outputs, loss and labels: Shokri et al. 2017,
 * arXiv:1610.05820; one network for all classes, which sees the label, as the neural attack that Song & Mittal 2021,
 * arXiv:2003.10595, compare with. It is trained on real records: it stays where they are. Both groups weigh the same
 * whatever their sizes. The same source gives the same attack.
 */
export function learnAttack(
  shadow: Groups<RecordOutput>,
  { hidden, steps }: LearnedAttackOptions,
  random: RandomSource,
): LearnedAttack {
  const inside = shadow.members.map(featuresOf);
  const outside = shadow.nonMembers.map(featuresOf);
  const { means, stdDevs } = scalesOf([...inside, ...outside]);
  const exampleOf = (isMember: boolean, count: number) => (features: readonly number[]) => ({
    features: scaled(features, means, stdDevs),
    isMember,
    weight: 0.5 / count,
  });
  const examples = [...inside.map(exampleOf(true, inside.length)), ...outside.map(exampleOf(false, outside.length))];
  const layout = { inputs: means.length, hidden };
  return { layout, parameters: fitExamples(layout, examples, steps, () => uniform(random)), means, stdDevs };
}

/** Membership score of a record: the network's logit; higher means "rather a member". */
export function learnedScore({ layout, parameters, means, stdDevs }: LearnedAttack, output: RecordOutput): number {
  return logitOf(layout, parameters, scaled(featuresOf(output), means, stdDevs));
}

/** Probabilities from the greatest down, the loss, and which class is the true one. */
function featuresOf(output: RecordOutput): readonly number[] {
  const probabilities = Array.from(output.probabilities);
  return [
    ...[...probabilities].sort((a, b) => b - a),
    -attackScore("loss", output),
    ...probabilities.map((_, label) => (label === output.label ? 1 : 0)),
  ];
}

function scalesOf(rows: readonly (readonly number[])[]) {
  const columns = (rows[0] ?? []).map((_, column) => rows.map((row) => row[column] ?? Number.NaN));
  const means = columns.map((values) => values.reduce((sum, value) => sum + value, 0) / values.length);
  const stdDevs = columns.map((values, column) => {
    const mean = means[column] ?? Number.NaN;
    // A feature that never changes tells nothing; it must not be divided by zero.
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) || 1;
  });
  return { means, stdDevs };
}

function scaled(features: readonly number[], means: readonly number[], stdDevs: readonly number[]): readonly number[] {
  return features.map((value, column) => (value - (means[column] ?? 0)) / (stdDevs[column] ?? 1));
}

/** Full-batch Adam from small weights, drawn by `next`, a uniform in [0, 1). */
export function fitExamples(
  layout: Layout,
  examples: readonly Example[],
  steps: number,
  next: () => number,
): Float64Array {
  const reach = 1 / Math.sqrt(layout.inputs);
  const parameters = Float64Array.from({ length: parameterCount(layout) }, () => reach * (2 * next() - 1));
  const [mean, square] = [new Float64Array(parameters.length), new Float64Array(parameters.length)];
  for (let step = 1; step <= steps; step++) {
    const gradient = gradientOf(layout, parameters, examples);
    for (let i = 0; i < parameters.length; i++) {
      const slope = (gradient[i] ?? 0) + L2 * (parameters[i] ?? 0);
      mean[i] = ADAM.first * (mean[i] ?? 0) + (1 - ADAM.first) * slope;
      square[i] = ADAM.second * (square[i] ?? 0) + (1 - ADAM.second) * slope * slope;
      const [m, v] = [(mean[i] ?? 0) / (1 - ADAM.first ** step), (square[i] ?? 0) / (1 - ADAM.second ** step)];
      parameters[i] = (parameters[i] ?? 0) - (ADAM.rate * m) / (Math.sqrt(v) + ADAM.floor);
    }
  }
  return parameters;
}

/** In [0, 1), from 32 bits. */
function uniform(random: RandomSource): number {
  return random.bytes(4).reduce((sum, byte) => (sum + byte) / 256, 0);
}
