import { Failure } from "@consilium/shared/failure/failure";
import type { ForeseenTable } from "../sanitizer/noisedTable.ts";
import { requireNpz } from "../sanitizer/npzTable.ts";

/** An archive of arrays; any other file is CSV. */
export function isArchive(out: string): boolean {
  return /\.npz$/i.test(out);
}

/** Refuses a file that couldn't hold what is to be written, before anything is paid. */
export function requireFormat(out: string, table: ForeseenTable): void {
  if (isArchive(out)) {
    requireNpz(table);
    return;
  }
  const other = /\.(parquet|npy|gz|zip|json|xlsx?)$/i.exec(out)?.[0];
  if (other !== undefined) throw unknownFormat(`A ${other} file is not written.`);
  const array = table.contract.columns.find(({ type }) => type === "array");
  if (array === undefined || table.method.method === "projection") return;
  throw unknownFormat(`Column '${array.name}' holds arrays, and a cell of a CSV file holds none.`);
}

function unknownFormat(what: string): Failure {
  return new Failure({
    code: "sanitizer/format",
    kind: "usage",
    what,
    remedy: "Name an --out that ends in .npz for columns of arrays, or in .csv where all are plain.",
  });
}
