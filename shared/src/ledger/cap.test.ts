import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { epsilonOfEvents } from "../accountant/convert.ts";
import { canonicalJson } from "../encoding/canonicalJson.ts";
import { Failure } from "../failure/failure.ts";
import { DatasetId, Digest, SiteName, StudyName } from "../units/identity.ts";
import { CapChange, CapsInForce, dayOf, firstDayOf, isRaise, Period, unwiseCap } from "./cap.ts";
import { capsInForce } from "./capFilter.ts";
import { capViews } from "./capView.ts";
import { nextEntry } from "./chain.ts";
import { LedgerBody } from "./entry.ts";
import {
  acting,
  cancelled,
  cap,
  histogramEvent,
  reserved,
  signer,
  someDigest,
  TestLedger,
} from "./ledger.test-support.ts";
import { apply, replay } from "./replay.ts";

const site = SiteName.parse("basel");
const dataset = DatasetId.parse("clinic");
const failing = (code: string): unknown => expect.objectContaining({ code });
const on = { site: "basel", dataset: "clinic", statement: someDigest };
const studyCap = (epsilon: number | null, study = "heart"): LedgerBody =>
  LedgerBody.parse({ kind: "study-cap-set", ...on, study, epsilon });
const periodCap = (epsilon: number | null, period = "30-days"): LedgerBody =>
  LedgerBody.parse({ kind: "period-cap-set", ...on, period, epsilon });
const noon = (day: number): string => new Date(day * 86_400_000 + 43_200_000).toISOString();
/** ε = 1 at once, as pure ε. */
const one = histogramEvent(1);
const accepts = (ledger: TestLedger, at: string, id: string, study = "heart"): boolean => {
  try {
    ledger.appendAt(at, reserved(id, one, study), acting(id));
    return true;
  } catch (error) {
    if (error instanceof Failure && error.code === "ledger/budget-exceeded") return false;
    throw error;
  }
};

describe("[LED30] a steward may allow one study less than the others", () => {
  test("that study alone is held to it, the lesser of its cap and each study's", () => {
    const ledger = new TestLedger(cap(9, 3), studyCap(1));
    expect([accepts(ledger, noon(0), "a"), accepts(ledger, noon(0), "b")]).toEqual([true, false]);
    expect([accepts(ledger, noon(0), "c", "lung"), accepts(ledger, noon(0), "d", "lung")]).toEqual([true, true]);
    ledger.append(studyCap(null));
    expect(accepts(ledger, noon(0), "b")).toBe(true);
    expect(capsInForce(ledger.state, site, dataset, StudyName.parse("heart"))).toEqual({
      epsilon: 9,
      delta: 1e-5,
      perStudy: 3,
    });
    // A larger one lets nobody pass what each study may have.
    ledger.append(studyCap(8));
    expect([accepts(ledger, noon(0), "e"), accepts(ledger, noon(0), "f")]).toEqual([true, false]);
  });
});

