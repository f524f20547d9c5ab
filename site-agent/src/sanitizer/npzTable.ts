import { crc32 } from "node:zlib";
import { assert, Failure } from "@consilium/shared/failure/failure";
import { COLUMN_BYTES_MAX } from "../connector/arrayTable.ts";
import {
  type ForeseenTable,
  isMissing,
  largestPlace,
  type NoisedColumn,
  type NoisedRecord,
  type NoisedTable,
  noisedColumns,
  ownUnit,
} from "./noisedTable.ts";
import { DESCRIPTOR_BYTES, descriptor, directoryEntry, endRecord, localHeader } from "./storedZip.ts";

/** What is gathered before it is handed on, and how much of several narrow columns one pass over the records fills. */
const CHUNK_BYTES = 16 * 2 ** 20;
/** A zip archive's figures have 32 bits. */
const ARCHIVE_BYTES_MAX = 2 ** 32 - 2;
const COLUMNS_MAX = 1000;
/** More than what stands around an array: its name twice, of 200 characters at most, and the records of its place. */
const MEMBER_EXTRA_BYTES = 2048;
const FLOAT_BYTES = 4;
/** UTF-32, as NumPy keeps texts. */
const POINT_BYTES = 4;

/** One array of the archive, its records along the first side. */
interface Member {
  readonly name: string;
  /** A column, which readers hold; others are streamed. */
  readonly isPlain: boolean;
  /** Magic, version and header of the array. */
  readonly start: Uint8Array;
  readonly recordBytes: number;
  readonly write: (record: NoisedRecord, view: DataView, at: number) => void;
}

/**
 * An archive of NumPy arrays, one a column, uncompressed, in pieces that are borrowed until the next. Numbers and
 * arrays are float32 (NaN where a value is missing); categories, labels, keys and the split are texts (empty where
 * missing). It goes over the records as often as columns don't fit into a piece.
 */
export function* npzChunks(table: NoisedTable): Generator<Uint8Array> {
  const members = membersOf(table);
  const entries: Uint8Array[] = [];
  let offset = 0;
  for (const group of groupsOf(members, table.count)) {
    const filled = group.length > 1 || bodyBytes(group[0], table.count) <= CHUNK_BYTES ? columnsOf(table, group) : null;
    for (const [place, member] of group.entries()) {
      const local = localHeader(`${member.name}.npy`);
      let sum = crc32(member.start);
      yield local;
      yield member.start;
      const column = filled?.[place];
      for (const piece of column === undefined ? streamed(table, member) : [column]) {
        // Of no bytes zlib's checksum starts anew.
        if (piece.length === 0) continue;
        sum = crc32(piece, sum);
        yield piece;
      }
      const bytes = arrayBytes(member, table.count);
      yield descriptor(sum, bytes);
      entries.push(directoryEntry(`${member.name}.npy`, { sum, bytes, offset }));
      offset += local.length + bytes + DESCRIPTOR_BYTES;
    }
  }
  const directory = Buffer.concat(entries);
  yield directory;
  yield endRecord(entries.length, directory.length, offset);
}

/** Before anything is paid: whether such an archive can be written, and read again. */
export function requireNpz(table: ForeseenTable): void {
  const columns = noisedColumns(table).length;
  if (columns > COLUMNS_MAX) throw tooLarge(`${COLUMNS_MAX} columns at most; these are ${columns}`);
  const members = membersOf(table);
  const wide = members.find((member) => member.isPlain && arrayBytes(member, table.count) > COLUMN_BYTES_MAX);
  if (wide !== undefined)
    throw tooLarge(`plain columns of ${COLUMN_BYTES_MAX} bytes; '${wide.name}' takes ${arrayBytes(wide, table.count)}`);
  const bytes = members.reduce((sum, member) => sum + arrayBytes(member, table.count) + MEMBER_EXTRA_BYTES, 0);
  if (bytes > ARCHIVE_BYTES_MAX) throw tooLarge(`4 GiB at most; these are ${bytes} bytes`);
}

function tooLarge(holds: string): Failure {
  return new Failure({
    code: "sanitizer/archive-too-large",
    kind: "usage",
    what: `An .npz archive holds ${holds}.`,
    remedy: "Write a .csv file where all columns are plain, else split the data set, or use smaller pictures.",
  });
}

