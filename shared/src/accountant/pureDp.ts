/**
 * Rényi divergence of a pure ε-private release at each order: that of randomised response, the worst there is
 * (Bun & Steinke 2016, arXiv:1605.02065, Proposition 3.3), and exactly that of discrete Laplace noise on integers of
 * sensitivity 1, whose privacy loss is ±ε alone. With y = (α − 1)ε:
 * A_α − 1 = 2 sinh²(y/2) + tanh(ε/2)·sinh(y). At order ∞ it is ε.
 */
export function rdpPureDp(epsilon: number, orders: Float64Array): Float64Array {
  const logLikely = -Math.log1p(Math.exp(-epsilon));
  return orders.map((order) => {
    if (order === Number.POSITIVE_INFINITY || epsilon === 0) return epsilon;
    const y = (order - 1) * epsilon;
    const logMoment =
      y > 300 ? logLikely + y : Math.log1p(2 * Math.sinh(y / 2) ** 2 + Math.tanh(epsilon / 2) * Math.sinh(y));
    return Math.min(epsilon, logMoment / (order - 1));
  });
}

/**
 * Rényi divergence of a release of bounded range ε, whose privacy loss lies within an interval of that width: ε²/8
 * times the order, by Hoeffding's lemma (Cesar & Rogers 2021, arXiv:2004.07223, section 3: ε²/8-zCDP). The exponential
 * mechanism is of this kind (Dong, Durfee & Rogers 2020, arXiv:1909.13830, section 2), and pure ε-private too, so
 * the smaller bound holds at each order.
 */
export function rdpBoundedRange(epsilon: number, orders: Float64Array): Float64Array {
  const pure = rdpPureDp(epsilon, orders);
  return orders.map((order, index) => Math.min(pure[index] ?? epsilon, (order * epsilon ** 2) / 8));
}
