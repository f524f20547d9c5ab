import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { epsilonOf } from "../accountant/convert.ts";
import { addCurves, curveOfEvents, type RdpCurve } from "../accountant/rdp.ts";
import { gaussianEvent, histogramEvent } from "../ledger/ledger.test-support.ts";
import { epsilonAtOnce, type PartCurves } from "./overlap.ts";

const DELTA = 1e-5;
const part = fc
  .record({ steps: fc.nat(60), histograms: fc.nat(3) })
  .map(({ steps, histograms }) =>
    curveOfEvents([
      ...(steps === 0 ? [] : [gaussianEvent(0.1, 2, steps)]),
      ...(histograms === 0 ? [] : [histogramEvent(0.4, histograms)]),
    ]),
  );
const site: fc.Arbitrary<PartCurves> = fc.tuple(part, part, part);

/** Every choice of a part at each site, each site's own curve. */
function slow(sites: readonly PartCurves[]): number {
  const choices = sites.reduce<RdpCurve[]>(
    (sums, curves) =>
      sums.length === 0 ? [...curves] : sums.flatMap((sum) => curves.map((own) => addCurves(sum, own))),
    [],
  );
  return Math.max(...choices.map((curve) => epsilonOf(curve, DELTA)));
}

describe("[ACC17] a patient at several sites pays all of them, whichever part they are in at each", () => {
  test("never less than any choice of parts; the very same where sites were charged alike", () => {
    fc.assert(
      fc.property(
        fc.array(site, { minLength: 1, maxLength: 3 }),
        site,
        fc.integer({ min: 1, max: 4 }),
        (some, alike, k) => {
          expect(epsilonAtOnce(some, DELTA)).toBeGreaterThanOrEqual(slow(some) * (1 - 1e-12));
          const same = Array.from({ length: k }, () => alike);
          expect(Math.abs(epsilonAtOnce(same, DELTA) / (slow(same) || 1) - (slow(same) === 0 ? 0 : 1))).toBeLessThan(
            1e-9,
          );
        },
      ),
      { numRuns: 40 },
    );
  });

  test("two sites cost more than one, less than twice one's ε", () => {
    const curves = [curveOfEvents([gaussianEvent(0.2, 2.2, 60)]), curveOfEvents([]), curveOfEvents([])];
    const [one, two] = [epsilonAtOnce([curves], DELTA), epsilonAtOnce([curves, curves], DELTA)];
    expect(two).toBeGreaterThan(one);
    expect(two).toBeLessThan(2 * one);
  });
});
