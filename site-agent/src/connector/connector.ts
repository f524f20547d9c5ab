/** A data set as the contract sees it, whatever it lies in: records of named values, streamed. */
import { Failure } from "@consilium/shared/failure/failure";
import type { RawValue } from "@consilium/shared/study/features";

/** Records of a data set, values by the name of their column. Never all of them in memory. */
export interface Connector {
  /** Names in the source's order, repeated ones included. */
  columns(): Promise<readonly string[]>;
  /**
   * Records in the source's order, in chunks; each holds the named columns in the order asked for, `null` if missing.
   */
  rows(columns: readonly string[]): AsyncIterable<readonly (readonly RawValue[])[]>;
  /** What the data set's own file forbids in the records that were read; complete after the last of them. */
  findings(): readonly SourceFinding[];
  close(): Promise<void>;
}

/** Values, or whole files, that were left out because the data set's own file says nothing of them. */
export interface SourceFinding {
  readonly column: string;
  readonly problem:
    | ("not-recoded" | "not-converted" | "scale-differs" | "off-scale")
    | ("left-out" | "no-visit" | "not-deidentified");
  /** Records; of `no-visit`, patients. */
  readonly count: number;
}

/** Texts that stand for a missing value in any file; a data set's file or a contract may name more. */
export const MISSING_TEXTS = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "?"] as const;

/** Place of each name asked for; each must be there once. */
export function placesOf(names: readonly string[], wanted: readonly string[]): readonly number[] {
  const places = new Map<string, number>();
  const repeated = new Set<string>();
  names.forEach((name, place) => {
    if (places.has(name)) repeated.add(name);
    places.set(name, place);
  });
  return wanted.map((name) => {
    const place = places.get(name);
    if (place === undefined) throw unusableColumn("data/column-missing", name, "no column");
    if (repeated.has(name)) throw unusableColumn("data/column-repeated", name, "more than one column");
    return place;
  });
}

/** Data that can't be read. Holds neither a path nor a value: some of it crosses the wire. */
export function unreadableData(code: string, what: string, remedy: string): Failure {
  return new Failure({ code: `data/${code}`, kind: "config", what, remedy });
}

function unusableColumn(code: string, column: string, found: string): Failure {
  return new Failure({
    code,
    kind: "config",
    what: `The data have ${found} '${column}'.`,
    remedy: "Rename the file's columns to those of the study's schema; names count by case.",
    fields: { column },
  });
}
