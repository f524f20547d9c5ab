import { assert } from "@consilium/shared/failure/failure";
import { NUMBER_BYTES_MAX, writeDecimal } from "./decimalText.ts";
import {
  isMissing,
  largestPlace,
  type NoisedColumn,
  type NoisedRecord,
  type NoisedTable,
  noisedColumns,
  ownUnit,
} from "./noisedTable.ts";

/** Handed on at once, and a line may be longer. */
const CHUNK_BYTES = 1024 * 1024;
const [COMMA, NEWLINE] = [44, 10];

/** A CSV file with a header, in pieces; each is borrowed until the next. Memory holds one of them. */
export function* csvChunks(table: NoisedTable): Generator<Uint8Array> {
  const { contract, hasLabel, records } = table;
  const { patient, split, label } = contract;
  const columns = noisedColumns(table);
  const text = new CsvText();
  if (patient !== undefined) text.cell(patient);
  if (split !== undefined) text.cell(split);
  for (const { name } of columns) text.cell(name);
  if (hasLabel) text.cell(label.name);
  text.endLine();
  const values = label.values.map(String);
  for (const record of records) {
    if (patient !== undefined) text.cell(record.key ?? "");
    if (split !== undefined) text.cell(record.split ?? "");
    for (const column of columns) featureCell(text, column, record);
    if (hasLabel) text.cell(values[record.label ?? -1] ?? "");
    text.endLine();
    if (text.bytes >= CHUNK_BYTES) yield text.take();
  }
  yield text.take();
}

function featureCell(text: CsvText, { slot, ...own }: NoisedColumn, { features }: NoisedRecord): void {
  if (slot === null) {
    if ("offset" in own) text.number(features[own.offset] ?? Number.NaN);
    return;
  }
  const { column, offset } = slot;
  if (isMissing(features, slot)) text.cell("");
  else if (column.type === "category")
    text.cell(String(column.values[largestPlace(features, offset, column.values.length)] ?? ""));
  else {
    assert(column.type === "number", "a cell of a CSV file holds no array");
    text.number(ownUnit(features[offset] ?? Number.NaN, column));
  }
}

/** Lines of cells as bytes. */
class CsvText {
  #buffer = new Uint8Array(2 * CHUNK_BYTES);
  #length = 0;
  #lineStart = 0;

  get bytes(): number {
    return this.#length;
  }

  /** Quoted where it must be. */
  cell(text: string): void {
    const quoted = /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    // UTF-8 takes three bytes at most for one of JavaScript's characters.
    this.#startCell(3 * quoted.length);
    this.#length += utf8.encodeInto(quoted, this.#buffer.subarray(this.#length)).written;
  }

  number(value: number): void {
    this.#startCell(NUMBER_BYTES_MAX);
    this.#length = writeDecimal(value, this.#buffer, this.#length);
  }

  endLine(): void {
    this.#buffer[this.#length] = NEWLINE;
    this.#length += 1;
    this.#lineStart = this.#length;
    this.#makeRoom(0);
  }

  take(): Uint8Array {
    const taken = this.#buffer.subarray(0, this.#length);
    [this.#length, this.#lineStart] = [0, 0];
    return taken;
  }

  #startCell(room: number): void {
    this.#makeRoom(room);
    if (this.#length === this.#lineStart) return;
    this.#buffer[this.#length] = COMMA;
    this.#length += 1;
  }

  /** For so many bytes, a comma and the end of a line. */
  #makeRoom(room: number): void {
    if (this.#length + room + 2 <= this.#buffer.length) return;
    const wider = new Uint8Array(2 * this.#buffer.length + room);
    wider.set(this.#buffer);
    this.#buffer = wider;
  }
}

const utf8 = new TextEncoder();
