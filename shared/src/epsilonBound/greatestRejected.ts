const BISECTIONS = 200;

/**
 * Greatest value from 0 on that a test still rejects, by doubling and bisection to the last bit; 0 where it rejects not
 * even 0. The test rejects below one point and nothing above it.
 */
export function greatestRejected(isRejected: (value: number) => boolean): number {
  if (!isRejected(0)) return 0;
  let low = 0;
  let high = 1;
  while (isRejected(high)) {
    low = high;
    high *= 2;
    if (high === Number.POSITIVE_INFINITY) return low;
  }
  for (let step = 0; step < BISECTIONS; step++) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) break;
    if (isRejected(middle)) low = middle;
    else high = middle;
  }
  return low;
}
