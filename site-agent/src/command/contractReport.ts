import { Failure } from "@consilium/shared/failure/failure";
import type { ContractReport } from "../contract/prepare.ts";
import { PROBLEMS } from "../contract/tally.ts";
import { table } from "./output.ts";

/** What is amiss, in a table; figures of records, for local eyes alone. */
export function describeReport(report: ContractReport): readonly string[] {
  const { train, validation, audit, reference } = report.parts;
  const counts =
    `${report.records} records of ${report.patients} patients: ${train} train, ${validation} validation, ` +
    `${audit} audit hold-out${reference === 0 ? "" : `, ${reference} reference`} (these figures stay here)`;
  if (report.violations.length === 0) return [counts, "The data meet the contract."];
  const rows = report.violations.map(({ severity, column, problem, count }) => {
    const [what, remedy] = PROBLEMS[problem];
    return [severity, column ?? "", String(count), what, remedy];
  });
  return [counts, "", ...table(["", "column", "count", "what", "what to do"], rows)];
}

/** Said below the table; `again` is what to run once the file is corrected. */
export function misfit(report: ContractReport, again: string): Failure {
  const errors = report.violations.filter(({ severity }) => severity === "error").length;
  return new Failure({
    code: "data/contract-violated",
    kind: "config",
    what: `The data do not meet the study's contract: ${errors} ${errors === 1 ? "thing is" : "things are"} amiss.`,
    remedy: `Correct the file as the table says, then run again: ${again}`,
  });
}
