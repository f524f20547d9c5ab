/**
 * The public list of Rényi orders on which every curve of this product stands: all parties sum the same orders.
 * Below 11 fractional orders, dense where few, costly steps have their optimum; every order of dp_accounting's and
 * Opacus' default grids; geometric to 2¹⁴, where many cheap steps have theirs; last ∞, where a curve is pure ε.
 */
export const ORDERS: Float64Array = makeOrders();

/** Largest finite order; sums over it have this many terms. */
export const ORDER_MAX = 16_384;

function makeOrders(): Float64Array {
  const orders = new Set<number>();
  for (let excess = 0.01; excess < 2; excess *= 1.1) orders.add(1 + excess);
  for (let tenths = 11; tenths <= 110; tenths++) orders.add(tenths / 10);
  for (let order = 11; order <= 64; order++) orders.add(order);
  for (let order = 64; order < 16_384; order *= 1.12) orders.add(Math.round(order));
  for (const order of [128, 256, 512, 1024, 16_384, Number.POSITIVE_INFINITY]) orders.add(order);
  return Float64Array.from(orders).sort();
}
