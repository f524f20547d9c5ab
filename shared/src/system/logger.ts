/**
 * One JSON line for each change of state. Fields come from the caller, who must not pass anything
 * derived from records: no batch size, loss, gradient, label, count of patients or local path of data.
 */
export interface Logger {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}
export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

/** Writes to `write` (by default standard error), with the time from `now`. */
export function jsonLinesLogger(
  name: string,
  write: (line: string) => void = (line) => process.stderr.write(line),
  now: () => Date = () => new Date(),
): Logger {
  const log =
    (level: "info" | "warn" | "error") =>
    (event: string, fields: LogFields = {}): void =>
      write(`${JSON.stringify({ at: now().toISOString(), level, process: name, event, ...fields })}\n`);
  return { info: log("info"), warn: log("warn"), error: log("error") };
}