describe("[LED31] a period's cap holds over any of its days, and a clock that goes back frees nothing", () => {
  test.each(["calendar-year", "30-days"])("%s: what the window held before counts, what left it doesn't", (name) => {
    const period = Period.parse(name);
    const start = dayOf("2026-12-20T00:00:00Z");
    const ledger = new TestLedger(cap(9), periodCap(2, name));
    expect(accepts(ledger, noon(start), "a") && accepts(ledger, noon(start + 1), "b")).toBe(true);
    expect(accepts(ledger, noon(start + 2), "c")).toBe(false);
    const free = name === "calendar-year" ? dayOf("2027-01-01T00:00:00Z") : start + 30;
    expect(firstDayOf(period, free - 1)).toBeLessThanOrEqual(start);
    expect(accepts(ledger, noon(free - 1), "d")).toBe(false);
    expect(accepts(ledger, noon(free), "e")).toBe(true);
  });

  test("against a slow model: charges of all days, counted anew at each question", () => {
    const day = fc.integer({ min: 0, max: 60 });
    const days = 10;
    fc.assert(
      fc.property(fc.array(day, { maxLength: 40 }), (clock) => {
        const ledger = new TestLedger();
        ledger.appendAt(noon(0), cap(9), periodCap(2, `${days}-days`));
        const spentOn: number[] = [];
        let latest = 0;
        for (const [index, now] of clock.entries()) {
          const counted = Math.max(latest, now);
          const inWindow = spentOn.filter((spent) => spent > counted - days).length;
          const fits =
            epsilonOfEvents([{ ...one, count: inWindow + 1 }], 1e-5) <= 2 &&
            epsilonOfEvents([{ ...one, count: spentOn.length + 1 }], 1e-5) <= 9;
          expect(accepts(ledger, noon(now), `c${index}`)).toBe(fits);
          // A refused charge writes nothing, so its day is forgotten.
          if (fits) [latest] = [counted, spentOn.push(counted)];
        }
        expect(replay("coordinator", ledger.entries).notices).toEqual(ledger.state.notices);
      }),
      { numRuns: 60 },
    );
  });

  test("what is reserved counts in every period until it acts or is cancelled", () => {
    const ledger = new TestLedger(cap(9));
    ledger.appendAt(noon(100), periodCap(1), reserved("a", one));
    expect(accepts(ledger, noon(200), "b")).toBe(false);
    ledger.appendAt(noon(200), cancelled("a"));
    expect(accepts(ledger, noon(200), "c")).toBe(true);
  });

  test("the cap over all studies stays, whatever a period would let through", () => {
    const ledger = new TestLedger(cap(2), periodCap(2, "1-days"));
    expect([0, 10, 20].map((day) => accepts(ledger, noon(30_000 + day), `c${day}`))).toEqual([true, true, false]);
  });
});

describe("[LED32] 50, 80 and 95 % of each cap are noticed once each, by the ledger itself", () => {
  const levels = (ledger: TestLedger): unknown[] => ledger.state.notices.map(({ of, level }) => [of, level]);

  test("in order, the highest of several at once, and not again", () => {
    const ledger = new TestLedger(cap(10));
    for (let count = 1; count <= 9; count++) accepts(ledger, noon(0), `c${count}`);
    expect(levels(ledger)).toEqual([
      ["data-set", 50],
      ["data-set", 80],
    ]);
    ledger.append(cancelledAfterReserving(ledger, "x"));
    ledger.append(reserved("y", histogramEvent(0.9)), cancelled("y"), reserved("z", histogramEvent(0.9)));
    expect(levels(ledger).slice(2)).toEqual([["data-set", 95]]);
    expect(capViews(ledger.state, site, dataset, 0)).toMatchObject([
      { of: "data-set", booked: epsilonOfEvents([{ ...one, count: 9 }, histogramEvent(0.9)], 1e-5), level: 95 },
    ]);
  });

  test("a lowered cap tells its own level, a study's and a period's cap theirs", () => {
    const ledger = new TestLedger(cap(10));
    accepts(ledger, noon(0), "a");
    ledger.append(studyCap(1.2), periodCap(1), cap(1.01));
    expect(levels(ledger)).toEqual([
      ["study", 80],
      ["period", 95],
      ["data-set", 95],
    ]);
  });

  test("a part that booked less doesn't let a period's notice be given again", () => {
    const ledger = new TestLedger(cap(10), periodCap(2));
    const booked = (id: string, epsilon: number, part: string): LedgerBody[] => [
      reserved(id, histogramEvent(epsilon), "heart", part),
      acting(id),
    ];
    ledger.append(...booked("a", 1.7, "train"), ...booked("b", 0.1, "audit"), ...booked("c", 0.05, "train"));
    expect(levels(ledger)).toEqual([["period", 80]]);
    // The days of the period pass, and it fills anew.
    ledger.appendAt(noon(40_000), ...booked("d", 0.1, "audit"), ...booked("e", 1.2, "train"));
    expect(levels(ledger).slice(1)).toEqual([["period", 50]]);
  });

  test("what a failed transaction takes back is taken back whole", () => {
    const ledger = new TestLedger(cap(2), periodCap(2, "calendar-year"), studyCap(1.5));
    const told = (): string => {
      const { noticed, notices, day, studyCaps, periodCaps, caps } = ledger.state;
      return canonicalJson([[...noticed], notices, day, [...studyCaps], [...periodCaps], [...caps]]);
    };
    const before = told();
    const bodies = [reserved("a", one), acting("a"), cap(1.1), periodCap(null, "calendar-year"), studyCap(null)];
    const undos = bodies.map((body) => apply(ledger.state, nextEntry(ledger.state.tip, noon(30_000), body, signer)));
    expect(ledger.state.notices.length).toBeGreaterThan(0);
    for (const undo of undos.toReversed()) undo();
    expect(told()).toBe(before);
    expect([...ledger.state.accounts.values()].every(({ spentByDay }) => spentByDay.size === 0)).toBe(true);
  });
});

