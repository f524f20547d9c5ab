/**
 * Expression matrices, genes × samples or samples × genes, joined by sample with a table of patients, labels and
 * clinical columns. Streamed: a matrix that is kept gene by gene is turned in blocks of samples, each a pass over the
 * file, so that memory is bounded by the block and not by the number of samples.
 */
import { readFile } from "node:fs/promises";
import type { RawValue } from "@consilium/shared/study/features";
import { type Connector, placesOf, unreadableData } from "./connector.ts";
import type { MatrixFile } from "./matrixFile.ts";
import type { MatrixSource } from "./source.ts";
import { MAGIC, resolveFile, startsWith } from "./sourceFile.ts";

/** Of float32 values of the genes asked for. 64 MiB are 667 samples of 25,160 genes. */
const BLOCK_BYTES = 64 * 2 ** 20;
/** Decoding Parquet anew for each block costs more than memory: 200 MB are 2,000 samples of 25,160 genes. */
const PARQUET_BLOCK_BYTES = 256 * 2 ** 20;
/** Values in a chunk of records. */
const CHUNK_VALUES = 2 ** 15;

export async function openMatrix(source: MatrixSource, at: (path: string) => string): Promise<Connector> {
  const { openTable } = await import("./table.ts");
  const { file: path, sample: key, ...choice } = source.annotations;
  const annotations = await readAnnotations(await openTable(at(path), choice), key);
  const { matrix, genes, samples } = await openNamed(source, at);
  try {
    const linesAreSamples = (matrix.linesAre === "rows") === (source.orientation === "samples-by-genes");
    const [ofLines, across] = [await namesOfLines(matrix, linesAreSamples), matrix.acrossNames];
    const geneCount = linesAreSamples ? matrix.width : (matrix.lineCount ?? ofLines?.length ?? 0);
    const geneNames =
      genes ?? (linesAreSamples ? across : ofLines) ?? Array.from({ length: geneCount }, (_, i) => `g${i + 1}`);
    const sampleNames = samples ?? (linesAreSamples ? ofLines : across);
    const sampleCount = linesAreSamples ? matrix.lineCount : matrix.width;
    requireLength("names of genes", geneNames.length, geneCount);
    if (sampleNames !== null && sampleCount !== null)
      requireLength("names of samples", sampleNames.length, sampleCount);
    const isParquet = startsWith(resolveFile(at(source.file)), MAGIC.parquet);
    const parts = { matrix, annotations, sampleNames, blockBytes: isParquet ? PARQUET_BLOCK_BYTES : BLOCK_BYTES };
    const names = [...annotations.names, ...geneNames];
    return {
      columns: async () => names,
      rows: (columns) => {
        const places = placesOf(names, columns);
        return linesAreSamples ? sampleLines(parts, places) : geneLines(parts, places);
      },
      findings: () => [],
      close: () => matrix.close(),
    };
  } catch (error) {
    await matrix.close();
    throw error;
  }
}

/** A text's lines are named as they come; where they are genes their names are the columns and are read first. */
async function namesOfLines(matrix: MatrixFile, linesAreSamples: boolean): Promise<readonly string[] | null> {
  return linesAreSamples && matrix.lineCount === null ? null : matrix.lineNames();
}

interface Opened {
  readonly matrix: MatrixFile;
  readonly genes: readonly string[] | null;
  readonly samples: readonly string[] | null;
}

async function openNamed(source: MatrixSource, at: (path: string) => string): Promise<Opened> {
  const file = resolveFile(at(source.file));
  const isZip = startsWith(file, MAGIC.zip);
  const namesOf = async (given: MatrixSource["genes"]): Promise<readonly string[] | null> => {
    if (given === undefined) return null;
    if (given.file !== undefined) return linesOfText(at(given.file));
    return (await import("./numpyMatrix.ts")).openNumpy(file).then((arrays) => arrays.texts(given.array ?? ""));
  };
  const [genes, samples] = [await namesOf(source.genes), await namesOf(source.samples)];
  if (isZip || startsWith(file, MAGIC.npy)) {
    const { openNumpy } = await import("./numpyMatrix.ts");
    return { matrix: await (await openNumpy(file)).matrix(source.array), genes, samples };
  }
  if (startsWith(file, MAGIC.parquet)) {
    const { openParquetMatrix } = await import("./parquetMatrix.ts");
    return { matrix: await openParquetMatrix(file, source.key), genes, samples };
  }
  const { openTextMatrix } = await import("./textMatrix.ts");
  return { matrix: await openTextMatrix(file, source.delimiter), genes, samples };
}

async function linesOfText(path: string): Promise<readonly string[]> {
  const text = await readFile(resolveFile(path), "utf8");
  return text
    .replace(/^\uFEFF/, "")
    .trimEnd()
    .split(/\r?\n/);
}

/** What is known of samples, by their name or, without a key, in the matrix's order. */
interface Annotations {
  readonly names: readonly string[];
  readonly bySample: ReadonlyMap<string, readonly RawValue[]> | null;
  readonly inOrder: readonly (readonly RawValue[])[];
}

async function readAnnotations(table: Connector, key: string | undefined): Promise<Annotations> {
  try {
    const names = await table.columns();
    const place = key === undefined ? -1 : (placesOf(names, [key])[0] ?? -1);
    const inOrder: (readonly RawValue[])[] = [];
    for await (const chunk of table.rows(names)) inOrder.push(...chunk);
    if (key === undefined) return { names, bySample: null, inOrder };
    const bySample = new Map<string, readonly RawValue[]>();
    inOrder.forEach((row, i) => {
      const sample = String(row[place] ?? "").trim();
      if (bySample.has(sample)) throw repeatedSample("annotations", i + 1);
      bySample.set(sample, row);
    });
    return { names, bySample, inOrder };
  } finally {
    await table.close();
  }
}

