/**
 * Privacy auditing with one training run: Steinke, Nasr & Jagielski 2023, arXiv:2305.08846. Each of m canaries trained
 * or not by its own fair coin; of r of them the auditor guessed the coin, and v guesses were right.
 */
export interface OneRun {
  /** m: canaries with independent fair coins. */
  readonly count: number;
  /** r: coins that were guessed, fixed beforehand; the others the auditor abstained from. */
  readonly guesses: number;
  /** v */
  readonly correct: number;
}

/**
 * Largest probability with which an (ε, δ)-DP algorithm lets v or more of r guesses be right: Theorem 5.2 (v(·) bounded
 * by a binomial of e^ε / (1 + e^ε), plus what δ adds).
 */
export function oneRunTail({ count, guesses, correct }: OneRun, epsilon: number, delta: number): number {
  const masses = binomialMasses(guesses, 1 / (1 + Math.exp(-epsilon)));
  let tail = 0;
  for (let hits = correct; hits <= guesses; hits++) tail += masses[hits] ?? 0;
  let [alpha, sum] = [0, 0];
  for (let below = 1; below <= correct; below++) {
    sum += masses[correct - below] ?? 0;
    alpha = Math.max(alpha, sum / below);
  }
  return Math.min(1, tail + 2 * count * delta * alpha);
}

const BISECTIONS = 60;
/** No count of guesses that fits in memory proves more. */
const EPSILON_MAX = 700;

/** Lower bound on ε, at this δ, that holds with probability `confidence` over the coins and the algorithm's own noise. */
export function oneRunEpsilon(run: OneRun, delta: number, confidence: number): number {
  const isRefuted = (epsilon: number): boolean => oneRunTail(run, epsilon, delta) < 1 - confidence;
  if (!isRefuted(0)) return 0;
  let high = 1;
  while (isRefuted(high) && high < EPSILON_MAX) high *= 2;
  let low = 0;
  for (let turn = 0; turn < BISECTIONS; turn++) {
    const middle = (low + high) / 2;
    if (isRefuted(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** P(X = k) for k = 0 … n, X binomial: from the likeliest term outward, so that nothing overflows or is lost. */
function binomialMasses(n: number, p: number): Float64Array {
  const masses = new Float64Array(n + 1);
  const odds = p / (1 - p);
  if (!Number.isFinite(odds)) {
    masses[n] = 1;
    return masses;
  }
  const mode = Math.min(n, Math.floor((n + 1) * p));
  masses[mode] = 1;
  for (let k = mode; k < n; k++) masses[k + 1] = (masses[k] ?? 0) * ((n - k) / (k + 1)) * odds;
  for (let k = mode; k > 0; k--) masses[k - 1] = (masses[k] ?? 0) * (k / (n - k + 1) / odds);
  const total = masses.reduce((sum, mass) => sum + mass, 0);
  return masses.map((mass) => mass / total);
}
