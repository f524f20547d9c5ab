/** One logit from `inputs` features through one hidden layer of tanh units, or from the features alone with none. */
export interface Layout {
  readonly inputs: number;
  readonly hidden: number;
}

export interface Example {
  readonly features: readonly number[];
  readonly isMember: boolean;
  readonly weight: number;
}

/** In order: each hidden unit's weights and bias, then the logit's weights and bias. */
export function parameterCount({ inputs, hidden }: Layout): number {
  return hidden * (inputs + 1) + (hidden === 0 ? inputs : hidden) + 1;
}

export function logitOf(layout: Layout, parameters: Float64Array, features: readonly number[]): number {
  return outputOf(layout, parameters, activations(layout, parameters, features));
}

/** Weighted sum of the cross-entropies. */
export function lossOf(layout: Layout, parameters: Float64Array, examples: readonly Example[]): number {
  return examples.reduce((sum, { features, isMember, weight }) => {
    const logit = logitOf(layout, parameters, features);
    return sum + weight * softplus(isMember ? -logit : logit);
  }, 0);
}

/** Gradient of `lossOf` by its parameters. */
export function gradientOf(layout: Layout, parameters: Float64Array, examples: readonly Example[]): Float64Array {
  const gradient = new Float64Array(parameters.length);
  const last = outputFrom(layout);
  for (const { features, isMember, weight } of examples) {
    const active = activations(layout, parameters, features);
    const logit = outputOf(layout, parameters, active);
    const delta = weight * (1 / (1 + Math.exp(-logit)) - (isMember ? 1 : 0));
    add(gradient, last, active, delta);
    if (layout.hidden === 0) continue;
    active.forEach((value, unit) => {
      const back = delta * (parameters[last + unit] ?? 0) * (1 - value * value);
      add(gradient, unit * (layout.inputs + 1), features, back);
    });
  }
  return gradient;
}

/** Adds `scale` times the values, and the bias's `scale` behind them. */
function add(gradient: Float64Array, from: number, values: readonly number[], scale: number): void {
  values.forEach((value, index) => {
    gradient[from + index] = (gradient[from + index] ?? 0) + scale * value;
  });
  gradient[from + values.length] = (gradient[from + values.length] ?? 0) + scale;
}

/** What the logit is a weighted sum of. */
function activations({ inputs, hidden }: Layout, parameters: Float64Array, features: readonly number[]) {
  if (hidden === 0) return features;
  return Array.from({ length: hidden }, (_, unit) => Math.tanh(weighted(parameters, unit * (inputs + 1), features)));
}

function outputOf(layout: Layout, parameters: Float64Array, active: readonly number[]): number {
  return weighted(parameters, outputFrom(layout), active);
}

function outputFrom({ inputs, hidden }: Layout): number {
  return hidden * (inputs + 1);
}

function weighted(parameters: Float64Array, from: number, values: readonly number[]): number {
  return values.reduce(
    (sum, value, index) => sum + (parameters[from + index] ?? 0) * value,
    parameters[from + values.length] ?? 0,
  );
}

/** log(1 + e^x) without overflow. */
function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}
