import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { linearTicks, linePlotSvg, logTicks, type Panel } from "./linePlot.ts";

const panel = (lines: Panel["lines"], scale: Panel["scale"] = { x: "log", y: "log" }): Panel => {
  return { title: "Time", xName: "batch", yName: "ms", lines, scale };
};

describe("ticks", () => {
  test.each([
    { values: [3, 700_000], ticks: [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000] },
    { values: [0.3, 4], ticks: [0.2, 0.5, 1, 2, 5] },
    { values: [10, 10], ticks: [10, 20] },
  ])("around $values: $ticks", ({ values, ticks }) => {
    expect(logTicks(values)).toEqual(ticks);
  });

  test("enclose all values, from the nearest below to the nearest above", () => {
    const positive = fc.double({ min: 1e-3, max: 1e7, noNaN: true });
    fc.assert(
      fc.property(fc.array(positive, { minLength: 1, maxLength: 9 }), (values) => {
        const ticks = logTicks(values);
        expect(ticks.length).toBeGreaterThan(1);
        expect(ticks[0]).toBeLessThanOrEqual(Math.min(...values));
        expect(ticks[1]).toBeGreaterThan(Math.min(...values));
        expect(ticks.at(-1)).toBeGreaterThanOrEqual(Math.max(...values));
      }),
    );
  });

  test.each([[0], [-1], [Number.NaN], [Number.POSITIVE_INFINITY]])("%d has no logarithm", (value) => {
    expect(() => logTicks([1, value])).toThrow(RangeError);
  });
});

describe("linear ticks", () => {
  test.each([
    { values: [0, 4], ticks: [0, 1, 2, 3, 4] },
    { values: [0.26], ticks: [0, 0.1, 0.2, 0.3] },
    { values: [0], ticks: [0, 0.2, 0.4, 0.6, 0.8, 1] },
    { values: [-3, 60], ticks: [-20, 0, 20, 40, 60] },
  ])("of $values: $ticks", ({ values, ticks }) => {
    expect(linearTicks(values)).toEqual(ticks);
  });

  test("begin at 0 or below, enclose all values and are few", () => {
    const thousandths = fc.integer({ min: -1e9, max: 1e9 }).map((value) => value / 1000);
    const values = fc.array(thousandths, { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(values, (some) => {
        const ticks = linearTicks(some);
        expect(ticks[0]).toBeLessThanOrEqual(Math.min(0, ...some));
        expect(ticks.at(-1)).toBeGreaterThanOrEqual(Math.max(...some));
        expect(ticks.length).toBeGreaterThan(1);
        expect(ticks.length).toBeLessThan(10);
      }),
    );
    expect(() => linearTicks([Number.NaN])).toThrow(RangeError);
  });
});

describe("the drawing", () => {
  const powers = [1, 10, 100].map((x) => ({ x, y: x }));

  test("puts equal ratios at equal distances, larger values to the right and up", () => {
    const svg = linePlotSvg("label", [panel([{ name: "own", points: powers }])], 1);
    const path = /class="line s0" d="(M[^"]*L[^"]*)"/.exec(svg)?.[1] ?? "";
    const points = [...path.matchAll(/[ML]([\d.]+) ([\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)]);
    expect(points).toHaveLength(3);
    const [[x0 = 0, y0 = 0] = [], [x1 = 0, y1 = 0] = [], [x2 = 0, y2 = 0] = []] = points;
    expect(x1 - x0).toBeCloseTo(x2 - x1, 0);
    expect(y0 - y1).toBeCloseTo(y1 - y2, 0);
    expect(x1).toBeGreaterThan(x0);
    expect(y1).toBeLessThan(y0);
    for (const [x = -1, y = -1] of points) expect(x >= 0 && x <= 300 && y >= 0 && y <= 220).toBe(true);
  });

  test("on linear scales equal differences stand at equal distances, and a limit is a rule with its name", () => {
    const line = { name: "ε", points: Array.from({ length: 21 }, (_, x) => ({ x, y: x })) };
    const limited = { ...panel([line], { x: "linear", y: "linear" }), limit: { name: "cap < 25", y: 25 } };
    const svg = linePlotSvg("label", [limited], 1);
    const path = /class="line s0" d="(M[^"]*L[^"]*)"/.exec(svg)?.[1] ?? "";
    const points = [...path.matchAll(/[ML]([\d.]+) ([\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)]);
    const [[x0 = 0, y0 = 0] = [], [x1 = 0, y1 = 0] = []] = points;
    const [x20 = 0, y20 = 0] = points[20] ?? [];
    expect(20 * (x1 - x0)).toBeCloseTo(x20 - x0, -1);
    expect(20 * (y0 - y1)).toBeCloseTo(y0 - y20, -1);
    const limit = Number(/class="limit" d="M[\d.]+ ([\d.]+)H/.exec(svg)?.[1]);
    expect(limit).toBeLessThan(y20);
    expect(svg).toContain("cap &lt; 25");
    expect(svg.match(/class="dot/g)).toHaveLength(1);
  });

  test("bears one style for a name in all panels, one legend for it, and texts as they are", () => {
    const first = panel([
      { name: "a < b", points: powers },
      { name: "other", points: powers },
    ]);
    const second = panel([{ name: "other", points: powers }]);
    const svg = linePlotSvg('"time" & memory', [first, second], 2);
    expect(svg.match(/a &lt; b/g)).toHaveLength(1);
    expect(svg).toContain('aria-label="&quot;time&quot; &amp; memory"');
    expect(svg.match(/class="line s1" d="M[^"]*L/g)).toHaveLength(2);
    expect(svg.match(/class="line s0" d="M[^"]*L/g)).toHaveLength(1);
    const opened = [...svg.matchAll(/<(svg|g|text|style)[\s>]/g)].map(([, tag]) => tag);
    const closed = [...svg.matchAll(/<\/(svg|g|text|style)>/g)].map(([, tag]) => tag);
    expect(opened.sort()).toEqual(closed.sort());
  });

  test("a line without points is left out; too many lines are refused", () => {
    const svg = linePlotSvg(
      "label",
      [
        panel([
          { name: "own", points: powers },
          { name: "none", points: [] },
        ]),
      ],
      1,
    );
    expect(svg).not.toMatch(/class="line s1" d="M[^"]*L/);
    const five = ["a", "b", "c", "d", "e"].map((name) => ({ name, points: powers }));
    expect(() => linePlotSvg("label", [panel(five)], 1)).toThrow(RangeError);
  });
});

test("a legend that is too long for one row goes on in the next, and the picture grows", () => {
  const named = (names: readonly string[]) =>
    linePlotSvg(
      "l",
      [
        panel(
          names.map((name) => ({
            name,
            points: [
              { x: 1, y: 1 },
              { x: 2, y: 2 },
            ],
          })),
        ),
      ],
      1,
    );
  const heightOf = (svg: string) => Number(/viewBox="0 0 \d+ (\d+)"/.exec(svg)?.[1]);
  const short = named(["a", "b"]);
  const long = named(["a name of some length", "another one of that length"]);
  expect(heightOf(long) - heightOf(short)).toBe(20);
  expect(long).toMatch(/y="44">another one/);
});
