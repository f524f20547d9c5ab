/** Parts of docs/benchmarks.md that a command writes, between two marks; all else there is written by hand. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Failure } from "@consilium/shared/failure/failure";

const DOCS = fileURLToPath(new URL("../../../../docs/", import.meta.url));
const PAGE = "benchmarks.md";

const FILE = path.join(DOCS, PAGE);

/** Before minutes of measuring: whether there is a place for the figures. */
export function assertSection(name: string): void {
  withSection(readFileSync(FILE, "utf8"), name, "");
}

export function writeSection(name: string, text: string): void {
  writeFileSync(FILE, withSection(readFileSync(FILE, "utf8"), name, text));
}

export function writePicture(name: string, svg: string): void {
  writeFileSync(path.join(DOCS, name), svg);
}

/** The page with what stands between the marks of `name` replaced. */
export function withSection(page: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name}: written by \`npm run bench -- ${name} --write\` -->`, `<!-- end of ${name} -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end, from);
  if (from < 0 || to < 0) {
    throw new Failure({
      code: "bench/no-section",
      kind: "fault",
      what: `docs/${PAGE} has no lines ${begin} and ${end}.`,
      remedy: "Put both lines where the figures belong, then run the command again.",
    });
  }
  return `${page.slice(0, from + begin.length)}\n\n${text.trim()}\n\n${page.slice(to)}`;
}

/** Rows of cells as a Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), `|${head.map(() => "---|").join("")}`, ...rows.map(line)].join("\n");
}

/** With thousands apart; three digits, or all before the point. */
export function figure(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
