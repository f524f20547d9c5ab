import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SanitizerMethod } from "@consilium/shared/sanitizer/method";
import { DataContract } from "@consilium/shared/study/contract";
import type { RawValue } from "@consilium/shared/study/features";
import { afterAll, describe, expect, test } from "vitest";
import { openData } from "../connector/open.ts";
import type { NoisedRecord } from "./noisedTable.ts";
import { npzChunks, requireNpz } from "./npzTable.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-npz-"));
afterAll(() => rmSync(folder, { recursive: true }));

const method: SanitizerMethod = { method: "pixel-laplace", beta: 1 };

function written(name: string, contract: DataContract, records: readonly NoisedRecord[], hasLabel = true): string {
  const table = { contract, method, hasLabel, count: records.length, records };
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat(Array.from(npzChunks(table), (chunk) => Buffer.from(chunk))));
  return path;
}

async function read(path: string) {
  const connector = await openData(path);
  try {
    const columns = await connector.columns();
    const rows: (readonly RawValue[])[] = [];
    for await (const chunk of connector.rows(columns)) rows.push(...chunk);
    return { columns, rows };
  } finally {
    await connector.close();
  }
}

const contract = DataContract.parse({
  columns: [
    { name: "film", type: "array", shape: [1, 2, 1], min: 0, max: 255, missing: { fill: 0, indicator: true } },
    { name: "age", type: "number", min: 0, max: 100, missing: { fill: 50, indicator: true } },
    { name: "view", type: "category", values: ["AP", "später"], missing: { fill: "AP", indicator: true } },
  ],
  label: { name: "sick", values: ["no", "yes"] },
  patient: "who",
  split: "part",
});
const record = (key: string, features: readonly number[], label: number | null): NoisedRecord => ({
  ...{ key, split: "test", label },
  features: Float64Array.from(features),
});

describe("[SAN19] noised records as an archive of arrays, and back through the connector", () => {
  test("arrays, numbers beyond their range, texts of any language, what is missing", async () => {
    const path = written("all.npz", contract, [
      record("Ärztin 💉", [-1, 3, 0, 1, 0, 0.1, 0.9, 0], 1),
      record("b", [0, 0, 0.9, 0, 0.9, 0.4, 0.2, 0.7], 0),
    ]);
    const { columns, rows } = await read(path);
    expect(columns).toEqual(["who", "part", "film", "age", "view", "sick"]);
    expect(rows).toEqual([
      ["Ärztin 💉", "test", { shape: [1, 2, 1], values: Float32Array.of(0, 510) }, 100, "später", "yes"],
      ["b", "test", null, null, null, "no"],
    ]);
  });

  test("no record, and no label", async () => {
    const { columns, rows } = await read(written("none.npz", contract, [], false));
    expect(columns).toEqual(["who", "part", "film", "age", "view"]);
    expect(rows).toEqual([]);
  });

  test("columns and pictures that pass a piece together and alone; each pass sees the same records", async () => {
    const count = 60;
    const columns = [
      { name: "film", type: "array", shape: [300, 300, 1], min: -1, max: 1 },
      ...Array.from({ length: 30 }, (_, i) => ({ name: `n${i}`, type: "number", min: -1, max: 1 })),
      { name: "scan", type: "array", shape: [200, 200, 1], min: -1, max: 1 },
      { name: "more", type: "array", shape: [100, 200, 1], min: -1, max: 1 },
    ];
    const wide = DataContract.parse({ columns, label: { name: "sick", values: [0, 1] } });
    const features = new Float64Array(90_000 + 30 + 60_000);
    const records = Array.from({ length: count }, (_, r) => ({ key: null, split: null, features, label: r % 2 }));
    const counting = {
      *[Symbol.iterator]() {
        for (const [r, one] of records.entries()) {
          features.forEach((_, i) => {
            features[i] = Math.fround(((r * 31 + i) % 997) / 997);
          });
          yield one;
        }
      },
    };
    const path = join(folder, "wide.npz");
    const chunks = npzChunks({ contract: wide, method, hasLabel: true, count, records: counting });
    writeFileSync(path, Buffer.concat(Array.from(chunks, (chunk) => Buffer.from(chunk))));
    const { rows } = await read(path);
    expect(rows).toHaveLength(count);
    for (const [r, row] of rows.entries()) {
      const numbers = row.slice(0, -1).flatMap((cell) => {
        if (typeof cell !== "object" || cell === null) return [Number(cell)];
        return Array.from(cell.values);
      });
      const wrong = numbers.findIndex((value, i) => Math.abs(value - ((r * 31 + i) % 997) / 997) > 1e-6);
      expect([r, wrong, numbers.length, row.at(-1)]).toEqual([r, -1, features.length, String(r % 2)]);
    }
  });

  const foreseen = (columns: readonly object[], count: number, key: string | null = null) => {
    const label = { name: "sick", values: ["no", "yes"] };
    const of = DataContract.parse({ columns, label, ...(key === null ? {} : { patient: "who" }) });
    return { contract: of, method, hasLabel: true, count, records: [{ key }] };
  };
  const numbers = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ name: `n${i}`, type: "number", min: 0, max: 1 }));
  const film = { name: "film", type: "array", shape: [224, 224, 3], min: 0, max: 255 };
  const said = (values: readonly string[]) =>
    Array.from({ length: 40 }, (_, i) => ({ name: `said${i}`, type: "category", values }));
  const HALF = 2 ** 20;

  test.each([
    ["1,001 columns", numbers(1001), 1, null, "these are 1001"],
    ["pictures of more than 4 GiB", [film], 7200, null, "4 GiB at most"],
    [
      "texts of more, whose noised places are none",
      said(["no", "a long answer ".repeat(2)]),
      HALF,
      null,
      "4 GiB at most",
    ],
    ["keys of more than a reader holds", numbers(1), 2 * HALF, "k".repeat(36), "'who' takes 301990016"],
  ])("%s: refused before anything is paid", (_, columns, count, key, text) => {
    expect(() => requireNpz(foreseen(columns, count, key))).toThrow(
      expect.objectContaining({ code: "sanitizer/archive-too-large", message: expect.stringContaining(text) }),
    );
  });

  test("less than that is not refused", () => {
    expect(() => requireNpz(foreseen(numbers(1000), 1000))).not.toThrow();
    expect(() => requireNpz(foreseen([film], 7000))).not.toThrow();
    expect(() => requireNpz(foreseen(said(["no", "yes"]), HALF, "k".repeat(36)))).not.toThrow();
  });
});
