/** ε for people: a bound never loses by rounding, hence up to the last digit shown. */
export function epsilonText(epsilon: number, digits = 3): string {
  const unit = 10 ** digits;
  return (Math.ceil(epsilon * unit - FLOAT_ERROR) / unit).toFixed(digits);
}

/** What is left of a cap: down, so that nobody reads more than there is. */
export function epsilonLeftText(epsilon: number, digits = 3): string {
  const unit = 10 ** digits;
  return (Math.floor(epsilon * unit + FLOAT_ERROR) / unit).toFixed(digits);
}

/** Of the last digit: 1.1 · 1000 is a little above 1100. */
const FLOAT_ERROR = 1e-9;
