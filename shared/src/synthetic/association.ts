import { type ColumnKind, present, type TextRow } from "./columns.ts";

/**
 * How each pair of columns goes together, [columns, columns]: two numbers by Pearson's r in [−1, 1], two categories by
 * Cramér's V, a number and a category by the correlation ratio η (Fisher 1925), both in [0, 1]. NaN where a column
 * doesn't vary or too few rows have both.
 */
export function associations(kinds: readonly ColumnKind[], rows: readonly TextRow[]): readonly (readonly number[])[] {
  const columns = kinds.map((kind) => {
    const places = kind.type === "category" ? new Map(kind.values.map((value, index) => [value, index])) : null;
    return rows.map((row) => {
      const value = present(row, kind.name);
      return value === null ? Number.NaN : places === null ? Number(value) : (places.get(value) ?? Number.NaN);
    });
  });
  const found = kinds.map(() => new Array<number>(kinds.length).fill(1));
  kinds.forEach((a, i) => {
    kinds.slice(0, i).forEach((b, j) => {
      const value = association([a, columns[i] ?? []], [b, columns[j] ?? []]);
      for (const [row, column] of [
        [i, j],
        [j, i],
      ] as const) {
        const own = found[row];
        if (own !== undefined) own[column] = value;
      }
    });
  });
  return found;
}

type Valued = readonly [kind: ColumnKind, values: readonly number[]];

function association([a, left]: Valued, [b, right]: Valued): number {
  const both = left.flatMap((x, row): (readonly [number, number])[] => {
    const y = right[row] ?? Number.NaN;
    return Number.isNaN(x) || Number.isNaN(y) ? [] : [[x, y]];
  });
  if (a.type === "number" && b.type === "number") return pearson(both);
  if (a.type === "category" && b.type === "category") return cramersV(both);
  return a.type === "number" ? correlationRatio(both) : correlationRatio(both.map(([x, y]) => [y, x] as const));
}

type Pairs = readonly (readonly [number, number])[];

export function pearson(pairs: Pairs): number {
  const [meanX, meanY] = [meanOf(pairs.map(([x]) => x)), meanOf(pairs.map(([, y]) => y))];
  let [xx, yy, xy] = [0, 0, 0];
  for (const [x, y] of pairs) {
    xx += (x - meanX) ** 2;
    yy += (y - meanY) ** 2;
    xy += (x - meanX) * (y - meanY);
  }
  return xx > 0 && yy > 0 ? Math.max(-1, Math.min(1, xy / Math.sqrt(xx * yy))) : Number.NaN;
}

/** Of a number over groups: the root of the share of its variance that lies between groups. */
export function correlationRatio(pairs: Pairs): number {
  const mean = meanOf(pairs.map(([value]) => value));
  const groups = new Map<number, { count: number; sum: number }>();
  let all = 0;
  for (const [value, group] of pairs) {
    const own = groups.get(group) ?? { count: 0, sum: 0 };
    groups.set(group, { count: own.count + 1, sum: own.sum + value });
    all += (value - mean) ** 2;
  }
  let between = 0;
  for (const { count, sum } of groups.values()) between += count * (sum / count - mean) ** 2;
  return all > 0 && groups.size > 1 ? Math.min(1, Math.sqrt(between / all)) : Number.NaN;
}

/** √(χ² / (n · (min(rows, columns) − 1))); Cramér 1946, p. 282. */
export function cramersV(pairs: Pairs): number {
  const [left, right, cells] = [new Map<number, number>(), new Map<number, number>(), new Map<string, number>()];
  for (const [x, y] of pairs) {
    left.set(x, (left.get(x) ?? 0) + 1);
    right.set(y, (right.get(y) ?? 0) + 1);
    cells.set(`${x} ${y}`, (cells.get(`${x} ${y}`) ?? 0) + 1);
  }
  const degrees = Math.min(left.size, right.size) - 1;
  if (degrees < 1) return Number.NaN;
  let chi = 0;
  for (const [x, inRow] of left) {
    for (const [y, inColumn] of right) {
      const expected = (inRow * inColumn) / pairs.length;
      chi += ((cells.get(`${x} ${y}`) ?? 0) - expected) ** 2 / expected;
    }
  }
  return Math.min(1, Math.sqrt(chi / (pairs.length * degrees)));
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
