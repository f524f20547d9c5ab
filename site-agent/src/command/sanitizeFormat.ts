import { Failure } from "@consilium/shared/failure/failure";
import type { SanitizerMethod } from "@consilium/shared/sanitizer/method";
import type { DataContract } from "@consilium/shared/study/contract";
import { featureCount } from "@consilium/shared/study/features";
import { requireNpz } from "../sanitizer/npzTable.ts";

/** An archive of arrays; any other file is CSV. */
export function isArchive(out: string): boolean {
  return /\.npz$/i.test(out);
}

/** Refuses a file that couldn't hold what is to be written, before anything is paid. */
export function requireFormat(out: string, method: SanitizerMethod, contract: DataContract, records: number): void {
  const isProjection = method.method === "projection";
  if (isArchive(out)) {
    const [columns, numbers] = isProjection
      ? [method.dimensions, method.dimensions]
      : [contract.columns.length, featureCount(contract)];
    requireNpz(columns, numbers, records);
    return;
  }
  const other = /\.(parquet|npy|gz|zip|json|xlsx?)$/i.exec(out)?.[0];
  if (other !== undefined) throw unknownFormat(`A ${other} file is not written.`);
  const array = contract.columns.find(({ type }) => type === "array");
  if (array === undefined || isProjection) return;
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
