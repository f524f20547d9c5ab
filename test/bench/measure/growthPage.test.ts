import { describe, expect, test } from "vitest";
import { type GrowthCase, growthPage, growthPicture } from "./growthPage.ts";
import { allShapes, CROSSING, shapeName, shapesAlong, VALUES } from "./growthPlans.ts";
import { skippedCase, timedCase } from "./report.ts";

const LINES = [
  { name: "private", backend: "wasm" },
  { name: "no privacy", backend: "pytorch" },
];

/** As if time were batch² / 1,000, whatever the shape else. */
const cases = allShapes().map((shape): GrowthCase => {
  const name = shapeName(shape);
  const times = [shape.batch ** 2 / 1000];
  if (shape.depth === 16) return { ...skippedCase(name, "wasm", "too deep"), shape };
  return { ...timedCase({ name, backend: "wasm", peakRssMiB: 100, times }, null), shape };
});

describe("shapes", () => {
  test("each axis varies alone and passes the crossing, which is measured once", () => {
    for (const axis of ["batch", "width", "depth"] as const) {
      const shapes = shapesAlong(axis);
      expect(shapes.map((shape) => shape[axis])).toEqual(VALUES[axis]);
      expect(shapes).toContainEqual(CROSSING);
      for (const shape of shapes) expect({ ...shape, [axis]: CROSSING[axis] }).toEqual(CROSSING);
    }
    expect(allShapes()).toHaveLength(13);
  });
});

describe("the page", () => {
  const page = growthPage("Here, today.", LINES, cases);

  test("has a table for each axis, the growth at its end, and says what was not measured", () => {
    expect(page).toContain("| 4,096 | 16,777 ms, 100 MiB |  |");
    expect(page).toContain("| grows at the end as | batch^2.00 |  |");
    expect(page).toContain("| 16 | not measured: too deep |  |");
  });

  test("has a picture of what was measured", () => {
    const svg = growthPicture(LINES, cases);
    expect(svg.match(/class="title"/g)).toHaveLength(6);
    expect(svg.match(/class="line s0" d="M[^"]*L/g)).toHaveLength(6);
  });
});
