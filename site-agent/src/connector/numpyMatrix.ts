/** A two-dimensional array of a `.npy` file, or of a member of a `.npz` (a zip archive), streamed line by line. */
import { unreadableData } from "./connector.ts";
import type { MatrixFile, MatrixLine } from "./matrixFile.ts";
import { type NpyHeader, numberReader, parseNpyHeader, readNames } from "./npy.ts";
import { type ArrayBytes, arraysIn, pieces, startOf } from "./numpyArrays.ts";

/** Unpacked bytes of a member that is kept: names of a million genes. */
const NAMES_BYTES_MAX = 64 * 2 ** 20;
const SIDE_MAX = 10_000_000;

/** Arrays of a file: one without a name, or those of an archive. */
export interface NumpyFile {
  readonly names: readonly string[];
  matrix(name?: string): Promise<MatrixFile>;
  texts(name: string): Promise<readonly string[]>;
}

export async function openNumpy(file: string): Promise<NumpyFile> {
  return arraysOf(await arraysIn(file));
}

function arraysOf(arrays: ReadonlyMap<string, ArrayBytes>): NumpyFile {
  const named = (name: string): ArrayBytes => {
    const array = arrays.get(name);
    if (array !== undefined) return array;
    throw unreadableData(
      "array-missing",
      `The file has no array '${name}'.`,
      `Name one of: ${[...arrays.keys()].slice(0, 20).join(", ") || "none is there"}.`,
    );
  };
  return {
    names: [...arrays.keys()],
    matrix: async (name) => {
      const [only, another] = [...arrays.keys()];
      if (name === undefined && (only === undefined || another !== undefined))
        throw unreadableData(
          "array-missing",
          `The file has ${arrays.size} arrays, and none was named.`,
          `Name one with array: ${[...arrays.keys()].slice(0, 20).join(", ")}.`,
        );
      return matrixOf(named(name ?? only ?? ""));
    },
    texts: async (name) => {
      const array = named(name);
      if (array.bytes > NAMES_BYTES_MAX)
        throw unreadableData("matrix-shape", `The array '${name}' is too large for names.`, "Name another array.");
      const parts: Buffer[] = [];
      for await (const part of array.stream()) parts.push(part);
      return readNames(Buffer.concat(parts));
    },
  };
}

async function matrixOf(array: ArrayBytes): Promise<MatrixFile> {
  const header = parseNpyHeader(await startOf(array));
  const [rows, columns] = header.shape;
  if (rows === undefined || columns === undefined || header.shape.length !== 2 || Math.max(rows, columns) > SIDE_MAX)
    throw unreadableData(
      "matrix-shape",
      `The array has the shape (${header.shape.slice(0, 5).join(", ")}), and a matrix has rows and columns.`,
      "Name a two-dimensional array, or reshape it.",
    );
  const { kind, bytes } = header.type;
  if (kind === "S" || kind === "U")
    throw unreadableData("matrix-type", "The array holds texts, not numbers.", "Name the array of numbers.");
  if (array.bytes !== header.headerBytes + rows * columns * bytes)
    throw unreadableData("matrix-truncated", "The array is cut short, or longer than its shape.", "Copy it again.");
  const width = header.isFortran ? rows : columns;
  return {
    width,
    linesAre: header.isFortran ? "columns" : "rows",
    lineCount: header.isFortran ? columns : rows,
    lineNames: async () => null,
    acrossNames: null,
    lines: (from, to, wanted) => linesOf(array, header, width, { from, to, wanted }),
    close: async () => undefined,
  };
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly wanted: ReadonlySet<number> | null;
}

/** The whole of the array is read, so that its checksum is checked; lines that nobody wants aren't decoded. */
async function* linesOf(
  array: ArrayBytes,
  header: NpyHeader,
  width: number,
  { from, to, wanted }: Range,
): AsyncGenerator<MatrixLine> {
  const { type } = header;
  const read = numberReader(type);
  const values = new Float64Array(to - from);
  let index = 0;
  for await (const line of pieces(array.stream(), header.headerBytes, width * type.bytes)) {
    if (wanted === null || wanted.has(index)) {
      read(line.subarray(from * type.bytes, to * type.bytes), to - from, values);
      yield { index, name: null, values };
    }
    index += 1;
  }
}
