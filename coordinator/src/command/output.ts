import { FAILURE_EXIT_CODE, Failure } from "@consilium/shared/failure/failure";
import { systemFailure } from "@consilium/shared/system/errno";

/** Results go to standard output: one JSON value with `--json`, else text for people. Talk goes to standard error. */
export function print(isJson: boolean | undefined, value: unknown, text: string): void {
  process.stdout.write(isJson === true ? `${JSON.stringify(value)}\n` : text === "" ? "" : `${text}\n`);
}

/** For people, beside a result: what to do next. */
export function hint(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Columns under their titles, as wide as their widest cell. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = titles.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [titles, ...rows].map(line).join("\n");
}

/** Tells a failure on standard error, as one JSON value with `--json`, and gives its exit code. */
export function reportFailure(error: unknown, isJson = false): number {
  const failure = error instanceof Failure ? error : systemFailure(error);
  if (failure !== null) {
    const { code, kind, message, remedy, fields } = failure;
    const value = { error: { code, kind, what: message, remedy, fields } };
    process.stderr.write(isJson ? `${JSON.stringify(value)}\n` : `error: ${message}\n  next: ${remedy}\n  (${code})\n`);
    return failure.exitCode;
  }
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const remedy = "This is a bug: report it with this text.";
  const value = { error: { code: "internal/fault", kind: "fault", what, remedy, fields: {} } };
  process.stderr.write(isJson ? `${JSON.stringify(value)}\n` : `error: ${what}\n  next: ${remedy}\n`);
  return FAILURE_EXIT_CODE.fault;
}
