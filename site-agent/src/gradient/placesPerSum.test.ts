import { clipRounding } from "@consilium/shared/contribution/grid";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cancellationMax, fitsFloat32, placesPerSum, rowsOfSum } from "./placesPerSum.ts";

const count = (most: number) => fc.integer({ min: 1, max: most });

describe("[ENG3] float32 sums", () => {
  test("together move no two neighbouring steps further apart than η allows", () => {
    fc.assert(
      fc.property(
        count(1e8),
        count(2 ** 20),
        fc.boolean(),
        fc.boolean(),
        (dimension, patients, hasPositions, isSingle) => {
          const { whole, several } = placesPerSum(dimension, patients, { hasPositions, isSingle });
          const excess = cancellationMax(hasPositions);
          const gamma = (places: number): number => (places === 1 ? 0 : places * 2 ** -24);
          const ofWhole = gamma(whole) * (isSingle ? 1 : excess);
          const ofSeveral = hasPositions || !isSingle ? gamma(several) * excess : 0;
          // Whole gradients and others are other coordinates; with several records all are held against the same κC.
          const moved = isSingle ? Math.hypot(ofWhole, ofSeveral) : Math.max(ofWhole, ofSeveral);
          expect(2 * patients * moved).toBeLessThan(clipRounding(dimension));
        },
      ),
    );
  });

  test("keep a float64 sum only where one rounding of N patients' sum, at both neighbours, is within η", () => {
    fc.assert(
      fc.property(count(1e8), count(2 ** 20), (dimension, patients) => {
        const rounded = 2 * patients * 2 ** -24;
        const room = clipRounding(dimension) - 2 ** -11;
        expect(fitsFloat32(dimension, patients)).toBe(rounded <= room);
      }),
    );
    expect([fitsFloat32(100, 4096), fitsFloat32(100, 4097)]).toEqual([true, false]);
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
