import { Failure } from "@consilium/shared/failure/failure";

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

/** Tells a failure on standard error and gives its exit code. */
export function reportFailure(error: unknown): number {
  if (error instanceof Failure) {
    process.stderr.write(`error: ${error.message}\n  next: ${error.remedy}\n  (${error.code})\n`);
    return error.exitCode;
  }
  process.stderr.write(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return 1;
}
