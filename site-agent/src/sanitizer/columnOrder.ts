import { readFile } from "node:fs/promises";
import { digestOf } from "@consilium/shared/encoding/digest";
import { Failure } from "@consilium/shared/failure/failure";
import type { Digest } from "@consilium/shared/units/identity";

/** A public order of columns: by chromosome, by pathway; never by what the data say. */
export interface ColumnOrder {
  /** Names in their order, each once. */
  readonly names: readonly string[];
  /** Of the file's bytes, for the manifest. */
  readonly digest: Digest;
}

/** Where a column's numbers lie among a record's. */
export interface ColumnPlaces {
  readonly name: string;
  readonly offset: number;
  readonly count: number;
}

/** A text file with a column's name on each line; lines that begin with # are for people. */
export async function readOrder(path: string): Promise<ColumnOrder> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw badOrder(path, "it can't be read", cause);
  });
  const names = bytes
    .toString("utf8")
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  // By its line: what lies in another file than an order may be a record.
  const seen = new Set<string>();
  for (const [index, name] of names.entries()) {
    if (seen.has(name)) throw badOrder(path, `name ${index + 1} of ${names.length} comes twice`);
    seen.add(name);
  }
  return { names, digest: digestOf(bytes) };
}

/**
 * Each place's column number: named columns in the order's order, the others after them as they stand. Names of no
 * column are passed over, for a chromosome has more genes than a chip; where no name fits, the file is another's.
 */
export function placesInOrder(order: ColumnOrder, columns: readonly ColumnPlaces[]): Int32Array {
  const rank = new Map(order.names.map((name, index) => [name, index]));
  if (!columns.some(({ name }) => rank.has(name))) throw badOrder("The order", "it names none of the columns");
  const sorted = columns
    .map((column, index) => ({ column, rank: rank.get(column.name) ?? order.names.length + index }))
    .sort((a, b) => a.rank - b.rank);
  return Int32Array.from(
    sorted.flatMap(({ column: { offset, count } }) => Array.from({ length: count }, (_, i) => offset + i)),
  );
}

/** For whoever decides: how much of the order is of these columns. */
export function orderLine({ names }: ColumnOrder, columns: readonly string[]): string {
  const known = new Set(columns);
  const fitting = names.filter((name) => known.has(name)).length;
  return (
    `The order names ${fitting} of ${columns.length} columns, the others follow as the schema has them; ` +
    `${names.length - fitting} of its names are no column's.`
  );
}

function badOrder(path: string, why: string, cause?: unknown): Failure {
  return new Failure({
    code: "sanitizer/bad-order",
    kind: "usage",
    what: `${path} is no order of these columns: ${why}.`,
    remedy: "Name a text file with a column's name on each line, in a public order: genes along their chromosomes.",
    ...(cause === undefined ? {} : { cause }),
  });
}
