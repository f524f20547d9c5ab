import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EarlyStop, isFounded, stopReason, stopRound, stopText } from "./earlyStop.ts";

const rule = (patience: number, minDelta = 0) => EarlyStop.parse({ metric: "auc", patience, minDelta });
const resolved = (value: number) => ({ state: "resolved", value });
const seen = (values: readonly (number | null)[], every = 10) =>
  values.map((value, index) => ({
    round: (index + 1) * every,
    metric: { auc: value === null ? { state: "not-resolvable" } : resolved(value), accuracy: resolved(0.9) },
  }));

/** Reads every beginning of the evaluations again, as one would by hand. */
function slowStop(patience: number, minDelta: number, values: readonly number[]): number | null {
  for (let end = 1; end <= values.length; end++) {
    let [best, misses] = [-1, 0];
    for (const value of values.slice(0, end)) {
      const rises = best < 0 || value > best + minDelta;
      misses = rises ? 0 : misses + 1;
      if (rises) best = value;
    }
    if (misses >= patience) return end;
  }
  return null;
}

describe("[STU40] early stop is a pure function of noised evaluations, and its reason can be checked", () => {
  const studies = fc.record({
    values: fc.array(fc.integer({ min: 50, max: 70 }), { maxLength: 25 }),
    patience: fc.integer({ min: 1, max: 5 }),
    delta: fc.integer({ min: 0, max: 4 }),
  });

  test("stops where the slow rule does, for a reason that the rule's own reader accepts", () => {
    fc.assert(
      fc.property(studies, ({ values, patience, delta }) => {
        // Halves and eighths, so that sums are exact.
        const shares = values.map((value) => value / 128);
        const stop = rule(patience, delta / 128);
        const stops = shares.map((_, index) => stopReason(stop, seen(shares.slice(0, index + 1))));
        const first = stops.findIndex((reason) => reason !== null);
        expect(first < 0 ? null : first + 1).toBe(slowStop(patience, delta / 128, shares));
        const reason = stops[first];
        if (reason === null || reason === undefined) return;
        expect(stopRound(reason)).toBe((first + 1) * 10);
        expect(isFounded(stop, 10, reason)).toBe(true);
        expect(isFounded(rule(patience + 1, delta / 128), 10, reason)).toBe(false);
        expect(isFounded(stop, 7, reason)).toBe(false);
        const risen = reason.since.map((one) => ({ ...one, value: one.value + 1 }));
        expect(isFounded(stop, 10, { ...reason, since: risen })).toBe(false);
        expect(isFounded(stop, 10, { ...reason, metric: "accuracy" })).toBe(false);
        expect(isFounded(stop, 10, { ...reason, since: [...reason.since].fill(reason.best) })).toBe(false);
      }),
    );
  });

  test("what noise hides counts neither way; nothing seen, no stop", () => {
    expect(stopReason(rule(2), seen([null, 0.6, null, 0.5, null, null]))).toBeNull();
    expect(stopReason(rule(2), seen([null, 0.6, null, 0.5, null, 0.6]))).toEqual({
      metric: "auc",
      best: { round: 20, value: 0.6 },
      since: [
        { round: 40, value: 0.5 },
        { round: 60, value: 0.6 },
      ],
    });
    expect(stopReason(rule(1), [])).toBeNull();
    expect(stopReason(rule(1), seen([null, null]))).toBeNull();
  });

  test("says why in a sentence", () => {
    const reason = stopReason(rule(1), seen([0.7, 0.6]));
    expect(reason === null ? "" : stopText(reason)).toBe(
      "Stopped early: the best auc was 0.700 after round 10; that after round 20 did not beat it by enough.",
    );
  });
});
