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

  test("of what has no figure there is none, and names are escaped", () => {
    const svg = drawn([null, 0.5]);
    expect(svg.match(/x="300" y="[\d.]+" width/g)).toHaveLength(1);
    expect(svg).toContain('aria-label="a &amp; b"');
    expect(svg).toContain("&lt;one&gt;");
    expect(svg).not.toContain("NaN");
  });
});