interface Parts {
  readonly matrix: MatrixFile;
  readonly annotations: Annotations;
  readonly sampleNames: readonly string[] | null;
  readonly blockBytes: number;
}

/** Finds each sample's annotations, and refuses a sample that comes twice. */
class Join {
  readonly #seen = new Set<string>();

  constructor(
    private readonly annotations: Annotations,
    private readonly sampleNames: readonly string[] | null,
  ) {}

  of(sample: number, lineName: string | null): readonly RawValue[] {
    const { bySample, inOrder } = this.annotations;
    if (bySample === null) return inOrder[sample] ?? noAnnotation(sample);
    const name = this.sampleNames?.[sample] ?? lineName;
    if (name === null)
      throw unreadableData(
        "sample-names",
        "The matrix names no samples, and the annotations are joined by name.",
        "Name them with samples: { file } or { array }, or leave annotations.sample out: then lines are in its order.",
      );
    if (this.#seen.has(name.trim())) throw repeatedSample("matrix", sample + 1);
    this.#seen.add(name.trim());
    return bySample.get(name.trim()) ?? noAnnotation(sample);
  }

  finish(samples: number): void {
    if (this.annotations.bySample === null) requireLength("annotations", this.annotations.inOrder.length, samples);
  }
}

type Chunks = AsyncGenerator<readonly (readonly RawValue[])[]>;

async function* sampleLines({ matrix, annotations, sampleNames }: Parts, places: readonly number[]): Chunks {
  const join = new Join(annotations, sampleNames);
  const rowsPerChunk = chunkRows(places.length);
  let chunk: (readonly RawValue[])[] = [];
  let samples = 0;
  for await (const { index, name, values } of matrix.lines(0, matrix.width, null)) {
    const known = join.of(index, name);
    chunk.push(places.map((place) => (place < known.length ? known[place] : present(values[place - known.length]))));
    samples += 1;
    if (chunk.length < rowsPerChunk) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
  join.finish(samples);
}

/** Lines are genes: a block of samples is gathered from all of them, then handed on sample by sample. */
async function* geneLines({ matrix, annotations, sampleNames, blockBytes }: Parts, places: readonly number[]): Chunks {
  const join = new Join(annotations, sampleNames);
  const offset = annotations.names.length;
  const genes = [...new Set(places.filter((place) => place >= offset))].map((place) => place - offset);
  const columnOf = new Map(genes.map((gene, column) => [gene, column]));
  const samplesPerBlock = Math.max(1, Math.floor(blockBytes / (4 * Math.max(1, genes.length))));
  for (let from = 0; from < matrix.width; from += samplesPerBlock) {
    const to = Math.min(matrix.width, from + samplesPerBlock);
    const width = to - from;
    const block_GS = new Float32Array(genes.length * width);
    for await (const { index, values } of matrix.lines(from, to, new Set(genes))) {
      requireFloat32(values, index, from);
      block_GS.set(values, (columnOf.get(index) ?? 0) * width);
    }
    const step = chunkRows(places.length);
    for (let start = from; start < to; start += step) {
      const known = Array.from({ length: Math.min(step, to - start) }, (_, i) => join.of(start + i, null));
      const records = known.map((): RawValue[] => []);
      // Gene by gene: neighbouring samples' values lie side by side.
      for (const place of places) {
        const first = (columnOf.get(place - offset) ?? 0) * width + start - from;
        records.forEach((record, i) => {
          record.push(place < offset ? known[i]?.[place] : present(block_GS[first + i]));
        });
      }
      yield records;
    }
  }
  join.finish(matrix.width);
}

const FLOAT32_MAX = (2 - 2 ** -23) * 2 ** 127;

/** A finite number that float32 can't hold would become infinite without a word. */
function requireFloat32(values: Float64Array, gene: number, from: number): void {
  const sample = values.findIndex((value) => Math.abs(value) > FLOAT32_MAX && Number.isFinite(value));
  if (sample < 0) return;
  throw unreadableData(
    "matrix-number",
    `Gene ${gene + 1} of sample ${from + sample + 1} is a number beyond 3.4e38, which is no measurement.`,
    "Correct it, or leave it empty where it is missing.",
  );
}

function chunkRows(width: number): number {
  return Math.max(1, Math.floor(CHUNK_VALUES / Math.max(1, width)));
}

function present(value: number | undefined): RawValue {
  return value === undefined || Number.isNaN(value) ? null : value;
}

function noAnnotation(sample: number): never {
  throw unreadableData(
    "sample-unannotated",
    `Sample ${sample + 1} of the matrix has no line in its annotations.`,
    "Add its line with patient and label, or take the sample out of the matrix.",
  );
}

function repeatedSample(where: string, line: number): Error {
  return unreadableData(
    "sample-repeated",
    `Sample ${line} of the ${where} comes a second time.`,
    "Give each sample a name of its own; a patient may have several samples.",
  );
}

function requireLength(what: string, found: number, wanted: number): void {
  if (found === wanted) return;
  throw unreadableData(
    "matrix-shape",
    `There are ${found} ${what} for ${wanted} in the matrix.`,
    "Check the orientation, and that names and annotations are those of this matrix.",
  );
}
