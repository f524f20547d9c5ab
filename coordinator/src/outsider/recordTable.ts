/** Records that somebody brings to an audit of their own: a CSV file with a header, read whole. */
import { readFileSync } from "node:fs";
import type { RecordOutput } from "@consilium/shared/audit/attacks";
import { errnoOf } from "@consilium/shared/failure/errno";
import { Failure } from "@consilium/shared/failure/failure";
import { categoryKey } from "@consilium/shared/study/contract";
import { parseNumber } from "@consilium/shared/study/features";
import { CsvError, parse } from "csv-parse/sync";

export interface RecordTable {
  readonly path: string;
  readonly columns: readonly string[];
  readonly rows: readonly Readonly<Record<string, string>>[];
}

/** Throws where the file can't be read, has no header or no record. */
export function readTable(path: string): RecordTable {
  const rows = parsed(path, textOf(path));
  const columns = Object.keys(rows[0] ?? {});
  if (rows.length === 0) throw unusable(path, "holds no record", "Give a CSV file with a header and a line a record.");
  return { path, columns, rows };
}

/** What a model makes of a table: the features that it takes, record by record, and each record's label. */
export interface Encoding {
  readonly width: number;
  readonly label: string;
  /** Label values in the order of the model's classes; null: whole numbers from 0. */
  readonly classes: readonly (string | number)[] | null;
  encode(row: Readonly<Record<string, string>>, out: Float32Array): void;
}

export interface Encoded {
  /** [records, width] */
  readonly features: Float32Array;
  readonly labels: readonly number[];
}

/** Throws a Failure that names the file and the line, never a value. */
export function encodeTable({ path, columns, rows }: RecordTable, encoding: Encoding, classes: number): Encoded {
  const { width, label } = encoding;
  if (!columns.includes(label))
    throw unusable(
      path,
      `has no column ${label}, which tells each record's class`,
      `Name it: --label COLUMN. It has: ${shown(columns)}.`,
    );
  const places =
    encoding.classes === null ? null : new Map(encoding.classes.map((value, i) => [categoryKey(value), i]));
  const features = new Float32Array(rows.length * width);
  const labels = rows.map((row, index) => {
    const at = `line ${index + 2}`;
    try {
      encoding.encode(row, features.subarray(index * width, (index + 1) * width));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      throw unusable(path, `can't be used at ${at}: ${error.message.replace(/\.$/, "")}`, error.remedy);
    }
    const text = row[label] ?? "";
    const place = places === null ? wholeNumber(text) : places.get(categoryKey(text));
    if (place === undefined || place >= classes)
      throw unusable(
        path,
        `has a label at ${at} that is none of the model's ${classes} classes`,
        "Correct the label, or the model.",
      );
    return place;
  });
  return { features, labels };
}

/** A model's probabilities [records, classes] beside the labels. */
export function outputsOf(probabilities: Float32Array, labels: readonly number[], classes: number): RecordOutput[] {
  return labels.map((label, record) => ({
    probabilities: probabilities.subarray(record * classes, (record + 1) * classes),
    label,
  }));
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,4}(\.0+)?$/.test(text.trim()) ? Number(text) : undefined;
}

function parsed(path: string, text: string): readonly Readonly<Record<string, string>>[] {
  try {
    return parse<Record<string, string>>(text, { columns: true, bom: true, skip_empty_lines: true, trim: true });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = typeof error.lines === "number" ? ` at line ${error.lines}` : "";
    throw unusable(
      path,
      `is no table${line}`,
      "Give a CSV file with a header, commas between cells and as many in each line.",
    );
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const why = errnoOf(error) === "ENOENT" ? "is not there" : "can't be read";
    throw unusable(path, why, "Name a CSV file that this account may read.");
  }
}

const SHOWN_MAX = 12;

function shown(columns: readonly string[]): string {
  return columns.length > SHOWN_MAX ? `${columns.slice(0, SHOWN_MAX).join(", ")}, …` : columns.join(", ");
}

export function unusable(path: string, what: string, remedy: string): Failure {
  return new Failure({ code: "audit/input-unusable", kind: "config", what: `${path} ${what}.`, remedy });
}

export function unusableCell(column: string, fault: string): Failure {
  return new Failure({
    code: "audit/cell-unusable",
    kind: "config",
    what: `Column ${column}: ${fault.replaceAll("-", " ")}.`,
    remedy: "Give records as the model takes them.",
  });
}

/** All columns but the label, in the file's order, as numbers: whatever a model's authors did to them before. */
export function numbersAsTheyStand(columns: readonly string[], label = "label"): Encoding {
  const features = columns.filter((column) => column !== label);
  return {
    width: features.length,
    label,
    classes: null,
    encode: (row, out) => {
      for (const [place, column] of features.entries()) {
        const number = parseNumber(row[column] ?? "");
        if (number === null) throw unusableCell(column, "not-a-number");
        out[place] = number;
      }
    },
  };
}

/** A path's last name. */
export function fileName(path: string): string {
  return path.split(/[\\/]/).at(-1) ?? path;
}
