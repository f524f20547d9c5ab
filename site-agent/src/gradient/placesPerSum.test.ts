import { type Grid, gridOf, roundedSensitivity } from "@consilium/shared/contribution/grid";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cancellationMax, fitsFloat32, placesPerSum, rowsOfSum } from "./placesPerSum.ts";

const count = (most: number) => fc.integer({ min: 1, max: most });
/** Of any study: what it expects of a step need not be what a step has. */
const grids = fc
  .record({ dimension: count(1e8), expectedBatch: count(2 ** 20), patientNorm: fc.constantFrom(0.3, 1, 7) })
  .map(({ dimension, expectedBatch, patientNorm }) => gridOf(dimension, patientNorm, 1, expectedBatch));

/** The room that the noise has beyond C and rounding to the grid: Δ/C − 1 − γ√d/C. */
function chargedRounding(grid: Grid): number {
  const ofGrid = grid.fineStep * Math.sqrt(grid.dimension);
  return (roundedSensitivity(grid) - ofGrid) / grid.patientNorm - 1;
}

describe("[ENG3] float32 sums", () => {
  test("[ENG36] together move no two neighbouring steps further apart than the noise was made for", () => {
    fc.assert(
      fc.property(grids, count(2 ** 20), fc.boolean(), fc.boolean(), (grid, patients, hasPositions, isSingle) => {
        const { whole, several } = placesPerSum(grid.clipRounding, patients, { hasPositions, isSingle });
        const excess = cancellationMax(hasPositions);
        const gamma = (places: number): number => (places === 1 ? 0 : places * 2 ** -24);
        const ofWhole = gamma(whole) * (isSingle ? 1 : excess);
        const ofSeveral = hasPositions || !isSingle ? gamma(several) * excess : 0;
        // Whole gradients and others are other coordinates; with several records all are held against the same κC.
        const moved = isSingle ? Math.hypot(ofWhole, ofSeveral) : Math.max(ofWhole, ofSeveral);
        expect(2 * patients * moved).toBeLessThan(chargedRounding(grid));
        expect(Math.abs(chargedRounding(grid) - grid.clipRounding)).toBeLessThan(1e-14);
      }),
    );
  });

  test("have about as many rows whatever batch is expected; fewer the larger a batch turns out", () => {
    const rows = (expected: number, patients = expected): number => {
      const summands = { hasPositions: false, isSingle: true };
      return placesPerSum(gridOf(1000, 1, 1, expected).clipRounding, patients, summands).whole;
    };
    expect([256, 512, 1024, 2048, 4096].map((batch) => rows(batch))).toEqual([16, 24, 28, 30, 31]);
    expect([2048, 4096, 8192].map((patients) => rows(4096, patients))).toEqual([62, 31, 15]);
  });

  test("keep a float64 sum only where one rounding of N patients' sum, at both neighbours, is within η", () => {
    fc.assert(
      fc.property(grids, count(2 ** 20), ({ clipRounding }, patients) => {
        const rounded = 2 * patients * 2 ** -24;
        expect(fitsFloat32(clipRounding, patients)).toBe(rounded <= clipRounding - 2 ** -11);
      }),
    );
    expect([4096, 4097].map((patients) => fitsFloat32(1 / 1024, patients))).toEqual([true, false]);
  });

  test("take as many rows as their longest way of additions allows, against every split there is", () => {
    fc.assert(
      fc.property(count(200), count(30), count(150), (rows, positions, places) => {
        const { groups, rowsInGroup } = rowsOfSum(rows, positions, places);
        const additions = (own: number, split: number): number => own * positions + (split > 1 ? split : 0);
        let most = 1;
        for (let own = 1; own <= rows; own++) {
          for (let split = 1; split * own <= rows; split++) {
            if (additions(own, split) <= places) most = Math.max(most, own * split);
          }
        }
        expect(groups * rowsInGroup).toBe(most);
        if (most > 1) expect(additions(rowsInGroup, groups)).toBeLessThanOrEqual(places);
      }),
    );
  });
});
