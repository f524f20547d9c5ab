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

const LEVELS = ["info", "warn", "error"] as const;
type Level = (typeof LEVELS)[number];

/** Drops what is below a level. */
export function fromLevel(least: Level, logger: Logger): Logger {
  const from = (level: Level): Logger["info"] =>
    LEVELS.indexOf(level) < LEVELS.indexOf(least) ? () => {} : (event, fields) => logger[level](event, fields);
  return { info: from("info"), warn: from("warn"), error: from("error") };
}

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
