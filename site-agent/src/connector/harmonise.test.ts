import type { RawValue } from "@consilium/shared/study/features";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Connector } from "./connector.ts";
import { Harmonise, harmonised } from "./harmonise.ts";
import { conversion, isKnownUnit } from "./unit.ts";

function connectorOf(names: readonly string[], rows: readonly (readonly RawValue[])[]): Connector {
  return {
    columns: async () => names,
    async *rows(columns) {
      yield rows.map((row) => columns.map((name) => row[names.indexOf(name)]));
    },
    findings: () => [],
    close: async () => {},
  };
}

async function read(connector: Connector, columns: readonly string[]): Promise<readonly (readonly RawValue[])[]> {
  const rows: (readonly RawValue[])[] = [];
  for await (const chunk of connector.rows(columns)) rows.push(...chunk);
  return rows;
}

describe("[DAT18] harmonisation guesses nothing", () => {
  const names = ["pid", "Geschlecht", "Chol", "temp"];
  const rows = [
    ["p1", "m", "5", "98.6"],
    ["p2", "w ", 4, null],
    ["p3", "d", "n/a so", "212"],
    ["p4", null, "", "x"],
  ];
  const rules = Harmonise.parse({
    sex: { from: "Geschlecht", recode: { m: 1, w: 0 } },
    chol: { from: "Chol", convert: { of: "cholesterol", from: "mmol/l", to: "mg/dL" } },
    temp: { linear: { factor: 5 / 9, offset: -160 / 9 }, expect: [30, 45] },
  });

  test("renames, recodes and converts; what no rule speaks of is left out and counted", async () => {
    const connector = await harmonised(connectorOf(names, rows), rules);
    expect(await connector.columns()).toEqual(["pid", "sex", "chol", "temp"]);
    const [first, ...others] = await read(connector, ["chol", "pid", "sex", "temp"]);
    expect(first?.[0]).toBeCloseTo(193.325, 9);
    expect(first?.[3]).toBeCloseTo(37, 9);
    expect(others.map((row) => [row[1], row[2]])).toEqual([
      ["p2", 0],
      ["p3", null],
      ["p4", null],
    ]);
    expect(connector.findings()).toEqual([
      { column: "chol", problem: "not-converted", count: 1 },
      { column: "sex", problem: "not-recoded", count: 1 },
      { column: "temp", problem: "not-converted", count: 1 },
      { column: "temp", problem: "scale-differs", count: 1 },
    ]);
  });

  test("a few values off the expected scale are told apart from a scale that is another", async () => {
    const many = Array.from({ length: 20 }, (_, i) => [i === 0 ? 400 : 5]);
    const expecting = Harmonise.parse({ x: { expect: [1, 20] } });
    const connector = await harmonised(connectorOf(["x"], many), expecting);
    await read(connector, ["x"]);
    expect(connector.findings()).toEqual([{ column: "x", problem: "off-scale", count: 1 }]);
    await read(connector, []);
    expect(connector.findings()).toEqual([]);
  });

  test("a code that is mapped to nothing is missing, and no violation", async () => {
    const connector = await harmonised(
      connectorOf(["x"], [[9], ["9.0"]]),
      Harmonise.parse({ x: { recode: { 9: null } } }),
    );
    expect(await read(connector, ["x"])).toEqual([[null], [null]]);
    expect(connector.findings()).toEqual([]);
  });

  test.each([
    [
      "a column that isn't there",
      { sex: { from: "Geschlect" } },
      "data/harmonise-missing",
      "Did you mean 'Geschlecht'?",
    ],
    ["a name that is taken", { temp: { from: "Chol" } }, "data/harmonise-clash", "another name"],
  ])("%s", async (_, wrong, code, remedy) => {
    const refused = expect(harmonised(connectorOf(names, rows), Harmonise.parse(wrong))).rejects;
    await refused.toMatchObject({ code, remedy: expect.stringContaining(remedy) });
  });

  test.each([
    [{ x: { convert: { from: "kg", to: "cm" } } }],
    [{ x: { convert: { from: "mmol/L", to: "mg/dL" } } }],
    [{ x: { convert: { from: "mmol/L", to: "mg/dL", of: "water" } } }],
    [{ x: { linear: { factor: 0 } } }],
    [{ x: { linear: { factor: 2 }, recode: { a: 1 } } }],
    [{ x: { expect: [3, 3] } }],
  ])("rule %j is refused", (wrong) => {
    expect(Harmonise.safeParse(wrong).success).toBe(false);
  });
});

describe("[DAT18] unit conversions", () => {
  // Figures of laboratories' own conversion tables, to the digits that they print.
  test.each([
    ["cholesterol", "mmol/L", "mg/dL", 1, 38.67, 0.01],
    ["triglycerides", "mmol/L", "mg/dL", 1, 88.5, 0.1],
    ["glucose", "mmol/L", "mg/dL", 5.5, 99.1, 0.1],
    ["creatinine", "µmol/L", "mg/dL", 88.4, 1, 0.001],
    ["urea nitrogen", "mmol/L", "mg/dL", 1, 2.8, 0.01],
    ["uric acid", "umol/L", "mg/dl", 59.48, 1, 0.001],
    ["bilirubin", "umol/L", "mg/dL", 17.1, 1, 0.001],
    ["haemoglobin", "mmol/L", "g/dL", 1, 1.611, 0.001],
    [undefined, "lb", "kg", 220, 99.79, 0.01],
    [undefined, "in", "cm", 70, 177.8, 1e-9],
    [undefined, "°F", "°C", 98.6, 37, 1e-9],
    [undefined, "Cel", "[degF]", 100, 212, 1e-9],
    [undefined, "kPa", "mmHg", 16, 120.01, 0.01],
    [undefined, "mmol/mol", "%", 53, 7, 0.01],
    [undefined, "g/L", "g/dL", 140, 14, 1e-12],
    [undefined, "10*9/L", "10*3/uL", 5.2, 5.2, 1e-12],
  ] as const)("%s: %s → %s, %d is %d", (substance, from, to, value, expected, tolerance) => {
    const way = conversion(from, to, substance);
    expect(Math.abs(value * (way?.factor ?? Number.NaN) + (way?.offset ?? 0) - expected)).toBeLessThan(tolerance);
  });

  test("there and back is where it was, and by way of a third unit it is the same", () => {
    const units = ["Cel", "[degF]", "K"];
    const unit = fc.constantFrom(...units);
    fc.assert(
      fc.property(unit, unit, unit, fc.double({ min: -100, max: 500, noNaN: true }), (a, b, c, value) => {
        const by = (from: string, to: string, x: number) => {
          const way = conversion(from, to);
          return way === null ? Number.NaN : x * way.factor + way.offset;
        };
        expect(by(b, a, by(a, b, value))).toBeCloseTo(value, 8);
        expect(by(b, c, by(a, b, value))).toBeCloseTo(by(a, c, value), 8);
      }),
    );
  });

  test("unknown units convert to themselves alone", () => {
    expect(conversion("widgets", "widgets")).toEqual({ factor: 1, offset: 0 });
    expect(conversion("widgets", "kg")).toBeNull();
    expect([isKnownUnit("mmHg"), isKnownUnit("widgets")]).toEqual([true, false]);
  });
});
