import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { renewalDue, renewalTime } from "./renewal.ts";

const start = new Date("2026-03-01T00:00:00Z");
const hours = (count: number) => new Date(start.getTime() + count * 3_600_000);

describe("[CRT6] a certificate is renewed between two thirds and five sixths of its life", () => {
  test.each([
    { jitter: 0, at: 15.9, due: false },
    { jitter: 0, at: 16, due: true },
    { jitter: 0.5, at: 17.9, due: false },
    { jitter: 0.5, at: 18, due: true },
    { jitter: 0.999, at: 20, due: true },
    { jitter: 0.999, at: 25, due: true },
  ])("24 h, jitter $jitter, hour $at: $due", ({ jitter, at, due }) => {
    expect(renewalDue(start, hours(24), jitter, hours(at))).toBe(due);
  });

  test("whatever the jitter, a sixth of the life is left to try again", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.integer({ min: 1, max: 10_000 }),
        (jitter, life) => {
          const at = (renewalTime(start, hours(life), jitter).getTime() - start.getTime()) / (life * 3_600_000);
          expect(at).toBeGreaterThanOrEqual(2 / 3 - 1e-9);
          expect(at).toBeLessThan(5 / 6 + 1e-9);
        },
      ),
    );
  });
});
