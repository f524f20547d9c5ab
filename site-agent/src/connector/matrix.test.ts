import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { RawValue } from "@consilium/shared/study/features";
import { DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { openNumpy } from "./numpyMatrix.ts";
import { openData } from "./open.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-matrix-"));
afterAll(() => rmSync(folder, { recursive: true }));

const Numbers = z.array(z.array(z.number().nullable()));
const vectors = z
  .object({
    source: z.string(),
    cases: z.array(z.object({ name: z.string(), npy: z.base64(), values: Numbers })),
    archives: z.array(z.object({ name: z.string(), npz: z.base64() })),
    archiveValues: Numbers,
    genes: z.array(z.string()),
    refused: z.record(z.string(), z.base64()),
  })
  .parse(JSON.parse(readFileSync(fileURLToPath(new URL("../../../test/vectors/numpy.json", import.meta.url)), "utf8")));

let count = 0;
function file(ending: string, content: string | Uint8Array): string {
  count += 1;
  const path = join(folder, `m${count}.${ending}`);
  writeFileSync(path, content);
  return path;
}

/** A data set's file of a matrix, with annotations of as many samples, by name where there are names. */
function dataset(matrix: string, keys: string, samples: readonly string[], byName = false): string {
  const lines = samples.map((sample, i) => `${sample},p${i},${i % 2}`);
  const annotations = file("csv", `sample,pid,label\n${lines.join("\n")}\n`);
  const more = byName ? "sample: sample" : "";
  return file(
    "yaml",
    `apiVersion: consilium/v1\nkind: Dataset\nsource: { matrix: { file: "${matrix}", ${keys}, ` +
      `annotations: { file: "${annotations}", ${more} } } }\n`,
  );
}

async function read(path: string, columns?: readonly string[]): Promise<readonly (readonly RawValue[])[]> {
  const connector = await openData(path);
  try {
    const rows: (readonly RawValue[])[] = [];
    for await (const chunk of connector.rows(columns ?? (await connector.columns()))) rows.push(...chunk);
    return rows;
  } finally {
    await connector.close();
  }
}

function decoded(base64: string): Buffer {
  return Buffer.from(base64, "base64");
}

/** As a matrix turned on its diagonal. */
function turned<T>(rows: readonly (readonly T[])[]): T[][] {
  return (rows[0] ?? []).map((_, i) => rows.flatMap((row) => row.slice(i, i + 1)));
}

/** A matrix that was turned has float32 numbers, as every record that a model sees. */
const float32 = (rows: readonly (readonly RawValue[])[]) =>
  rows.map((row) => row.map((value) => (typeof value === "number" ? Math.fround(value) : value)));
const numbersOf = (rows: readonly (readonly RawValue[])[]) => rows.map((row) => row.slice(3));

describe(`[DAT19] matrices as ${vectors.source} writes them`, () => {
  test.each(vectors.cases)("$name: line by line, and a part of each", async ({ name, npy, values }) => {
    const matrix = await (await openNumpy(file("npy", decoded(npy)))).matrix();
    const lines = name.endsWith("F") ? turned(values) : values;
    const parts: (readonly (number | null)[])[] = [];
    const present = (numbers: Float64Array) => Array.from(numbers, (value) => (Number.isNaN(value) ? null : value));
    for await (const line of matrix.lines(0, matrix.width, null)) parts.push(present(line.values));
    expect(parts).toEqual(lines);
    for await (const line of matrix.lines(1, 3, new Set([2])))
      expect([line.index, present(line.values)]).toEqual([2, lines[2]?.slice(1, 3)]);
  });

  test.each(vectors.cases.filter(({ name }) => name.startsWith("<f4")))("$name, both ways round", async (vector) => {
    const path = file("npy", decoded(vector.npy));
    const bySamples = dataset(path, "orientation: samples-by-genes", ["a", "b", "c"]);
    expect(numbersOf(await read(bySamples))).toEqual(vector.values);
    const byGenes = dataset(path, "orientation: genes-by-samples", ["a", "b", "c", "d"]);
    expect(numbersOf(await read(byGenes))).toEqual(turned(vector.values));
  });

  test.each(vectors.archives)("$name archive: the array that is named, with its names", async ({ npz }) => {
    const keys = "array: X, orientation: samples-by-genes, genes: { array: genes }, samples: { array: n }";
    const path = dataset(file("npz", decoded(npz)), keys, ["2", "0", "1"], true);
    const [second, third, first] = vectors.archiveValues;
    const given = await read(path, ["pid", ...vectors.genes]);
    expect(given).toEqual([
      ["p1", ...(second ?? [])],
      ["p2", ...(third ?? [])],
      ["p0", ...(first ?? [])],
    ]);
  });

  test("genes without names are numbered", async () => {
    const path = file("npy", decoded(vectors.cases.find(({ name }) => name === "<f8 C")?.npy ?? ""));
    const connector = await openData(dataset(path, "orientation: genes-by-samples", ["a", "b", "c", "d"]));
    expect(await connector.columns()).toEqual(["sample", "pid", "label", "g1", "g2", "g3"]);
    await connector.close();
  });
});

