import { type ColumnKind, missingShare, type TextRow, valuesOf } from "./columns.ts";

/** How one column of synthetic records is spread, beside the real one. */
export interface Marginal {
  readonly column: string;
  readonly type: ColumnKind["type"];
  /** Of numbers Kolmogorov and Smirnov's distance, of categories the total variation; 0 alike, 1 apart. */
  readonly distance: number;
  /** Of numbers: the least cost of moving one to the other (Wasserstein-1), in the column's unit. */
  readonly moved: number | null;
  readonly real: Summary;
  readonly synthetic: Summary;
}

/** Mean and standard deviation of numbers, null of categories; and how many values are missing. */
export interface Summary {
  readonly mean: number | null;
  readonly stdDev: number | null;
  readonly missing: number;
}

export function marginalOf(kind: ColumnKind, real: readonly TextRow[], synthetic: readonly TextRow[]): Marginal {
  const [ours, theirs] = [valuesOf(kind, real), valuesOf(kind, synthetic)];
  const isNumber = kind.type === "number";
  return {
    column: kind.name,
    type: kind.type,
    distance: isNumber ? ksDistance(ours, theirs) : totalVariation(ours, theirs, kind.values.length),
    moved: isNumber ? wasserstein(ours, theirs) : null,
    real: { ...momentsOf(isNumber ? ours : []), missing: missingShare(kind, real) },
    synthetic: { ...momentsOf(isNumber ? theirs : []), missing: missingShare(kind, synthetic) },
  };
}

/** Largest difference of the two empirical distribution functions; 1 where one has no value. */
export function ksDistance(a: readonly number[], b: readonly number[]): number {
  if (a.length === 0 || b.length === 0) return a.length === b.length ? 0 : 1;
  let largest = 0;
  walk(a, b, (below) => {
    largest = Math.max(largest, Math.abs(below.a - below.b));
  });
  return largest;
}

/** Area between the two empirical distribution functions; NaN where one has no value. */
export function wasserstein(a: readonly number[], b: readonly number[]): number {
  if (a.length === 0 || b.length === 0) return Number.NaN;
  let area = 0;
  walk(a, b, (below, from, to) => {
    if (to !== undefined) area += Math.abs(below.a - below.b) * (to - from);
  });
  return area;
}

/** Half the sum of differences of shares; places from 0, any other outside. */
export function totalVariation(a: readonly number[], b: readonly number[], places: number): number {
  if (a.length === 0 || b.length === 0) return a.length === b.length ? 0 : 1;
  let sum = 0;
  for (let place = -1; place < places; place++) {
    const share = (of: readonly number[]): number => of.filter((own) => own === place).length / of.length;
    sum += Math.abs(share(a) - share(b));
  }
  return sum / 2;
}

/** Visits each distinct value with the shares of both that are at or below it, and the next value. */
function walk(
  a: readonly number[],
  b: readonly number[],
  visit: (below: { readonly a: number; readonly b: number }, at: number, next: number | undefined) => void,
): void {
  const [x, y] = [Float64Array.from(a).sort(), Float64Array.from(b).sort()];
  let [i, j] = [0, 0];
  while (i < x.length || j < y.length) {
    const at = Math.min(x[i] ?? Number.POSITIVE_INFINITY, y[j] ?? Number.POSITIVE_INFINITY);
    while (i < x.length && x[i] === at) i++;
    while (j < y.length && y[j] === at) j++;
    const next = Math.min(x[i] ?? Number.POSITIVE_INFINITY, y[j] ?? Number.POSITIVE_INFINITY);
    visit({ a: i / x.length, b: j / y.length }, at, Number.isFinite(next) ? next : undefined);
  }
}

function momentsOf(values: readonly number[]): { mean: number | null; stdDev: number | null } {
  if (values.length === 0) return { mean: null, stdDev: null };
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, stdDev: values.length < 2 ? null : Math.sqrt(squares / (values.length - 1)) };
}
