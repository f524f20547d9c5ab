import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32, deflateRawSync, gzipSync } from "node:zlib";
import { Failure } from "@consilium/shared/failure/failure";
import Sqlite from "better-sqlite3";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { checkData } from "./data.ts";
import type { Output } from "./output.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-broken-"));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
});

const vectors = z
  .object({ refused: z.record(z.string(), z.base64()) })
  .parse(JSON.parse(readFileSync(fileURLToPath(new URL("../../../test/vectors/numpy.json", import.meta.url)), "utf8")));

type Content = string | Uint8Array;

function put(name: string, content: Content): void {
  mkdirSync(join(folder, name, ".."), { recursive: true });
  writeFileSync(join(folder, name), content);
}

const source = (text: string): string => `apiVersion: consilium/v1\nkind: Dataset\nsource: ${text}\n`;

function npy(shape: string, body: Uint8Array, type = "<f4"): Buffer {
  const header = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape}), }\n`;
  const start = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${header}`, "latin1");
  start.writeUInt16LE(header.length, 8);
  return Buffer.concat([start, body]);
}

/** An archive of one array; what its directory states may be another size. */
function npz(content: Buffer, stated = content.length): Buffer {
  const packed = deflateRawSync(content);
  const name = Buffer.from("X.npy");
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(8, 8);
  header.writeUInt16LE(name.length, 26);
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x02014b50, 0);
  entry.writeUInt16LE(8, 10);
  entry.writeUInt32LE(crc32(content), 16);
  entry.writeUInt32LE(packed.length, 20);
  entry.writeUInt32LE(stated, 24);
  entry.writeUInt16LE(name.length, 28);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(entry.length + name.length, 12);
  end.writeUInt32LE(header.length + name.length + packed.length, 16);
  return Buffer.concat([header, name, packed, entry, name, end]);
}

const ANNOTATIONS = "sample,label\ns1,0\ns2,1\n";
const MATRIX = "orientation: samples-by-genes, annotations: { file: a.csv }";
const BY_NAME = "orientation: samples-by-genes, annotations: { file: a.csv, sample: sample }";
const floats = (count: number): Buffer => Buffer.from(new Float32Array(count).buffer);

interface Broken {
  readonly files: Readonly<Record<string, Content>>;
  /** What is named: the data set's file, unless told. */
  readonly path?: string;
  readonly code: string;
  readonly says: RegExp;
}

const matrix = (file: Content, ending: string, keys: string, code: string, says: RegExp): Broken => ({
  files: {
    "set.yaml": source(`{ matrix: { file: m.${ending}, ${keys} } }`),
    "a.csv": ANNOTATIONS,
    [`m.${ending}`]: file,
  },
  code,
  says,
});

const bare = (name: string, content: Content, code: string, says: RegExp): Broken => ({
  files: { [name]: content },
  path: name,
  code,
  says,
});

