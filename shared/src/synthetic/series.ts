import { type ColumnKind, type TextRow, valuesOf } from "./columns.ts";

/** Columns that are one measure at several times: `sbp_1`, `sbp_2`, … */
export interface Series {
  readonly name: string;
  readonly columns: readonly ColumnKind[];
}

/** Numbers of a measure at a time; fewer than this many times are no trajectory. */
const TIMES_MIN = 3;

/** Measures whose columns are numbered, in the order of their numbers. */
export function seriesOf(kinds: readonly ColumnKind[]): readonly Series[] {
  const found = new Map<string, { kind: ColumnKind; at: number }[]>();
  for (const kind of kinds) {
    const [, name, at] = /^(.+?)[_.-]?(\d{1,4})$/.exec(kind.name) ?? [];
    const isNumbers = kind.type === "number" || kind.values.every((value) => Number.isFinite(Number(value)));
    if (name !== undefined && isNumbers) found.set(name, [...(found.get(name) ?? []), { kind, at: Number(at) }]);
  }
  return [...found].flatMap(([name, columns]) => {
    if (columns.length < TIMES_MIN) return [];
    return [{ name, columns: columns.sort((a, b) => a.at - b.at).map(({ kind }) => kind) }];
  });
}

/** Mean of a measure at each of its times, for some rows. */
export function trajectory({ columns }: Series, rows: readonly TextRow[]): number[] {
  return columns.map((kind) => {
    const places = valuesOf(kind, rows);
    const values = kind.type === "category" ? places.map((place) => Number(kind.values[place])) : places;
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  });
}