function membersOf(table: ForeseenTable): readonly Member[] {
  const { contract, hasLabel, count, records } = table;
  const { patient, split, label } = contract;
  const texts = (name: string, values: readonly string[], of: (record: NoisedRecord) => string): Member =>
    textMember(name, count, values, of);
  const keys = (): string[] => Array.from(records, ({ key }) => key ?? "");
  return [
    ...(patient === undefined ? [] : [texts(patient, keys(), ({ key }) => key ?? "")]),
    ...(split === undefined ? [] : [texts(split, ["train", "test"], (record) => record.split ?? "")]),
    ...noisedColumns(table).map((column) => columnMember(column, count)),
    ...(hasLabel
      ? [texts(label.name, label.values.map(String), (record) => String(label.values[record.label ?? -1] ?? ""))]
      : []),
  ];
}

function columnMember({ name, slot, ...own }: NoisedColumn, count: number): Member {
  if (slot === null) {
    const offset = "offset" in own ? own.offset : -1;
    return numberMember(name, [count], (features, index) => features[offset + index] ?? Number.NaN);
  }
  const { column, offset } = slot;
  if (column.type === "category") {
    const values = column.values.map(String);
    return textMember(name, count, values, ({ features }) =>
      isMissing(features, slot) ? "" : (values[largestPlace(features, offset, values.length)] ?? ""),
    );
  }
  const shape = column.type === "array" ? [count, ...column.shape] : [count];
  return numberMember(name, shape, (features, index) =>
    isMissing(features, slot) ? Number.NaN : ownUnit(features[offset + index] ?? Number.NaN, column),
  );
}

function numberMember(
  name: string,
  shape: readonly number[],
  at: (features: Float64Array, index: number) => number,
): Member {
  const width = shape.slice(1).reduce((product, side) => product * side, 1);
  return {
    name,
    isPlain: shape.length === 1,
    start: npyStart("<f4", shape),
    recordBytes: FLOAT_BYTES * width,
    write: ({ features }, view, from) => {
      for (let index = 0; index < width; index++)
        view.setFloat32(from + FLOAT_BYTES * index, at(features, index), true);
    },
  };
}

function textMember(
  name: string,
  count: number,
  values: readonly string[],
  of: (record: NoisedRecord) => string,
): Member {
  const points = values.reduce((most, value) => Math.max(most, [...value].length), 1);
  return {
    name,
    isPlain: true,
    start: npyStart(`<U${points}`, [count]),
    recordBytes: POINT_BYTES * points,
    write: (record, view, from) => {
      const text = [...of(record)];
      assert(text.length <= points, "each text fits into its column");
      for (let i = 0; i < points; i++) view.setUint32(from + POINT_BYTES * i, text[i]?.codePointAt(0) ?? 0, true);
    },
  };
}

/** Neighbours whose columns fit into a piece together. */
function groupsOf(members: readonly Member[], count: number): readonly (readonly Member[])[] {
  const groups: Member[][] = [];
  let room = 0;
  for (const member of members) {
    const bytes = bodyBytes(member, count);
    const last = groups.at(-1);
    if (last === undefined || bytes > room) {
      groups.push([member]);
      room = Math.max(0, CHUNK_BYTES - bytes);
    } else {
      last.push(member);
      room -= bytes;
    }
  }
  return groups;
}

function arrayBytes(member: Member, count: number): number {
  return member.start.length + bodyBytes(member, count);
}

function bodyBytes(member: Member | undefined, count: number): number {
  return (member?.recordBytes ?? 0) * count;
}

function columnsOf({ count, records }: NoisedTable, members: readonly Member[]): readonly Uint8Array[] {
  const columns = members.map((member) => new DataView(new ArrayBuffer(bodyBytes(member, count))));
  let place = 0;
  for (const record of records) {
    for (const [index, { write, recordBytes }] of members.entries()) {
      const column = columns[index];
      assert(column !== undefined, "each member has its column");
      write(record, column, place * recordBytes);
    }
    place += 1;
  }
  return columns.map(({ buffer }) => new Uint8Array(buffer));
}

function* streamed({ records }: NoisedTable, { write, recordBytes }: Member): Generator<Uint8Array> {
  const view = new DataView(new ArrayBuffer(recordBytes));
  for (const record of records) {
    write(record, view, 0);
    yield new Uint8Array(view.buffer);
  }
}

/** NEP 1, format 1.0; the numbers start at a multiple of 64. */
function npyStart(descr: string, shape: readonly number[]): Uint8Array {
  const sides = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${sides}), }`;
  const length = 64 * Math.ceil((10 + text.length + 1) / 64);
  const start = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${text.padEnd(length - 11)}\n`, "latin1");
  start.writeUInt16LE(length - 10, 8);
  return start;
}
