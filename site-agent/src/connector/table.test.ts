import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Failure } from "@consilium/shared/failure/failure";
import type { RawValue } from "@consilium/shared/study/features";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, describe, expect, test } from "vitest";
import { openTable } from "./table.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-table-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(content: string | Uint8Array, name = `t${Math.random().toString(36).slice(2)}.csv`): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function read(path: string, columns: readonly string[]): Promise<readonly (readonly RawValue[])[]> {
  const table = await openTable(path);
  try {
    const rows: (readonly RawValue[])[] = [];
    for await (const chunk of table.rows(columns)) rows.push(...chunk);
    return rows;
  } finally {
    await table.close();
  }
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Failure)) throw new Error(`expected a Failure, got ${String(error)}`);
  return error;
}

describe("[DAT1] a table gives the columns asked for, in the order asked for, and no other", () => {
  test("byte order mark, CRLF, quotes, doubled quotes, line breaks in cells, unicode", async () => {
    const path = file('\uFEFFid,"na ""me""",größe\r\n1,"a, ""b""",ß\r\n2,"two\nlines",𝛿\r\n');
    expect(await read(path, ["größe", 'na "me"'])).toEqual([
      ["ß", 'a, "b"'],
      ["𝛿", "two\nlines"],
    ]);
  });

  test.each([";", "\t", "|"])("delimiter %j", async (delimiter) => {
    expect(await read(file(`a${delimiter}b\n1,5${delimiter}2\n`), ["b", "a"])).toEqual([["2", "1,5"]]);
  });

  test("empty cells, NA, NaN, null and ? are missing; quoted ones too", async () => {
    const rows = await read(file('a,b\n,1\nNA,1\nNaN,1\nnull,1\n?,1\n"",1\n"?",1\n0,1\n'), ["a"]);
    expect(rows.map(([a]) => a)).toEqual([null, null, null, null, null, null, null, "0"]);
  });

  test("values are text as written: nothing is rounded or guessed", async () => {
    const path = file("a\n007\n1e400\n12345678901234567890\n2024-01-02\ntrue\n");
    expect((await read(path, ["a"])).map(([a]) => a)).toEqual([
      "007",
      "1e400",
      "12345678901234567890",
      "2024-01-02",
      "true",
    ]);
  });

  test("many rows come in the file's order", async () => {
    const rows = await read(file(`a,b\n${Array.from({ length: 7000 }, (_, i) => `${i},x`).join("\n")}\n`), ["a"]);
    expect(rows.map(([a]) => Number(a))).toEqual(Array.from({ length: 7000 }, (_, i) => i));
  });

  test("blank lines at the end are no rows", async () => {
    expect(await read(file("a,b\n1,2\n\n\n"), ["a", "b"])).toEqual([["1", "2"]]);
  });

  test("a header alone has no rows", async () => {
    expect(await read(file("a,b\n"), ["a"])).toEqual([]);
  });

  test("more columns than the default line limit was made for", async () => {
    const names = Array.from({ length: 12_000 }, (_, i) => `g${i}`);
    const path = file(`${names.join(",")}\n${names.map((_, i) => i).join(",")}\n`);
    expect(await read(path, ["g11999", "g0"])).toEqual([["11999", "0"]]);
  });

  test("Parquet: numbers, NaN, null, text", async () => {
    const path = join(folder, "p.parquet");
    const connection = await (await DuckDBInstance.create(":memory:")).connect();
    await connection.run(
      `COPY (SELECT * FROM (VALUES (1.5::DOUBLE, 'x', 1), ('NaN'::DOUBLE, '?', NULL)) t("a ""q""", b, c)) ` +
        `TO '${path}' (FORMAT parquet)`,
    );
    connection.closeSync();
    expect(await read(path, ["c", 'a "q"', "b"])).toEqual([
      ["1", "1.5", "x"],
      [null, null, null],
    ]);
  });

  test.each([
    ["NDJSON", "n.ndjson", (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("")],
    ["a JSON list", "n.json", (rows: readonly object[]) => JSON.stringify(rows, null, 2)],
    [
      "gzipped NDJSON",
      "n.jsonl.gz",
      (rows: readonly object[]) => gzipSync(rows.map((row) => JSON.stringify(row)).join("\n")),
    ],
  ])(
    "%s: keys of all records are the columns, whatever signs they hold; absent and null are missing",
    async (_, name, write) => {
      const path = file(
        write([
          { id: "p1", "a/b~$": 1.5, 'q"': true },
          { id: "p2", n: 12345678901234567890n.toString() },
          { id: null, n: "NA" },
        ]),
        name,
      );
      expect(await read(path, ["id", "a/b~$", 'q"', "n"])).toEqual([
        ["p1", "1.5", "true", null],
        ["p2", null, null, "12345678901234567890"],
        [null, null, null, null],
      ]);
    },
  );

  test("gzipped CSV, wide and long", async () => {
    const names = Array.from({ length: 2000 }, (_, i) => `c${i}`);
    const lines = Array.from({ length: 40 }, (_, r) => names.map((_, i) => r * i).join("\t"));
    const path = file(gzipSync([names.join("\t"), ...lines].join("\n")), "wide.tsv.gz");
    expect((await read(path, ["c1999", "c1"]))[39]).toEqual([String(39 * 1999), "39"]);
  });

  test("a decimal comma, and texts of its own for missing", async () => {
    const path = file("a;b\n1,5;x\n-1.234,25;k.A.\n7;2,0\n");
    const table = await openTable(path, { decimal: ",", missing: ["k.A."] });
    const chunks: unknown[] = [];
    for await (const chunk of table.rows(["a", "b"])) chunks.push(...chunk);
    await table.close();
    expect(chunks).toEqual([
      ["1.5", "x"],
      ["-1234.25", null],
      ["7", "2.0"],
    ]);
    // 1.234 may be a patient's key: it must not become the patient 1234.
    for (const value of ["1.55", "1.234", "-1.234.567"]) {
      const mixed = await openTable(file(`a;b\n${value};1\n`), { decimal: "," });
      const rows = mixed.rows(["a"])[Symbol.asyncIterator]();
      await expect(rows.next()).rejects.toMatchObject({ code: "data/decimal-mixed" });
      await mixed.close();
    }
  });

  test("a path with a quote in it", async () => {
    expect(await read(file("a\n1\n", "o'hara.csv"), ["a"])).toEqual([["1"]]);
  });
});

describe("[DAT2] what can't be read is refused without a path or a value", () => {
  test.each([
    ["an empty file", "", "data/empty"],
    ["blank lines alone", "\n\n", "data/no-header"],
    ["a header whose quote never closes", '"a,b\n1,2\n', "data/no-header"],
    ["a broken compressed file", Uint8Array.of(0x1f, 0x8b, 8, 0), "data/unreadable"],
    ["a compressed file cut short", gzipSync("a,b\nSecret-Name,2\n".repeat(500)).subarray(0, 60), "data/unreadable"],
    ["a spreadsheet", Buffer.from("PK\x03\x04 Secret-Name"), "data/file-kind"],
    ["a cut Parquet file", "PAR1 and no more", "data/unreadable"],
    ["Latin-1 text", Buffer.from("a,b\nSecret-M\xfcller,1\n", "latin1"), "data/unreadable"],
    ["a line with too few cells", "a,b\n1,2\nSecret-Name\n", "data/unreadable"],
    ["a line with too many cells", "a,b\n1,2\nSecret-Name,4,5\n", "data/unreadable"],
    ["a quote that never closes", 'a,b\n1,"Secret-Name\n2,3\n', "data/unreadable"],
  ])("%s", async (_, content, code) => {
    const path = file(content);
    const failure = await failureOf(read(path, ["a"]));
    expect(failure.code).toBe(code);
    for (const said of [failure.message, failure.remedy, JSON.stringify(failure.fields), String(failure.cause)])
      expect(said).not.toMatch(/Secret|consilium-table|\.csv/);
  });

  test("a missing file, a folder, a pattern of files", async () => {
    expect((await failureOf(openTable(join(folder, "none.csv")))).code).toBe("data/file-missing");
    expect((await failureOf(openTable(folder))).code).toBe("data/file-missing");
    file("a\n1\n", "all[1].csv");
    expect((await failureOf(openTable(join(folder, "all[1].csv")))).code).toBe("data/file-name");
  });

  test("a missing and a repeated column, when they are asked for", async () => {
    const path = file("a,a,b\n1,2,3\n");
    expect((await failureOf(read(path, ["c"]))).code).toBe("data/column-missing");
    expect((await failureOf(read(path, ["a"]))).code).toBe("data/column-repeated");
    expect(await read(path, ["b"])).toEqual([["3"]]);
  });
});
