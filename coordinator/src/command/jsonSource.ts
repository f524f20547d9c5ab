import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { Failure } from "@consilium/shared/failure/failure";

/** What `--from` names: a file, or `-` for standard input. */
export async function readSource(name: string): Promise<string> {
  if (name === "-") return text(process.stdin);
  try {
    return await readFile(name, "utf8");
  } catch (cause) {
    throw new Failure({
      code: "usage/unreadable-file",
      kind: "usage",
      what: `${name} can't be read.`,
      remedy: "Give the path of a readable file after --from, or - for standard input.",
      cause,
    });
  }
}

/** Throws `config/bad-json` where it is none, with what to do about it. */
export function parseJson(source: string, name: string, remedy: string): unknown {
  try {
    return JSON.parse(source);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : "it can't be parsed";
    const what = `${sourceName(name)} is no JSON: ${reason}.`;
    throw new Failure({ code: "config/bad-json", kind: "config", what, remedy, cause });
  }
}

export function sourceName(name: string): string {
  return name === "-" ? "Standard input" : name;
}
