/** How well two data sets' outputs are told apart: a lower bound on ε (Nasr et al. 2023, arXiv:2302.07956). */

/** log((TPR − δ) / FPR) of a threshold that was chosen on one half of the scores and is tried on the other. */
export function provenEpsilon(present: Float64Array, absent: Float64Array, delta: number): number {
  const half = present.length / 2;
  const above = (scores: Float64Array, threshold: number): number => scores.filter((s) => s >= threshold).length;
  const bound = (p: Float64Array, a: Float64Array, threshold: number): number => {
    const truePositives = 1 - upperShare(half - above(p, threshold), half);
    return Math.log(Math.max(truePositives - delta, 1e-9) / upperShare(above(a, threshold), half));
  };
  const sorted = present.slice(0, half).sort();
  const [chosen] = Array.from({ length: 24 }, (_, i) => sorted[Math.floor(half * (1 - 0.75 ** i / 2))] ?? 0)
    .map((threshold) => ({
      threshold,
      epsilon: bound(present.subarray(0, half), absent.subarray(0, half), threshold),
    }))
    .sort((a, b) => b.epsilon - a.epsilon);
  return bound(present.subarray(half), absent.subarray(half), chosen?.threshold ?? 0);
}

/** Of each of four bounds: two shares, two directions. */
const FALSE_ALARM = 1e-4 / 4;

/** Clopper & Pearson 1934: the largest share with which so few of `trials` are not too rare. */
function upperShare(hits: number, trials: number): number {
  if (hits >= trials) return 1;
  let [low, high] = [hits / trials, 1];
  for (let turn = 0; turn < 50; turn++) {
    const share = (low + high) / 2;
    if (atMost(hits, trials, share) > FALSE_ALARM) low = share;
    else high = share;
  }
  return high;
}

/** P(X ≤ hits), X binomial: from its largest term down. */
function atMost(hits: number, trials: number, share: number): number {
  let logTerm = hits * Math.log(share) + (trials - hits) * Math.log1p(-share);
  for (let i = 1; i <= hits; i++) logTerm += Math.log((trials - hits + i) / i);
  let [sum, term] = [0, Math.exp(logTerm)];
  for (let k = hits; k >= 0 && term > 1e-20; k--) {
    sum += term;
    term *= (k / (trials - k + 1)) * ((1 - share) / share);
  }
  return sum;
}