describe("[LED33] a cap is raised by two people, lowered by one", () => {
  const known = CapsInForce.parse({
    epsilon: 4,
    delta: 1e-5,
    perStudy: 2,
    study: 1,
    periods: [{ period: "9-days", epsilon: 3 }],
  });
  const ofData = (epsilon: number, delta: number, perStudy?: number) => ({ of: "data-set", epsilon, delta, perStudy });
  const asked = (by: string): LedgerBody =>
    LedgerBody.parse({ kind: "raise-asked", ...on, change: ofData(8, 1e-5), by, reason: "a second study" });
  const settled = (by: string, isGranted = true): LedgerBody => {
    const { statement, site: whose } = on;
    const request = Digest.parse(someDigest);
    return LedgerBody.parse({ kind: "raise-settled", site: whose, request, isGranted, by, reason: "yes", statement });
  };

  test.each([
    [ofData(4, 1e-5, 2), false],
    [ofData(3, 1e-6, 1), false],
    [ofData(4.1, 1e-5, 2), true],
    [ofData(3, 2e-5, 2), true],
    [ofData(3, 1e-5), true],
    [{ of: "study", study: "heart", epsilon: 0.5 }, false],
    [{ of: "study", study: "heart", epsilon: 1.5 }, true],
    [{ of: "study", study: "heart", epsilon: null }, true],
    [{ of: "period", period: "9-days", epsilon: 2 }, false],
    [{ of: "period", period: "9-days", epsilon: null }, true],
    [{ of: "period", period: "calendar-year", epsilon: 50 }, false],
    [{ of: "period", period: "calendar-year", epsilon: null }, false],
  ])("%j is a raise: %s", (change, raises) => expect(isRaise(known, CapChange.parse(change))).toBe(raises));

  test.each([
    [{ epsilon: 8, delta: 1e-5 }, []],
    [{ epsilon: null }, []],
    [{ epsilon: 1e9, delta: 1e-5 }, ["ε ≤ 1000000000"]],
    [{ epsilon: 1, delta: 0.5 }, ["δ = 0.5"]],
    [{ epsilon: 11, delta: 0.01 }, ["ε ≤ 11", "δ = 0.01"]],
  ])("of %j a steward is warned: %j", (wanted, told) => {
    expect(unwiseCap(wanted).map((line) => line.slice(0, line.search(/:| is/)))).toEqual(told);
  });

  test("whoever asked can't grant it, may withdraw it, and nothing is settled twice", () => {
    const ledger = new TestLedger(cap(4), asked("Bell"));
    expect(() => ledger.append(settled("Bell"))).toThrow(failing("ledger/raise-by-one"));
    expect(() => new TestLedger(cap(4)).append(settled("Koch"))).toThrow(failing("ledger/raise-unknown"));
    ledger.append(settled("Koch"));
    expect(() => ledger.append(settled("Koch"))).toThrow(failing("ledger/raise-unknown"));
    expect(new TestLedger(cap(4), asked("Bell"), settled("Bell", false)).state.raises.size).toBe(1);
  });
});

function cancelledAfterReserving(ledger: TestLedger, id: string): LedgerBody {
  ledger.append(reserved(id, histogramEvent(0.2)));
  return cancelled(id);
}
