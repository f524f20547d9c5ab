import { parseArgs } from "node:util";
import { Failure } from "@consilium/shared/failure/failure";

export interface BenchOptions {
  readonly json: boolean;
  /** Whether docs/benchmarks.md gets the figures. */
  readonly write: boolean;
  /** Part of a case's name; the others are left out. */
  readonly only: string | undefined;
}

/** `names`: of all cases. */
export function benchOptions(args: readonly string[], names: readonly string[]): BenchOptions {
  const { json, write, only } = parsed(args);
  if (only !== undefined && chosen(names, only).length === 0) {
    throw refused(`No case's name contains "${only}".`, `Cases: ${names.join("; ")}.`);
  }
  if (write && only !== undefined) {
    throw refused("--write with --only would leave a page with holes.", "Leave one of them out.");
  }
  return { json, write, only };
}

/** Takes `NAME COUNT` out of a benchmark's arguments; the rest are for `benchOptions`. */
export function countOption(
  args: readonly string[],
  name: string,
  otherwise: number,
): { readonly count: number; readonly rest: readonly string[] } {
  const at = args.indexOf(name);
  if (at < 0) return { count: otherwise, rest: args };
  const text = args[at + 1] ?? "";
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw refused(`${name} is followed by a whole number, not "${text}".`, OPTIONS);
  return { count: Number(text), rest: args.toSpliced(at, 2) };
}

export function chosen(names: readonly string[], only: string | undefined): readonly string[] {
  const wanted = only?.toLowerCase() ?? "";
  return names.filter((name) => name.toLowerCase().includes(wanted));
}

/** Runs a benchmark; what it can't do is told in words. */
export async function runCommand(run: () => Promise<void> | void): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    process.stderr.write(`${error.message}\n${error.remedy}\n`);
    process.exitCode = error.exitCode;
  }
}

const OPTIONS = "Options: --json, --write, --only CASE; of privacy also --charges COUNT.";

function parsed(args: readonly string[]): BenchOptions {
  try {
    const options = { json: { type: "boolean" }, write: { type: "boolean" }, only: { type: "string" } } as const;
    const { json = false, write = false, only } = parseArgs({ args: [...args], options }).values;
    return { json, write, only };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw refused(error.message, OPTIONS);
  }
}

function refused(what: string, remedy: string): Failure {
  return new Failure({ code: "bench/option", kind: "usage", what, remedy });
}
