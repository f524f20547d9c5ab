import { FAILURE_EXIT_CODE, Failure } from "@consilium/shared/failure/failure";
import { withDataFolder } from "@consilium/shared/system/commandHint";
import { systemFailure } from "@consilium/shared/system/errno";

const WITH_DATA = "(?:coordinator|ca|account|study|audit|release) [a-z]+|budget (?:show|ledger|export|what-if|verify)";

/** What the command was given with `--data`; null where the default holds, as it will for the next command. */
let folderGiven: string | null = null;

export function rememberFolder(folder: string | null): void {
  folderGiven = folder;
}

/** The commands in a text as they run here: with the data folder that this one was given. */
function runnable(text: string): string {
  return withDataFolder(text, "consilium", WITH_DATA, folderGiven);
}

/** Results go to standard output: one JSON value with `--json`, else text for people. Talk goes to standard error. */
export function print(isJson: boolean | undefined, value: unknown, text: string): void {
  process.stdout.write(isJson === true ? `${JSON.stringify(value)}\n` : text === "" ? "" : `${text}\n`);
}

/** For people, beside a result: what to do next. */
export function hint(text: string): void {
  process.stderr.write(`${runnable(text)}\n`);
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
    const { code, kind, message, fields } = failure;
    const remedy = runnable(failure.remedy);
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
