/**
 * A CSV or TSV file (gzipped or not) of a matrix: names in the first line and the first column, numbers elsewhere. Read
 * byte by byte, for tables of 25,000 columns are slow in what reads tables.
 */
import { parseNumber } from "@consilium/shared/study/features";
import { MISSING_TEXTS, unreadableData } from "./connector.ts";
import { readHeader, splitRecord } from "./csvHeader.ts";
import type { MatrixFile, MatrixLine } from "./matrixFile.ts";
import { fileLines } from "./sourceFile.ts";

const QUOTE = 34;
const MISSING: ReadonlySet<string> = new Set(MISSING_TEXTS);
const utf8 = new TextDecoder("utf-8", { fatal: true });
/** Powers of ten that a double holds exactly. */
const EXACT_POWERS = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));
/** Digits whose whole number is below 2⁵³. */
const EXACT_DIGITS = 15;

export async function openTextMatrix(file: string, given?: string): Promise<MatrixFile> {
  const { names, delimiter } = await readHeader(file, given);
  const first = await firstLine(file);
  const cells = first === null ? names.length : splitRecord(first, delimiter).length;
  // R's write.table leaves the corner out: the header has one name fewer than a line has cells.
  const acrossNames = cells === names.length + 1 ? names : names.slice(1);
  const width = acrossNames.length;
  const lines = (from: number, to: number, wanted: ReadonlySet<number> | null): AsyncGenerator<MatrixLine> =>
    linesOf(file, { delimiter: delimiter.charCodeAt(0), width, from, to, wanted });
  let lineNames: readonly string[] | null = null;
  return {
    width,
    linesAre: "rows",
    acrossNames,
    lineCount: null,
    lineNames: async () => {
      lineNames ??= await namesOf(lines(0, 0, null));
      return lineNames;
    },
    lines,
    close: async () => undefined,
  };
}

async function namesOf(lines: AsyncIterable<MatrixLine>): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { name } of lines) names.push(name ?? "");
  return names;
}

/** The first below the header. */
async function firstLine(file: string): Promise<string | null> {
  let lines = 0;
  for await (const line of fileLines(file)) {
    lines += 1;
    if (lines === 2) return decode(line, lines);
  }
  return null;
}

interface Wanted {
  readonly delimiter: number;
  readonly width: number;
  readonly from: number;
  readonly to: number;
  readonly wanted: ReadonlySet<number> | null;
}

async function* linesOf(file: string, { delimiter, width, from, to, wanted }: Wanted): AsyncGenerator<MatrixLine> {
  const values = new Float64Array(to - from);
  let [number, index] = [0, -1];
  for await (const line of fileLines(file)) {
    number += 1;
    if (number === 1 || line.length === 0) continue;
    index += 1;
    if (wanted !== null && !wanted.has(index)) continue;
    let [start, cell] = [0, -1];
    let name = "";
    for (let at = 0; at <= line.length; at++) {
      if (at < line.length && line[at] !== delimiter) continue;
      if (cell === -1) {
        at = endOfName(line, at, delimiter);
        name = nameOf(line.subarray(start, at), number);
      } else if (cell >= from && cell < to) values[cell - from] = numberAt(line, start, at, number);
      cell += 1;
      start = at + 1;
    }
    if (cell !== width) throw ragged(number);
    yield { index, name, values };
  }
}

/** A quoted name may hold the delimiter. */
function endOfName(line: Buffer, at: number, delimiter: number): number {
  if (line[0] !== QUOTE) return at;
  let quotes = 0;
  for (let end = 0; end < line.length; end++) {
    if (line[end] === QUOTE) quotes += 1;
    if (line[end] === delimiter && quotes % 2 === 0) return end;
  }
  return line.length;
}

function nameOf(bytes: Buffer, line: number): string {
  const text = decode(bytes, line).trim();
  const isQuoted = text.length >= 2 && text.startsWith('"') && text.endsWith('"');
  return isQuoted ? text.slice(1, -1).replaceAll('""', '"') : text;
}

/** Plain decimals by whole numbers and one exact division, which rounds correctly (Clinger 1990); all else by text. */
function numberAt(line: Buffer, start: number, end: number, lineNumber: number): number {
  let at = start;
  const isNegative = line[at] === 45;
  if (isNegative) at += 1;
  let [mantissa, digits, decimals] = [0, 0, -1];
  for (; at < end; at++) {
    const byte = line[at] ?? 0;
    if (byte === 46 && decimals < 0) {
      decimals = digits;
      continue;
    }
    if (byte < 48 || byte > 57) break;
    mantissa = mantissa * 10 + byte - 48;
    digits += 1;
  }
  if (at < end || digits === 0 || digits > EXACT_DIGITS) return byText(line.toString("latin1", start, end), lineNumber);
  const value = decimals < 0 ? mantissa : mantissa / (EXACT_POWERS[digits - decimals] ?? 1);
  return isNegative ? -value : value;
}

function byText(cell: string, line: number): number {
  const text = cell.trim().replace(/^"(.*)"$/, "$1");
  if (MISSING.has(text)) return Number.NaN;
  const number = parseNumber(text);
  if (number !== null) return number;
  throw unreadableData(
    "matrix-number",
    `Line ${line} of the matrix's file has a cell that is no number.`,
    "A matrix holds names in the first line and column, and numbers elsewhere.",
  );
}

function decode(bytes: Buffer, line: number): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw unreadableData("unreadable", `Line ${line} of the matrix's file is no UTF-8.`, "Save it as UTF-8.");
  }
}

function ragged(line: number): Error {
  return unreadableData(
    "unreadable",
    `The data file can't be read: line ${line} is at fault.`,
    "Each line needs as many cells as the header.",
  );
}
