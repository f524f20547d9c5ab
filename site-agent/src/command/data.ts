import { Failure } from "@consilium/shared/failure/failure";
import { isAbsent, isArrayValue, parseNumber, type RawValue } from "@consilium/shared/study/features";
import type { SourceFinding } from "../connector/connector.ts";
import { PROBLEMS } from "../contract/tally.ts";
import { IdentifierScan, identifierByName } from "../deidentification/identifiers.ts";
import { openNamed } from "./localFile.ts";
import { type Output, table } from "./output.ts";

/** One column of a file as it lies there; exact figures, for local eyes alone. */
export interface ColumnDescription {
  readonly name: string;
  /** `number`: every value there is one; `category`: few different values; `array`: its shape; else `text`. */
  readonly type: "number" | "category" | "text" | "empty" | `array ${string}`;
  readonly missing: number;
  /** Different values, as far as they were counted. */
  readonly distinct: number;
  /** Kind of identifier that the name or the values look like. */
  readonly identifier: string | null;
}

export interface DataDescription {
  readonly rows: number;
  readonly columns: readonly ColumnDescription[];
  /** Names that more than one column bears: none of those can be read. */
  readonly repeated: readonly string[];
  /** What the data set's own file has no rule for. */
  readonly findings: readonly SourceFinding[];
}

const DISTINCT_MAX = 100;
const CATEGORY_VALUES_MAX = 30;
/** Numbers with so few different values are codes more often than measurements. */
const CODES_MAX = 8;
/** Different shapes of one column's arrays that are named. */
const SHAPES_SHOWN = 3;

/** Columns, types, missing values and what looks like an identifier. Nothing of it is stored, sent or logged. */
export async function describeData(path: string, say: Output["say"] = () => {}): Promise<DataDescription> {
  const connector = await openNamed(path, { say, cache: null });
  try {
    const all = await connector.columns();
    const names = all.filter((name, i) => all.indexOf(name) === i && all.lastIndexOf(name) === i);
    const repeated = [...new Set(all.filter((name, i) => all.indexOf(name) !== i))];
    const tallies = names.map((name) => new ColumnTally(name));
    let rows = 0;
    if (names.length > 0) {
      for await (const chunk of connector.rows(names)) {
        rows += chunk.length;
        for (const row of chunk)
          tallies.forEach((tally, i) => {
            tally.add(row[i]);
          });
      }
    }
    const columns = tallies.map((tally) => tally.describe());
    return { rows, columns, repeated, findings: connector.findings() };
  } finally {
    await connector.close();
  }
}

class ColumnTally {
  private missing = 0;
  private present = 0;
  private numbers = 0;
  private readonly distinct = new Set<string>();
  private readonly shapes = new Set<string>();
  private readonly scan = new IdentifierScan();

  constructor(private readonly name: string) {}

  add(value: RawValue): void {
    if (isAbsent(value)) {
      this.missing += 1;
      return;
    }
    this.present += 1;
    if (isArrayValue(value)) {
      this.shapes.add(value.shape.join("×"));
      return;
    }
    if (parseNumber(value) !== null) this.numbers += 1;
    if (this.distinct.size < DISTINCT_MAX) this.distinct.add(String(value));
    this.scan.add(value);
  }

  describe(): ColumnDescription {
    const { name, missing } = this;
    const distinct = this.distinct.size;
    return { name, type: this.type(), missing, distinct, identifier: identifierByName(name) ?? this.scan.found() };
  }

  private type(): ColumnDescription["type"] {
    if (this.present === 0) return "empty";
    if (this.shapes.size > 0) return `array ${[...this.shapes].slice(0, SHAPES_SHOWN).join(", ")}`;
    const few = this.distinct.size <= CATEGORY_VALUES_MAX && this.distinct.size < this.present / 2;
    if (this.numbers === this.present) return few && this.distinct.size <= CODES_MAX ? "category" : "number";
    return few ? "category" : "text";
  }
}

/** `consilium-site data check`: what a file holds, before it is registered; without a record it throws (exit 3). */
export async function checkData(output: Output, path: string): Promise<void> {
  const description = await describeData(path, output.say);
  const rows = description.columns.map(({ name, type, missing, identifier }) => [
    name,
    type,
    String(missing),
    identifier === null ? "" : `${identifier}: no study may train on it`,
  ]);
  const found = description.findings.map(({ column, problem, count }) => [column, String(count), ...PROBLEMS[problem]]);
  output.result(description, [
    `${description.rows} records`,
    ...table(["column", "type", "missing", "looks like"], rows),
    ...description.repeated.map(
      (name) => `${name}: more than one column of this name, so no study can read it. Keep one.`,
    ),
    ...(found.length === 0 ? [] : ["", ...table(["column", "count", "what", "what to do"], found)]),
  ]);
  if (description.rows === 0) throw noRecords(path);
}

function noRecords(path: string): Failure {
  return new Failure({
    code: "data/no-records",
    kind: "config",
    what: `${path}: there is not one record to read.`,
    remedy: "Export it again; of what was left out the table tells why.",
  });
}
