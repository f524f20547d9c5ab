/**
 * Optimizer steps in place on `parameters` [count], float32, by the summed integers `aggregate` [count]; `count` is a
 * positive multiple of 4. Each operation is one of + − × ÷ √ in float64, rounded to float32 where it is stored, in the
 * order that `src/plainLoops.test-support.ts` states: never fused, so that every platform gets the same bits.
 */

/** p ← p − rate · (aggregate · scale). */
export function sgdStep(parameters: usize, aggregate: usize, count: i32, scale: f64, rate: f64): void {
  const end = parameters + ((<usize>count) << 2);
  do {
    const integers = v128.load(aggregate);
    const low = f64x2.mul(f64x2.splat(rate), lowGradient(integers, scale));
    const high = f64x2.mul(f64x2.splat(rate), highGradient(integers, scale));
    descend(parameters, low, high);
    parameters += 16;
    aggregate += 16;
  } while (parameters < end);
}

/** v ← momentum · v + g, p ← p − rate · v; `velocity` [count]. */
export function momentumStep(
  parameters: usize,
  aggregate: usize,
  velocity: usize,
  count: i32,
  scale: f64,
  rate: f64,
  momentum: f64,
): void {
  const end = parameters + ((<usize>count) << 2);
  do {
    const integers = v128.load(aggregate);
    const old = v128.load(velocity);
    const lowSum = f64x2.add(f64x2.mul(f64x2.splat(momentum), low(old)), lowGradient(integers, scale));
    const highSum = f64x2.add(f64x2.mul(f64x2.splat(momentum), high(old)), highGradient(integers, scale));
    const moved = stored(lowSum, highSum);
    v128.store(velocity, moved);
    descend(parameters, f64x2.mul(f64x2.splat(rate), low(moved)), f64x2.mul(f64x2.splat(rate), high(moved)));
    parameters += 16;
    aggregate += 16;
    velocity += 16;
  } while (parameters < end);
}

/** Kingma & Ba 2015, algorithm 1; `first` and `second` [count] are the moments, the biases 1 − β^step. */
export function adamStep(
  parameters: usize,
  aggregate: usize,
  first: usize,
  second: usize,
  count: i32,
  scale: f64,
  rate: f64,
  beta1: f64,
  beta2: f64,
  epsilon: f64,
  firstBias: f64,
  secondBias: f64,
): void {
  const end = parameters + ((<usize>count) << 2);
  do {
    const integers = v128.load(aggregate);
    const lowG = lowGradient(integers, scale);
    const highG = highGradient(integers, scale);
    const oldFirst = v128.load(first);
    const oldSecond = v128.load(second);
    const newFirst = stored(decayed(low(oldFirst), lowG, beta1), decayed(high(oldFirst), highG, beta1));
    const newSecond = stored(
      decayed(low(oldSecond), f64x2.mul(lowG, lowG), beta2),
      decayed(high(oldSecond), f64x2.mul(highG, highG), beta2),
    );
    v128.store(first, newFirst);
    v128.store(second, newSecond);
    descend(
      parameters,
      adamMove(low(newFirst), low(newSecond), rate, epsilon, firstBias, secondBias),
      adamMove(high(newFirst), high(newSecond), rate, epsilon, firstBias, secondBias),
    );
    parameters += 16;
    aggregate += 16;
    first += 16;
    second += 16;
  } while (parameters < end);
}

/**
 * Zaheer et al. 2018, algorithm 2 (FedYogi of Reddi et al. 2021, algorithm 2): the second moment moves towards g² by a
 * step that g² alone sets. No bias is taken out of the moments: `second` begins at ε².
 */
export function yogiStep(
  parameters: usize,
  aggregate: usize,
  first: usize,
  second: usize,
  count: i32,
  scale: f64,
  rate: f64,
  beta1: f64,
  beta2: f64,
  epsilon: f64,
): void {
  const end = parameters + ((<usize>count) << 2);
  do {
    const integers = v128.load(aggregate);
    const lowG = lowGradient(integers, scale);
    const highG = highGradient(integers, scale);
    const oldFirst = v128.load(first);
    const oldSecond = v128.load(second);
    const newFirst = stored(decayed(low(oldFirst), lowG, beta1), decayed(high(oldFirst), highG, beta1));
    const newSecond = stored(approached(low(oldSecond), lowG, beta2), approached(high(oldSecond), highG, beta2));
    v128.store(first, newFirst);
    v128.store(second, newSecond);
    descend(
      parameters,
      yogiMove(low(newFirst), low(newSecond), rate, epsilon),
      yogiMove(high(newFirst), high(newSecond), rate, epsilon),
    );
    parameters += 16;
    aggregate += 16;
    first += 16;
    second += 16;
  } while (parameters < end);
}

/** v − sign(v − g²) · ((1 − β) · g²). */
function approached(moment: v128, gradient: v128, beta: f64): v128 {
  const square = f64x2.mul(gradient, gradient);
  const one = f64x2.splat(1.0);
  const above = v128.and(f64x2.gt(moment, square), one);
  const below = v128.and(f64x2.lt(moment, square), one);
  const change = f64x2.mul(f64x2.splat(1.0 - beta), square);
  return f64x2.sub(moment, f64x2.mul(f64x2.sub(above, below), change));
}

/** (rate · m) / (√v + ε). */
function yogiMove(first: v128, second: v128, rate: f64, epsilon: f64): v128 {
  const spread = f64x2.add(f64x2.sqrt(second), f64x2.splat(epsilon));
  return f64x2.div(f64x2.mul(f64x2.splat(rate), first), spread);
}

/** β · moment + (1 − β) · value. */
function decayed(moment: v128, value: v128, beta: f64): v128 {
  return f64x2.add(f64x2.mul(f64x2.splat(beta), moment), f64x2.mul(f64x2.splat(1.0 - beta), value));
}

/** (rate · (m / bias₁)) / (√(v / bias₂) + ε). */
function adamMove(first: v128, second: v128, rate: f64, epsilon: f64, firstBias: f64, secondBias: f64): v128 {
  const rise = f64x2.div(first, f64x2.splat(firstBias));
  const spread = f64x2.add(f64x2.sqrt(f64x2.div(second, f64x2.splat(secondBias))), f64x2.splat(epsilon));
  return f64x2.div(f64x2.mul(f64x2.splat(rate), rise), spread);
}

/** Parameters less their moves. */
function descend(parameters: usize, lowMove: v128, highMove: v128): void {
  const old = v128.load(parameters);
  v128.store(parameters, stored(f64x2.sub(low(old), lowMove), f64x2.sub(high(old), highMove)));
}

/** Mean gradients of the first and of the last two of four summed integers. */
function lowGradient(integers: v128, scale: f64): v128 {
  return f64x2.mul(f64x2.convert_low_i32x4_s(integers), f64x2.splat(scale));
}

function highGradient(integers: v128, scale: f64): v128 {
  return f64x2.mul(f64x2.convert_low_i32x4_s(v128.shuffle<u64>(integers, integers, 1, 1)), f64x2.splat(scale));
}

/** The first and the last two of four float32 as float64. */
function low(values: v128): v128 {
  return f64x2.promote_low_f32x4(values);
}

function high(values: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<u64>(values, values, 1, 1));
}

/** Four float64, rounded to float32. */
function stored(lowPair: v128, highPair: v128): v128 {
  return v128.shuffle<u64>(f32x4.demote_f64x2_zero(lowPair), f32x4.demote_f64x2_zero(highPair), 0, 2);
}
