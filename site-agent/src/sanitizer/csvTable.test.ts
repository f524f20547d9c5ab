import type { SanitizerMethod } from "@consilium/shared/sanitizer/method";
import { DataContract } from "@consilium/shared/study/contract";
import { NoiseMultiplier } from "@consilium/shared/units/privacy";
import { describe, expect, test } from "vitest";
import { csvChunks } from "./csvTable.ts";
import type { NoisedRecord } from "./noisedTable.ts";

const PIXELS: SanitizerMethod = { method: "pixel-laplace", beta: 1 };

function textOf(contract: DataContract, records: readonly NoisedRecord[], method = PIXELS, hasLabel = true): string {
  const table = { contract, method, hasLabel, count: records.length, records };
  return Buffer.concat(Array.from(csvChunks(table), (chunk) => Buffer.from(chunk))).toString("utf8");
}

describe("noised records as CSV", () => {
  const contract = DataContract.parse({
    columns: [
      { name: "age, years", type: "number", min: 0, max: 100 },
      { name: "stage", type: "category", values: ["I", 'II "b"'], missing: { fill: "I", indicator: true } },
    ],
    label: { name: "sick", values: [0, 1] },
    patient: "who",
    split: "part",
  });
  const record = (key: string, features: readonly number[], label: number | null): NoisedRecord => ({
    ...{ key, split: "train", label },
    features: Float64Array.from(features),
  });

  test("numbers in their units and beyond their range, the largest place, what is missing; quoted where it must be", () => {
    const rows = [
      record("müller", [0.5, 0.2, 0.9, 0.1], 1),
      record('a "b",c', [-1.5, 0.4, 0.4, 0.2], 0),
      record("two\nlines", [1, 0.1, 3, 0.6], 1),
    ];
    expect(textOf(contract, rows)).toBe(
      'who,part,"age, years",stage,sick\nmüller,train,75,"II ""b""",1\n"a ""b"",c",train,-25,I,0\n"two\nlines",train,100,,1\n',
    );
    const dropped = textOf(contract, [record("a", [0, 1, 0, 0], null)], PIXELS, false);
    expect(dropped).toBe('who,part,"age, years",stage\na,train,50,I\n');
    expect(textOf(contract, [])).toBe('who,part,"age, years",stage,sick\n');
  });

  test("a projection's columns are its own", () => {
    const method = { method: "projection", dimensions: 2, seed: 1, l2Bound: 1 } as const;
    const noisy = { ...method, noiseMultiplier: NoiseMultiplier.parse(1) };
    expect(textOf(contract, [record("a", [0.25, -3], 0)], noisy)).toBe("who,part,p1,p2,sick\na,train,0.25,-3,0\n");
  });

  test("lines longer than a piece, and pieces of many lines, keep every cell", () => {
    const width = 250_000;
    const columns = Array.from({ length: 30_000 }, (_, i) => ({ name: `${i}`, type: "number", min: -1, max: 1 }));
    const wide = DataContract.parse({ columns, label: { name: "sick", values: ["0".repeat(width * 10), 1] } });
    const features = Float64Array.from(columns, (_, i) => (i % 1000) / 1000 - 0.5);
    const lines = textOf(
      wide,
      [0, 1, 0].map((label) => ({ key: null, split: null, features, label })),
    ).split("\n");
    expect(lines.map((line) => line.split(",").length)).toEqual([30_001, 30_001, 30_001, 30_001, 1]);
    expect(lines[2]?.split(",").map(Number)).toEqual([...features.map((value) => Number(value.toPrecision(9))), 1]);
    expect(lines[3]?.endsWith(`,${"0".repeat(width * 10)}`)).toBe(true);
  });
});
