import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { epsilonOf } from "../accountant/convert.ts";
import { zeroOutCurveOf } from "../accountant/zeroOut.ts";
import { ChargeLog } from "./chargeLog.ts";
import { epsilonHistory, HISTORY_POINTS_MAX, historyIn } from "./epsilonHistory.ts";
import {
  acting,
  cancelled,
  cap,
  committed,
  gaussianEvent,
  histogramEvent,
  reserved,
  TestLedger,
} from "./ledger.test-support.ts";
import { spendingOf } from "./spent.ts";
import { capOf } from "./state.ts";

const DELTA = 1e-5;

function logOf({ entries }: TestLedger): ChargeLog {
  const log = new ChargeLog();
  for (const entry of entries) log.take(entry);
  return log;
}

/** Site and data set that the test bodies name. */
function place({ state }: TestLedger) {
  const [found] = state.caps.values();
  if (found === undefined) throw new Error("a test ledger begins with a cap");
  return { site: found.site, dataset: found.dataset };
}

const charge = fc.record({
  study: fc.constantFrom("heart", "lung", "brain"),
  part: fc.constantFrom("train", "validation", "audit"),
  isTraining: fc.boolean(),
  end: fc.constantFrom("acting", "committed", "cancelled", "reserved"),
});

describe("[LED36] ε over time is the filter's own figure, and its increments add up to it", () => {
  test("against the state that the same ledger ends in, and an event after the other", () => {
    fc.assert(
      fc.property(fc.array(charge, { maxLength: 25 }), (charges) => {
        const ledger = new TestLedger(cap(1000));
        for (const [index, { study, part, isTraining, end }] of charges.entries()) {
          const id = `c${index}`;
          const event = isTraining && part === "train" ? gaussianEvent(0.1, 1.5, 1 + (index % 3)) : histogramEvent(0.4);
          ledger.append(reserved(id, event, study, part));
          if (end === "cancelled") ledger.append(cancelled(id));
          if (end === "acting" || end === "committed") ledger.append(acting(id));
          if (end === "committed") ledger.append(committed(id));
        }
        const { site, dataset } = place(ledger);
        const log = logOf(ledger);
        const spending = spendingOf(ledger.state, site, dataset);
        for (const part of ["train", "validation", "audit"] as const) {
          const spent = log.spent(site, dataset, part);
          const { history } = historyIn(log, { site, dataset, part }, DELTA);
          expect(history.epsilon).toBeCloseTo(spending?.parts[part] ?? Number.NaN, 9);
          expect(history.points).toHaveLength(spent.length);
          for (const [index, point] of history.points.entries()) {
            const events = spent.slice(0, index + 1).flatMap((one) => one.events);
            expect(point.epsilon).toBeCloseTo(epsilonOf(zeroOutCurveOf(events), DELTA), 9);
            expect(point.added.reduce((sum, one) => sum + one, 0)).toBeCloseTo(point.epsilon ?? Number.NaN, 9);
          }
        }
        const { history } = historyIn(log, { site, dataset }, DELTA);
        expect(history.epsilon).toBeCloseTo(spending?.epsilon ?? Number.NaN, 9);
      }),
      { numRuns: 60 },
    );
  });

  test("many charges make few points, which end at the same figure; groups keep their order and count", () => {
    const ledger = new TestLedger(cap(1000));
    for (let round = 1; round <= 1000; round++) {
      const id = `r${round}`;
      ledger.append(reserved(id, gaussianEvent(0.01, 2), round % 2 === 0 ? "heart" : "lung"), acting(id));
    }
    ledger.append(reserved("audit", histogramEvent(0.2, 3), "heart"), acting("audit"));
    const { site, dataset } = place(ledger);
    const history = epsilonHistory(logOf(ledger).spent(site, dataset, "train"), DELTA);
    expect(history.points.length).toBeLessThanOrEqual(HISTORY_POINTS_MAX);
    expect(history.epsilon).toBeCloseTo(spendingOf(ledger.state, site, dataset)?.epsilon ?? Number.NaN, 9);
    expect(history.groups.map(({ study, purpose, charges }) => [study, purpose, charges])).toEqual([
      ["lung", "training", 500],
      ["heart", "training", 500],
      ["heart", "audit", 1],
    ]);
    const sum = history.groups.reduce((total, { added }) => total + (added ?? Number.NaN), 0);
    expect(sum).toBeCloseTo(history.epsilon ?? Number.NaN, 9);
  });

  test("one study alone costs less than its share of the time, and no bound is said as none", () => {
    const ledger = new TestLedger(cap(1000));
    ledger.append(reserved("a", gaussianEvent(0.1, 1), "heart"), acting("a"));
    ledger.append(reserved("b", gaussianEvent(0.1, 1), "lung"), acting("b"));
    const { site, dataset } = place(ledger);
    const log = logOf(ledger);
    const both = historyIn(log, { site, dataset, part: "train" }, DELTA).history;
    const [entry] = ledger.state.charges.values();
    const alone = historyIn(log, { site, dataset, part: "train", study: entry?.body.study }, DELTA).history;
    expect(both.groups.map(({ study }) => study)).toEqual(["heart", "lung"]);
    expect(alone.groups.map(({ study }) => study)).toEqual(["heart"]);
    expect(alone.epsilon).toBe(both.points[0]?.epsilon);
    // Half of the batch's loss with certainty: an RDP bound at δ = 1e-5 exists at every order but not for σ → 0.
    const endless = epsilonHistory(
      log.spent(site, dataset, "train").map((one) => ({ ...one, events: [gaussianEvent(1, 1e-160)] })),
      DELTA,
    );
    expect(endless.epsilon).toBeNull();
    expect(endless.points.map(({ epsilon }) => epsilon)).toEqual([null, null]);
    expect(endless.groups.map(({ added }) => added)).toEqual([null, null]);
  });

  test("caps are told when they were set", () => {
    const ledger = new TestLedger(cap(4), cap(3));
    const { site, dataset } = place(ledger);
    expect(
      logOf(ledger)
        .caps(site, dataset)
        .map(({ sequence, body }) => [sequence, body.epsilon]),
    ).toEqual([
      [1, 4],
      [2, 3],
    ]);
    expect(capOf(ledger.state, site, dataset)?.epsilon).toBe(3);
  });

  test("nothing spent is ε = 0 without a point", () => {
    expect(epsilonHistory([], DELTA)).toEqual({ charges: 0, epsilon: 0, groups: [], points: [] });
  });
});
