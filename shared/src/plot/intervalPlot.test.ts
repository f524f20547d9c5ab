import { describe, expect, test } from "vitest";
import { intervalPlotSvg } from "./intervalPlot.ts";

const row = (name: string, low: number, value: number, high: number) => ({
  name,
  interval: { low, value, high },
  isDecisive: name === "main",
});

describe("[REL8] intervals on one axis", () => {
  const svg = intervalPlotSvg({
    label: "a < b",
    rows: [
      row("main", 0.4, 0.5, 0.6),
      row("by & by", 0.5, 0.55, 0.62),
      { name: "none", interval: null, isDecisive: false },
    ],
    marks: [{ name: "limit", at: 0.7, isLimit: true }],
  });
  const numbers = (pattern: RegExp) => [...svg.matchAll(pattern)].map(([, x]) => Number(x));

  test("equal rates stand at equal places, greater ones to the right", () => {
    const starts = numbers(/class="(?:decisive|informing)" d="M([\d.]+)/g);
    const ends = numbers(/class="(?:decisive|informing)" d="M[\d.]+ [\d.]+H([\d.]+)/g);
    const dots = numbers(/<circle class="\w+" cx="([\d.]+)/g);
    expect(starts[1]).toBe(dots[0]);
    expect([starts[0], dots[0], ends[0]]).toEqual([starts[0], dots[0], ends[0]].sort((a = 0, b = 0) => a - b));
    const [limit = 0] = numbers(/class="bound" d="M([\d.]+)/g);
    expect(Math.max(...ends)).toBeLessThan(limit);
    expect(limit).toBeLessThanOrEqual(620);
  });

  test("what can't be told says so; texts are escaped", () => {
    expect(svg).toContain("not resolvable");
    expect(svg).toContain("by &amp; by");
    expect(svg).toContain('aria-label="a &lt; b"');
  });
});
