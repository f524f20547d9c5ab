import { Failure } from "@consilium/shared/failure/failure";
import { firstText } from "./sourceFile.ts";

export interface CsvHeader {
  /** In the file's order, as they are written there, without a byte order mark. */
  readonly names: readonly string[];
  readonly delimiter: string;
}

/** A header of 30,000 names of 200 characters is longer than any real one. */
const HEADER_BYTES_MAX = 8 * 1024 * 1024;
const DELIMITERS = [",", ";", "\t", "|"];

/** The first record of a CSV file, and its delimiter: the one given, or the commonest outside quotes. */
export async function readHeader(file: string, given?: string): Promise<CsvHeader> {
  const line = firstRecord(await firstText(file, HEADER_BYTES_MAX));
  const counts = DELIMITERS.map((delimiter) => splitRecord(line, delimiter).length);
  const delimiter = given ?? DELIMITERS[counts.indexOf(Math.max(...counts))] ?? ",";
  const names = splitRecord(line, delimiter);
  if (names.every((name) => name === "")) throw noHeader();
  return { names, delimiter };
}

/** Text up to the first line break outside quotes. */
function firstRecord(text: string): string {
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '"') quoted = !quoted;
    else if (!quoted && (character === "\n" || character === "\r")) return text.slice(0, i);
  }
  if (quoted || text.length >= HEADER_BYTES_MAX) throw noHeader();
  return text;
}

/** Cells of one record (RFC 4180): a quoted cell may hold the delimiter, line breaks and doubled quotes. */
export function splitRecord(record: string, delimiter: string): readonly string[] {
  const cells: string[] = [];
  let start = 0;
  let quoted = false;
  for (let i = 0; i <= record.length; i++) {
    if (record[i] === '"') quoted = !quoted;
    if (i < record.length && (quoted || record[i] !== delimiter)) continue;
    cells.push(unquote(record.slice(start, i)));
    start = i + 1;
  }
  return cells;
}

function unquote(cell: string): string {
  const trimmed = cell.trim();
  const quoted = trimmed.length >= 2 && trimmed.startsWith('"') && trimmed.endsWith('"');
  return quoted ? trimmed.slice(1, -1).replaceAll('""', '"') : trimmed;
}

function noHeader(): Failure {
  return new Failure({
    code: "data/no-header",
    kind: "config",
    what: "The data file's first line is no header with column names.",
    remedy: "Put the column names on the first line, in UTF-8.",
  });
}