describe("[DAT19] matrices of text and Parquet are the numbers that were written", () => {
  const cell = fc.oneof(
    fc.double({ noNaN: true, min: -1e12, max: 1e12 }),
    fc.integer({ min: -1_000_000, max: 1_000_000 }),
    fc.constantFrom(null, 0.1, 1e-300, 123456789012345680, -0.5),
  );
  const matrix = fc
    .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 6 }))
    .chain(([rows, columns]) =>
      fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { minLength: rows, maxLength: rows }),
    );

  test("every number of a CSV, TSV or gzipped file, whatever its corner and line ends", async () => {
    await fc.assert(
      fc.asyncProperty(
        matrix,
        fc.constantFrom(",", "\t"),
        fc.constantFrom("\n", "\r\n"),
        fc.boolean(),
        fc.boolean(),
        async (values, delimiter, end, corner, gzipped) => {
          const across = (values[0] ?? []).map((_, i) => `"x,${i}"`);
          const lines = values.map((row, i) => [`r${i}`, ...row.map((value) => value ?? "NA")].join(delimiter));
          const text = [[...(corner ? [""] : []), ...across].join(delimiter), ...lines].join(end);
          const path = file(gzipped ? "txt.gz" : "txt", gzipped ? gzipSync(text) : text);
          const rowNames = values.map((_, i) => `r${i}`);
          const keys = `delimiter: "${delimiter === "\t" ? "\\t" : delimiter}", orientation`;
          const bySamples = await read(dataset(path, `${keys}: samples-by-genes`, rowNames, true));
          expect(numbersOf(bySamples)).toEqual(values);
          const names = across.map((name) => name.replace(/"/g, ""));
          const byGenes = dataset(
            path,
            `${keys}: genes-by-samples`,
            names.map((name) => `"${name}"`),
            true,
          );
          expect(numbersOf(await read(byGenes))).toEqual(float32(turned(values)));
        },
      ),
      { numRuns: 8 },
    );
  });

  test("blank lines are no lines", async () => {
    const path = file("csv", "x,a,b\n\nr1,1,2\n\nr2,3,4\n\n");
    const byGenes = dataset(path, "orientation: genes-by-samples", ["a", "b"], true);
    expect(await read(byGenes, ["r2", "pid"])).toEqual([
      [3, "p0"],
      [4, "p1"],
    ]);
  });

  test("Parquet with the compressions of its writers; several row groups", async () => {
    const connection = await (await DuckDBInstance.create(":memory:", { threads: "1" })).connect();
    for (const codec of ["snappy", "zstd", "gzip", "uncompressed"]) {
      const path = join(folder, `${codec}.parquet`);
      const genes = "i::DOUBLE / 4 AS g0, (i * 2)::FLOAT AS g1, CASE WHEN i = 3 THEN NULL ELSE i::BIGINT END AS g2";
      await connection.run(
        `COPY (SELECT 's' || i AS name, ${genes} FROM range(5000) t(i)) TO '${path}' ` +
          `(FORMAT parquet, COMPRESSION ${codec}, ROW_GROUP_SIZE 2048)`,
      );
      const samples = Array.from({ length: 5000 }, (_, i) => `s${i}`);
      const rows = await read(dataset(path, "orientation: samples-by-genes", samples, true), ["g2", "pid", "g0"]);
      expect(rows).toEqual(samples.map((_, i) => [i === 3 ? null : i, `p${i}`, i / 4]));
      const turnedRows = await read(dataset(path, "orientation: genes-by-samples", ["g1", "g0", "g2"], true), [
        "pid",
        "s7",
      ]);
      expect(turnedRows).toEqual([
        ["p1", 7 / 4],
        ["p0", 14],
        ["p2", 7],
      ]);
    }
    connection.closeSync();
  });

  test("gene by gene, a number that float32 can't hold is refused with its place; the greatest that it can is read", async () => {
    const rows = (value: string) => file("csv", `,a,b,c\ng0,1,2,3\ng1,4,${value},6\n`);
    const keys = "orientation: genes-by-samples";
    for (const value of ["1e39", "-1e300"]) {
      const path = dataset(rows(value), keys, ["a", "b", "c"], true);
      await expect(read(path, ["g0", "g1"])).rejects.toMatchObject({
        code: "data/matrix-number",
        message: expect.stringContaining("Gene 2 of sample 2"),
      });
    }
    const path = dataset(rows("3.4028234663852886e38"), keys, ["a", "b", "c"], true);
    expect(await read(path, ["g1"])).toEqual([[4], [(2 - 2 ** -23) * 2 ** 127], [6]]);
  });

  test("a matrix of genes by samples that is wider than a block is turned block by block", async () => {
    const [genes, samples] = [9000, 2000];
    const header = Buffer.from(`{'descr': '|u1', 'fortran_order': False, 'shape': (${genes}, ${samples}), }\n`);
    const start = Buffer.concat([Buffer.from("\x93NUMPY\x01\x00\x00\x00", "latin1"), header]);
    start.writeUInt16LE(header.length, 8);
    const body = Buffer.alloc(genes * samples);
    const ramp = Buffer.from(Uint8Array.from({ length: samples + 251 }, (_, i) => i % 251));
    for (let g = 0; g < genes; g++) ramp.copy(body, g * samples, (3 * g) % 251, ((3 * g) % 251) + samples);
    const annotations = file("csv", `label\n${"0\n".repeat(samples)}`);
    const matrixFile = file("npy", Buffer.concat([start, body]));
    const path = file(
      "yaml",
      `apiVersion: consilium/v1\nkind: Dataset\nsource: { matrix: { file: "${matrixFile}", ` +
        `orientation: genes-by-samples, annotations: { file: "${annotations}" } } }\n`,
    );
    const connector = await openData(path);
    const columns = (await connector.columns()).slice(1);
    let [sample, wrong] = [0, 0];
    for await (const chunk of connector.rows(columns))
      for (const row of chunk) {
        for (const g of [0, 1700, 8999]) if (row[g] !== (3 * g + sample) % 251) wrong += 1;
        sample += 1;
      }
    await connector.close();
    expect([sample, wrong]).toEqual([samples, 0]);
  });
});
