/**
 * A `.npz` whose arrays all have the records along their first side: of one side a column of numbers or texts, of more a
 * column of arrays. Numbers are NaN and texts empty where a value is missing. Arrays are streamed; columns, which are
 * labels, keys and measurements, are held.
 */
import type { RawArray, RawValue } from "@consilium/shared/study/features";
import { type Connector, placesOf, unreadableData } from "./connector.ts";
import { type NpyHeader, numberReader, parseNpyHeader, readNames } from "./npy.ts";
import { type ArrayBytes, arraysIn, pieces, startOf } from "./numpyArrays.ts";

/** Of a column, which is held while it is read. */
export const COLUMN_BYTES_MAX = 256 * 2 ** 20;
/** Numbers of arrays handed on at once, or one record's. */
const CHUNK_NUMBERS = 2 ** 18;

interface Member {
  readonly array: ArrayBytes;
  readonly header: NpyHeader;
}

export async function openArrayTable(file: string): Promise<Connector> {
  const members = new Map<string, Member>();
  for (const [name, array] of await arraysIn(file)) members.set(name, await memberOf(name, array));
  const sides = [...members.values()].map(({ header }) => header.shape);
  const [count] = sides[0] ?? [];
  if (count === undefined || !sides.some(({ length }) => length === 1) || sides.some(([first]) => first !== count))
    throw unreadableData(
      "needs-dataset-file",
      "The archive's arrays are no columns of the same records: their first sides differ, or none is a plain column.",
      "Write a data set's file that says what they are: consilium-site data --help",
    );
  const names = [...members.keys()];
  return {
    columns: async () => names,
    rows: (columns) => {
      const places = placesOf(names, columns);
      return rowsOf(
        places.flatMap((place) => members.get(names[place] ?? "") ?? []),
        count,
      );
    },
    findings: () => [],
    close: async () => {},
  };
}

async function memberOf(name: string, array: ArrayBytes): Promise<Member> {
  const header = parseNpyHeader(await startOf(array));
  const { shape, type, headerBytes, isFortran } = header;
  const isText = type.kind === "S" || type.kind === "U";
  const values = shape.reduce((product, side) => product * side, 1);
  if (shape.length === 0 || (shape.length > 1 && (isFortran || isText)))
    throw unreadableData(
      "matrix-type",
      `The array '${name}' is no column of numbers or texts, nor one of arrays in C order.`,
      "Save it with numpy.ascontiguousarray.",
    );
  if (array.bytes !== headerBytes + values * type.bytes)
    throw unreadableData("matrix-truncated", `The array '${name}' is cut short.`, "Copy it again.");
  if (shape.length === 1 && array.bytes > COLUMN_BYTES_MAX)
    throw unreadableData("matrix-shape", `The column '${name}' is too large.`, "Split the records into several files.");
  return { array, header };
}

/** One column's values in the records' order. */
type Values = AsyncIterator<RawValue>;

async function* rowsOf(members: readonly Member[], count: number): AsyncGenerator<readonly (readonly RawValue[])[]> {
  const columns: Values[] = members.map((member) =>
    member.header.shape.length === 1 ? plainValues(member) : arrayValues(member),
  );
  const width = members.reduce((sum, { header }) => sum + header.shape.slice(1).reduce((a, b) => a * b, 1), 0);
  const rowsPerChunk = Math.max(1, Math.floor(CHUNK_NUMBERS / Math.max(1, width)));
  try {
    for (let from = 0; from < count; from += rowsPerChunk) {
      const rows: RawValue[][] = [];
      for (let row = from; row < Math.min(count, from + rowsPerChunk); row++) rows.push(await nextOf(columns));
      yield rows;
    }
    // The end of a member is where its checksum is checked.
    for (const column of columns) await column.next();
  } finally {
    for (const column of columns) await column.return?.();
  }
}

async function nextOf(columns: readonly Values[]): Promise<RawValue[]> {
  const row: RawValue[] = [];
  for (const column of columns) row.push((await column.next()).value ?? null);
  return row;
}

async function* plainValues({ array, header }: Member): AsyncGenerator<RawValue, undefined> {
  const parts: Buffer[] = [];
  for await (const part of array.stream()) parts.push(part);
  const content = Buffer.concat(parts);
  if (header.type.kind === "S" || header.type.kind === "U") {
    for (const text of readNames(content)) yield text === "" ? null : text;
    return;
  }
  const numbers = new Float64Array(header.shape[0] ?? 0);
  numberReader(header.type)(content.subarray(header.headerBytes), numbers.length, numbers);
  for (const number of numbers) yield Number.isNaN(number) ? null : number;
}

async function* arrayValues({ array, header }: Member): AsyncGenerator<RawArray | null, undefined> {
  const { type, headerBytes } = header;
  const shape = header.shape.slice(1);
  const width = shape.reduce((product, side) => product * side, 1);
  const numbers = new Float64Array(width);
  const read = numberReader(type);
  for await (const piece of pieces(array.stream(), headerBytes, width * type.bytes)) {
    read(piece, width, numbers);
    yield numbers.every(Number.isNaN) ? null : { shape, values: Float32Array.from(numbers) };
  }
}
