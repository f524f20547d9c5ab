import { describe, expect, test } from "vitest";
import { barPlotSvg } from "./barPlot.ts";

const drawn = (values: readonly (number | null)[]) =>
  barPlotSvg({ label: "a & b", series: ["held", "trained"], groups: [{ name: "<one>", values }] });

describe("bars", () => {
  test("are as long as their figures, which stand beside them", () => {
    const svg = drawn([0.4, 0.8]);
    const [first = 0, second = 0] = [...svg.matchAll(/class="b[01]" x="300" y="[\d.]+" width="([\d.]+)"/g)].map(
      ([, width]) => Number(width),
    );
    expect(first).toBeGreaterThan(0);
    expect(second / first).toBeCloseTo(2, 2);
    expect(svg).toContain(">0.400<");
    expect(svg).toContain(">0.800<");
  });

  test("keys of the legend never overlap: a long one begins a new row, and the picture grows", () => {
    const of = (series: string[]) =>
      barPlotSvg({ label: "x", series, groups: [{ name: "one", values: series.map(() => 0.5) }] });
    const long = [
      "accuracy, held-out patients, mean over sites",
      "balanced accuracy, held-out patients",
      "best attack's AUC",
    ];
    const keys = [...of(long).matchAll(/class="b\d" x="([\d.]+)" y="(\d+)" width="14"/g)].map(([, x, y]) =>
      [x, y].map(Number),
    );
    expect(keys).toHaveLength(3);
    for (const [index, [x = 0, y = 0]] of keys.entries()) {
      const [nextX = 0, nextY = 0] = keys[index + 1] ?? [];
      if (nextY === y) expect(nextX - x).toBeGreaterThan(20 + 6 * (long[index]?.length ?? 0));
    }
    const height = (svg: string) => Number(/viewBox="0 0 \d+ (\d+)"/.exec(svg)?.[1]);
    expect(height(of(long))).toBeGreaterThan(height(of(["a", "b", "c"])));
  });

  test("of what has no figure there is none, and names are escaped", () => {
    const svg = drawn([null, 0.5]);
    expect(svg.match(/x="300" y="[\d.]+" width/g)).toHaveLength(1);
    expect(svg).toContain('aria-label="a &amp; b"');
    expect(svg).toContain("&lt;one&gt;");
    expect(svg).not.toContain("NaN");
  });
});