const CASES: Readonly<Record<string, Broken>> = {
  "an empty file": bare("d.csv", "", "data/empty", /empty/),
  "a letter": bare("d.txt", "Secret letter\n", "data/no-table", /no delimiter/),
  "a spreadsheet": bare("d.xlsx", "PK\x03\x04Secret", "data/file-kind", /spreadsheet/),
  "a gzip cut short": bare(
    "d.csv.gz",
    gzipSync("a,b\nSecret,2\n".repeat(99)).subarray(0, -9),
    "data/unreadable",
    /cut short/,
  ),
  "a ragged table": bare("d.csv", "a,b\n1,2\nSecret\n", "data/unreadable", /line 3/),
  "another encoding": bare(
    "d.csv",
    Buffer.from("a,b\nSecret-\xe9,1\n", "latin1"),
    "data/unreadable",
    /isn't text in UTF-8/,
  ),
  "a header whose quote never closes": bare("d.csv", '"a,b\nSecret,2\n', "data/no-header", /header/),
  "Parquet cut short": bare("d.parquet", "PAR1Secret", "data/unreadable", /can't be read/),
  "JSON that isn't": bare("d.ndjson", '{"a": 1}\n{"Secret', "data/unreadable", /can't be read/),
  "SQLite cut short": bare("d.db", `SQLite format 3\0${"Secret".repeat(30)}`, "data/unreadable", /damaged/),
  "a matrix by itself": bare("d.npy", npy("1, 1", floats(1)), "data/needs-dataset-file", /patient and label/),
  "a data set's file with a wrong key": bare(
    "d.yaml",
    source("{ tabel: {} }"),
    "data/dataset-file-invalid",
    /mean 'table'/,
  ),
  "no file behind a data set's file": bare(
    "d.yaml",
    source("{ table: { file: none.csv } }"),
    "data/file-missing",
    /no such/,
  ),
  "no such table": {
    files: { "set.yaml": source("{ sqlite: { file: d.db, table: visit } }"), "d.db": database() },
    code: "data/table-missing",
    says: /no table 'visit'/,
  },
  "a query that writes": {
    files: { "set.yaml": source("{ sqlite: { file: d.db, query: drop table visits } }"), "d.db": database() },
    code: "data/query-writes",
    says: /not one SELECT/,
  },
  "not a database": {
    files: { "set.yaml": source("{ sqlite: { file: d.csv, table: visits } }"), "d.csv": "Secret,b\n1,2\n" },
    code: "data/file-kind",
    says: /no SQLite/,
  },
  "an array cut short": matrix(npy("2, 2", floats(3)), "npy", MATRIX, "data/matrix-truncated", /cut short/),
  "an archive cut short": matrix(
    npz(npy("2, 2", floats(4))).subarray(0, 90),
    "npz",
    MATRIX,
    "data/unreadable",
    /damaged/,
  ),
  "an archive altered": matrix(altered(npz(npy("2, 2", floats(4)))), "npz", MATRIX, "data/unreadable", /damaged/),
  "a zip bomb": matrix(npz(npy("2, 2", floats(4)), 4e9), "npz", MATRIX, "data/matrix-bomb", /far larger/),
  "a bomb that states to be small": matrix(
    npz(npy("2, 2", floats(9_999)), 144),
    "npz",
    MATRIX,
    "data/unreadable",
    /damaged/,
  ),
  "a pickle": matrix(refused("pickled"), "npy", MATRIX, "data/matrix-pickled", /pickled/),
  "a structured array": matrix(refused("structured"), "npy", MATRIX, "data/matrix-type", /several types/),
  "complex numbers": matrix(refused("complex"), "npy", MATRIX, "data/matrix-type", /type <c8/),
  "a cube": matrix(refused("cube"), "npy", MATRIX, "data/matrix-shape", /shape \(2, 2, 2\)/),
  "annotations of another number of samples": matrix(
    npy("3, 1", floats(3)),
    "npy",
    MATRIX,
    "data/sample-unannotated",
    /Sample 3/,
  ),
  "fewer samples than annotations": matrix(
    npy("1, 1", floats(1)),
    "npy",
    MATRIX,
    "data/matrix-shape",
    /2 annotations for 1/,
  ),
  "a sample without annotation": matrix("x,g\ns1,1\nSecret,2\n", "csv", BY_NAME, "data/sample-unannotated", /Sample 2/),
  "a sample twice": matrix("x,g\ns1,1\ns1,Secret\n", "csv", BY_NAME, "data/matrix-number", /Line 3/),
  "one sample under two lines": matrix("x,g\ns1,1\ns1,2\n", "csv", BY_NAME, "data/sample-repeated", /Sample 2/),
  "a ragged matrix": matrix("x,g\ns1,1\ns2,1,2\n", "csv", BY_NAME, "data/unreadable", /line 3/),
  "a harmonised column that isn't there": {
    files: {
      "set.yaml": `${source("{ table: { file: d.csv } }")}harmonise: { sex: { from: Geschlect } }\n`,
      "d.csv": "Geschlecht,b\nSecret,2\n",
    },
    code: "data/harmonise-missing",
    says: /harmonises 'Geschlect'/,
  },
  "an unknown visit": {
    files: {
      "set.yaml": source("{ series: { file: d.csv, patient: p, visit: v, visits: [1], columns: [x] } }"),
      "d.csv": "p,v,x\na,Secret,1\n",
    },
    code: "data/visit-unknown",
    says: /Row 1/,
  },
  "a FHIR line that is no JSON": {
    files: {
      "set.yaml": source("{ fhir: { folder: f, columns: { sex: { patient: sex } } } }"),
      "f/Patient.ndjson": "{Secret\n",
    },
    code: "data/unreadable",
    says: /Line 1/,
  },
  "an observation of an unknown patient": {
    files: {
      "set.yaml": source('{ fhir: { folder: f, columns: { x: { observation: ["s|c"] } } } }'),
      "f/Patient.ndjson": '{"resourceType":"Patient","id":"a"}\n',
      "f/Observation.ndjson":
        '{"resourceType":"Observation","code":{"coding":[{"system":"s","code":"c"}]},"subject":{"reference":"Patient/Secret"}}\n',
    },
    code: "data/patient-unknown",
    says: /Line 1/,
  },
};

function database(): Uint8Array {
  const made = new Sqlite(":memory:");
  made.exec("create table visits (id text); insert into visits values ('Secret')");
  const bytes = made.serialize();
  made.close();
  return bytes;
}

function refused(name: string): Buffer {
  return Buffer.from(vectors.refused[name] ?? "", "base64");
}

/** One byte of what is packed, near its end. */
function altered(archive: Buffer): Buffer {
  const copy = Buffer.from(archive);
  copy.writeUInt8(copy.readUInt8(60) ^ 1, 60);
  return copy;
}

async function checked(path: string): Promise<{ failure: unknown; written: number }> {
  let written = 0;
  const output: Output = { isJson: false, result: () => (written += 1), say: () => {} };
  const failure: unknown = await checkData(output, path).then(
    () => null,
    (error: unknown) => error,
  );
  return { failure, written };
}

describe("[DAT2] broken data: what is amiss, where and what to do; nothing is written", () => {
  test("there are more than twenty kinds", () => {
    expect(Object.keys(CASES).length).toBeGreaterThan(20);
  });

  test.each(Object.entries(CASES))("%s", async (_, { files, path = "set.yaml", code, says }) => {
    for (const [name, content] of Object.entries(files)) put(name, content);
    const before = readdirSync(folder, { recursive: true }).sort();
    const { failure, written } = await checked(join(folder, path));
    if (!(failure instanceof Failure)) throw new Error(`expected a Failure, got ${String(failure)}`);
    expect([failure.code, failure.exitCode, written]).toEqual([code, 3, 0]);
    expect(failure.message).toMatch(says);
    expect(failure.message.startsWith(`${join(folder, path)}: `)).toBe(true);
    expect(failure.remedy.length).toBeGreaterThan(10);
    expect(`${failure.message} ${failure.remedy} ${JSON.stringify(failure.fields)}`).not.toContain("Secret");
    expect(readdirSync(folder, { recursive: true }).sort()).toEqual(before);
  });

  test("a PostgreSQL server that isn't there ends with the code of what can't be reached", async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve(z.object({ port: z.number() }).parse(server.address()).port));
    });
    await new Promise((resolve) => server.close(resolve));
    put(
      "set.yaml",
      source(`{ postgres: { host: 127.0.0.1, port: ${port}, database: d, user: u, table: t, tls: off } }`),
    );
    const { failure } = await checked(join(folder, "set.yaml"));
    expect(failure).toMatchObject({ code: "data/database-unreachable", exitCode: 5 });
  });
});
