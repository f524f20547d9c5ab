/** A Parquet file of a matrix, which is kept column by column; one of its columns holds the rows' names. */
import { type FileHandle, open } from "node:fs/promises";
import type { AsyncBuffer, FileMetaData } from "hyparquet";
import { unreadableData } from "./connector.ts";
import type { MatrixFile, MatrixLine } from "./matrixFile.ts";

/** Columns that are decoded at once. */
const COLUMNS_AT_ONCE = 128;

/** Without `key`, the first column holds the rows' names. */
export async function openParquetMatrix(path: string, key: string | undefined): Promise<MatrixFile> {
  const handle = await open(path, "r");
  try {
    const file = await bufferOf(handle);
    const { parquetMetadataAsync, parquetSchema } = await import("hyparquet");
    const metadata = await parquetMetadataAsync(file).catch(() => {
      throw damaged();
    });
    const names = parquetSchema(metadata).children.map(({ element }) => element.name);
    const keyColumn = key ?? names[0] ?? "";
    if (!names.includes(keyColumn))
      throw unreadableData("column-missing", `The matrix has no column '${keyColumn}'.`, "Correct the name.");
    const width = Number(metadata.num_rows);
    const source = { file, metadata, names: names.filter((name) => name !== keyColumn) };
    return {
      width,
      linesAre: "columns",
      lineCount: source.names.length,
      lineNames: async () => source.names,
      acrossNames: await keysOf({ ...source, names: [keyColumn] }, width),
      lines: (from, to, wanted) => linesOf(source, from, to, wanted),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

interface Source {
  readonly file: AsyncBuffer;
  readonly metadata: FileMetaData;
  readonly names: readonly string[];
}

/** One block of columns after another: those of a block are read together and then let go. */
async function* linesOf(
  source: Source,
  from: number,
  to: number,
  wanted: ReadonlySet<number> | null,
): AsyncGenerator<MatrixLine> {
  const places = source.names.flatMap((name, index) => (wanted === null || wanted.has(index) ? [{ name, index }] : []));
  for (let start = 0; start < places.length; start += COLUMNS_AT_ONCE) {
    const block = places.slice(start, start + COLUMNS_AT_ONCE);
    const values = new Map(block.map(({ name }) => [name, new Float64Array(to - from)]));
    await readColumns(source, [...values.keys()], from, to, (name, data, first) => {
      const column = values.get(name);
      for (let row = Math.max(from, first); row < Math.min(to, first + data.length); row++)
        if (column !== undefined) column[row - from] = asNumber(data[row - first]);
    });
    for (const { name, index } of block) {
      const column = values.get(name);
      if (column !== undefined) yield { index, name, values: column };
    }
  }
}

async function keysOf(source: Source, width: number): Promise<readonly string[]> {
  const keys = Array.from({ length: width }, () => "");
  await readColumns(source, source.names, 0, width, (_, data, first) => {
    for (let i = 0; i < data.length; i++) keys[first + i] = String(data[i] ?? "");
  });
  return keys;
}

async function readColumns(
  { file, metadata }: Source,
  columns: string[] | readonly string[],
  rowStart: number,
  rowEnd: number,
  take: (name: string, data: ArrayLike<unknown>, first: number) => void,
): Promise<void> {
  if (rowStart === rowEnd) return;
  const { parquetRead } = await import("hyparquet");
  const { compressors } = await import("hyparquet-compressors");
  try {
    await parquetRead({
      file,
      metadata,
      columns: [...columns],
      rowStart,
      rowEnd,
      compressors,
      onChunk: ({ columnName, columnData, rowStart: first }) => take(columnName, columnData, first),
    });
  } catch (error) {
    if (error instanceof Error && "remedy" in error) throw error;
    throw damaged();
  }
}

function asNumber(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "boolean") return value ? 1 : 0;
  if (value === null || value === undefined) return Number.NaN;
  throw unreadableData(
    "matrix-number",
    "A column of the matrix holds values that are no numbers.",
    "A Parquet matrix has one column of names; the others hold numbers.",
  );
}

async function bufferOf(handle: FileHandle): Promise<AsyncBuffer> {
  const { size } = await handle.stat();
  return {
    byteLength: size,
    slice: async (start, end = size) => {
      const bytes = new Uint8Array(Math.max(0, end - start));
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
      return bytes.buffer.slice(0, bytesRead);
    },
  };
}

function damaged(): Error {
  return unreadableData("unreadable", "The Parquet file is cut short or damaged.", "Copy or export it again.");
}
