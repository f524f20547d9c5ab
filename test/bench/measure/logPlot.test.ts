import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { logPlotSvg, logTicks, type Panel } from "./logPlot.ts";

const panel = (lines: Panel["lines"]): Panel => ({ title: "Time", xName: "batch", yName: "ms", lines });

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

describe("the drawing", () => {
  const powers = [1, 10, 100].map((x) => ({ x, y: x }));

  test("puts equal ratios at equal distances, larger values to the right and up", () => {
    const svg = logPlotSvg("label", [panel([{ name: "own", points: powers }])], 1);
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

  test("bears one style for a name in all panels, one legend for it, and texts as they are", () => {
    const first = panel([
      { name: "a < b", points: powers },
      { name: "other", points: powers },
    ]);
    const second = panel([{ name: "other", points: powers }]);
    const svg = logPlotSvg('"time" & memory', [first, second], 2);
    expect(svg.match(/a &lt; b/g)).toHaveLength(1);
    expect(svg).toContain('aria-label="&quot;time&quot; &amp; memory"');
    expect(svg.match(/class="line s1" d="M[^"]*L/g)).toHaveLength(2);
    expect(svg.match(/class="line s0" d="M[^"]*L/g)).toHaveLength(1);
    const opened = [...svg.matchAll(/<(svg|g|text|style)[\s>]/g)].map(([, tag]) => tag);
    const closed = [...svg.matchAll(/<\/(svg|g|text|style)>/g)].map(([, tag]) => tag);
    expect(opened.sort()).toEqual(closed.sort());
  });

  test("a line without points is left out; too many lines are refused", () => {
    const svg = logPlotSvg(
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
    expect(() => logPlotSvg("label", [panel(five)], 1)).toThrow(RangeError);
  });
});
