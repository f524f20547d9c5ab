import { Failure } from "@consilium/shared/failure/failure";
import { withDataFolder } from "@consilium/shared/system/commandHint";
import { systemFailure } from "@consilium/shared/system/errno";
import { epsilonText } from "@consilium/shared/units/epsilonText";

const WITH_DATA =
  "start|stop|status|doctor|join|data (?:register|list|preview|pictures)|study (?:list|show|approve|reject|freeze|counter-offer)|" +
  "budget (?:show|cap|lower|raise|grant|refuse|freeze|ledger|export|what-if|verify)|steward (?:list|add|grant|refuse)|notices|page";

/** What the command was given with `--data`; null where the default holds, as it will for the next command. */
let folderGiven: string | null = null;

export function rememberFolder(folder: string | null): void {
  folderGiven = folder;
}

/** The commands in a text as they run here: with the data folder that this one was given. */
export function runnable(text: string): string {
  return withDataFolder(text, "consilium-site", WITH_DATA, folderGiven);
}

/** Where a command writes: results to `out`, talk to `talk`. */
export interface Output {
  readonly isJson: boolean;
  /** The command's result: as one JSON value, or in `lines` for people. */
  result(value: unknown, lines: readonly string[]): void;
  /** Talk that is no result; silent with `--json`. */
  say(line: string): void;
}

export function outputTo(out: NodeJS.WritableStream, talk: NodeJS.WritableStream, isJson: boolean): Output {
  return {
    isJson,
    result: (value, lines) => {
      out.write(isJson ? `${JSON.stringify(value)}\n` : lines.map((line) => `${line}\n`).join(""));
    },
    say: (line) => {
      if (!isJson) talk.write(`${line}\n`);
    },
  };
}

/** Columns padded to their widest cell. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd();
  return [line(header), ...rows.map(line)];
}

/** What, why and what next; returns the exit code of the failure's class. */
export function reportFailure(error: unknown, talk: NodeJS.WritableStream, isJson: boolean): number {
  const failure = error instanceof Failure ? error : systemFailure(error);
  if (failure !== null) {
    const { code, kind, message, fields } = failure;
    const remedy = runnable(failure.remedy);
    const text = isJson
      ? JSON.stringify({ error: { code, kind, what: message, remedy, fields } })
      : `${message}\n→ ${remedy}`;
    talk.write(`${text}\n`);
    return failure.exitCode;
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const fault = {
    code: "internal/fault",
    kind: "fault",
    what: detail,
    remedy: "This is a bug: report it with this text.",
  };
  talk.write(isJson ? `${JSON.stringify({ error: fault })}\n` : `${detail}\n→ ${fault.remedy}\n`);
  return 1;
}

/** ε as budgets are read; a dash where there is none. */
export function epsilonCell(epsilon: number | null): string {
  return epsilon === null ? "-" : epsilonText(epsilon);
}
