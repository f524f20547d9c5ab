/** Tables of text, as CSV files hold them, read as columns of numbers and of categories. */

export type TextRow = Readonly<Record<string, string>>;

/** What a column is, by all tables' values together: so that every table is read alike. */
export type ColumnKind =
  | { readonly name: string; readonly type: "number"; readonly min: number; readonly max: number }
  | { readonly name: string; readonly type: "category"; readonly values: readonly string[] };

const MISSING = new Set(["", "NA", "NaN", "nan", "null", "?"]);

/** The value; null where it is missing. */
export function present(row: TextRow, name: string): string | null {
  const text = (row[name] ?? "").trim();
  return MISSING.has(text) ? null : text;
}

/** Numbers of so few different values that are whole are codes: counted, not measured. */
const CODES_MAX = 6;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

export function columnKinds(names: readonly string[], tables: readonly (readonly TextRow[])[]): readonly ColumnKind[] {
  return names.map((name): ColumnKind => {
    const found = new Set<string>();
    for (const rows of tables) {
      for (const row of rows) {
        const value = present(row, name);
        if (value !== null) found.add(value);
      }
    }
    const numbers = [...found].map((text) => (NUMBER.test(text) ? Number(text) : Number.NaN));
    const isMeasured = numbers.every(Number.isFinite) && new Set(numbers).size > CODES_MAX;
    if (!isMeasured) return { name, type: "category", values: [...found].sort() };
    // A loop: so many arguments overflow the stack.
    let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const number of numbers) [min, max] = [Math.min(min, number), Math.max(max, number)];
    return { name, type: "number", min, max };
  });
}

/** A column's numbers, or the places of its categories; missing values are left out. */
export function valuesOf(kind: ColumnKind, rows: readonly TextRow[]): number[] {
  const place = placeOf(kind);
  return rows.flatMap((row) => {
    const value = present(row, kind.name);
    return value === null ? [] : [place(value)];
  });
}

/** Share of rows that have no value. */
export function missingShare(kind: ColumnKind, rows: readonly TextRow[]): number {
  return rows.filter((row) => present(row, kind.name) === null).length / Math.max(1, rows.length);
}

function placeOf(kind: ColumnKind): (value: string) => number {
  if (kind.type === "number") return Number;
  const places = new Map(kind.values.map((value, index) => [value, index]));
  return (value) => places.get(value) ?? -1;
}

/**
 * Rows as vectors on one scale: numbers from their least to their greatest as [0, 1], categories one-hot over √2, so
 * that two different ones are 1 apart; missing numbers in the middle, missing categories nowhere.
 */
export function scaledRows(kinds: readonly ColumnKind[], rows: readonly TextRow[]): number[][] {
  const places = kinds.map(placeOf);
  return rows.map((row) =>
    kinds.flatMap((kind, index) => {
      const value = present(row, kind.name);
      if (kind.type === "category") {
        const place = value === null ? -1 : places[index]?.(value);
        return kind.values.map((_, own) => (own === place ? Math.SQRT1_2 : 0));
      }
      return [value === null || kind.max === kind.min ? 0.5 : (Number(value) - kind.min) / (kind.max - kind.min)];
    }),
  );
}
