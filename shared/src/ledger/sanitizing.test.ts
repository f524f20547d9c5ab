import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { epsilonOf } from "../accountant/convert.ts";
import { addCurves, curveOf, ZERO_CURVE } from "../accountant/rdp.ts";
import { DatasetId, PartyName, SiteName } from "../units/identity.ts";
import { disagreements } from "./agreement.ts";
import { ChargeLog } from "./chargeLog.ts";
import { LedgerBody } from "./entry.ts";
import { historyIn } from "./epsilonHistory.ts";
import {
  acting,
  cap,
  committed,
  gaussianEvent,
  histogramEvent,
  reserved,
  someDigest,
  TestLedger,
} from "./ledger.test-support.ts";
import { chargesIn, chargesToRecover, notCounted } from "./recovery.ts";
import { replay } from "./replay.ts";
import { allSpending, reaccount, spendingOf } from "./spent.ts";
import { headOf } from "./state.ts";

const site = SiteName.parse("basel");
const dataset = DatasetId.parse("clinic");
const DELTA = 1e-5;
const failing = (code: string): unknown => expect.objectContaining({ code });

const answersAtRandom = (epsilon: number, count = 1) => ({
  ...{ kind: "randomised-response", adjacency: "replace", values: 2, odds: Math.exp(epsilon), count },
});
const onRecords = (epsilon: number) => ({
  ...{ kind: "record-laplace", adjacency: "replace", coordinates: 5, diameter: 1000, step: 2 ** -9, count: 1 },
  scale: 1000 / epsilon,
});
function sanitizing(charge: string, events: readonly object[], more: object = {}): LedgerBody {
  const statement = someDigest;
  return LedgerBody.parse({ kind: "sanitizing", charge, site, dataset, events, statement, ...more });
}
const periodCap = (epsilon: number): LedgerBody =>
  LedgerBody.parse({ kind: "period-cap-set", site, dataset, period: "30-days", epsilon, statement: someDigest });

describe("[LED40] a sanitizer's charge is of the whole data set, spent before noise is drawn", () => {
  test("all parts pay at once, no study does, and the file's digest closes it", () => {
    const ledger = new TestLedger(cap(9), sanitizing("s1", [onRecords(1), answersAtRandom(0.5)]));
    const spent = spendingOf(ledger.state, site, dataset);
    expect(new Set(Object.values(spent?.parts ?? {}))).toEqual(new Set([spent?.epsilon]));
    expect(spent?.epsilon).toBeGreaterThan(1);
    expect(spent?.epsilon).toBeLessThanOrEqual(1.5 * (1 + 1e-9));
    expect(spent?.studies).toEqual([]);
    expect([...ledger.state.sanitizings.values()]).toMatchObject([{ state: "acting", result: null }]);
    ledger.append(committed("s1"));
    expect([...ledger.state.sanitizings.values()]).toMatchObject([{ state: "committed", result: someDigest }]);
    expect(spendingOf(ledger.state, site, dataset)).toEqual(spent);
    expect(() => ledger.append(committed("s1"))).toThrow(failing("ledger/charge-state"));
    expect(() => ledger.append(sanitizing("s1", [onRecords(1)]))).toThrow(failing("ledger/charge-state"));
    expect(() => ledger.append(acting("s1"))).toThrow(failing("ledger/charge-state"));
  });

  test("no cap, no charge; past a cap nothing is spent; a study's own cap doesn't count it", () => {
    expect(() => new TestLedger(sanitizing("s1", [onRecords(1)]))).toThrow(failing("ledger/no-cap"));
    const ledger = new TestLedger(cap(2, 0.5), sanitizing("s1", [onRecords(1.2)]));
    const before = JSON.stringify([allSpending(ledger.state), headOf(ledger.state)]);
    expect(() => ledger.append(sanitizing("s2", [onRecords(1.2)]))).toThrow(failing("ledger/budget-exceeded"));
    expect(JSON.stringify([allSpending(ledger.state), headOf(ledger.state)])).toBe(before);
    expect(() => ledger.append(periodCap(1.3), sanitizing("s2", [onRecords(0.4)]))).toThrow(/30 days/);
    ledger.appendAt("2026-06-01T00:00:00.000Z", sanitizing("s2", [onRecords(0.4)]));
    // A round afterwards sees what the sanitizer left.
    expect(() => ledger.append(reserved("r1", histogramEvent(0.49)))).toThrow(failing("ledger/budget-exceeded"));
  });

  test("whatever another ledger tells of counts, cap or no cap, once", () => {
    const ledger = new TestLedger(cap(1), sanitizing("s1", [onRecords(3)], { from: "coordinator" }));
    expect(spendingOf(ledger.state, site, dataset)?.epsilon).toBeCloseTo(3, 1);
    const own = new TestLedger(cap(9), sanitizing("s2", [onRecords(3)]), committed("s2"));
    const told = chargesIn(PartyName.parse("basel"), own.entries);
    expect(notCounted(ledger.state, told, site)).toEqual(["s2"]);
    ledger.append(...chargesToRecover(ledger.state, told, site));
    expect(chargesToRecover(ledger.state, told, site)).toEqual([]);
    expect(ledger.state.sanitizings.get(told.sanitizings.keys().next().value ?? never())?.body.from).toBe("basel");
    expect(disagreements(ledger.state, own.state, site)).toEqual([]);
    expect(disagreements(own.state, ledger.state, site)).toEqual(["s1 is spent at basel and not at the coordinator."]);
    expect(notCounted(ledger.state, told, SiteName.parse("geneva"))).toEqual([]);
  });

  test("what has no figure for a record is signed by two people, and charges nothing", () => {
    const by = (first: string, second: string) => ({ disclosure: { of: ["features"], by: [first, second] } });
    const ledger = new TestLedger(cap(1), sanitizing("s1", [], by("Bell", "Koch")));
    expect(spendingOf(ledger.state, site, dataset)?.epsilon).toBe(0);
    expect(() => ledger.append(sanitizing("s2", [], by("Bell", "Bell")))).toThrow(failing("ledger/disclosure-by-one"));
    expect(() => ledger.append(sanitizing("s2", []))).toThrow(failing("ledger/disclosure-by-one"));
  });
});

const step = fc.record({
  what: fc.constantFrom("round", "histogram", "sanitize"),
  epsilon: fc.double({ min: 0.1, max: 1.5, noNaN: true }),
  part: fc.constantFrom("train", "validation", "audit"),
});

describe("[LED41] caps of rounds and sanitizers together", () => {
  test("never above, by a slow sum over each part of all that was accepted; refused only what would be above", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const ledger = new TestLedger(cap(4));
        const done: { part: string | null; events: Parameters<typeof curveOf>[0][] }[] = [];
        const slow = (part: string) =>
          epsilonOf(
            done
              .filter((one) => one.part === null || one.part === part)
              .flatMap(({ events }) => events.map(curveOf))
              .reduce(addCurves, ZERO_CURVE),
            DELTA,
          );
        for (const [index, { what, epsilon, part }] of steps.entries()) {
          const id = `c${index}`;
          const event = what === "round" ? gaussianEvent(0.2, 2 / epsilon) : histogramEvent(epsilon);
          const whole = sanitizing(id, [onRecords(epsilon), answersAtRandom(0.2)]);
          const bodies = what === "sanitize" ? [whole] : [reserved(id, event, "heart", part), acting(id)];
          const events = whole.kind === "sanitizing" && what === "sanitize" ? whole.events : [event];
          done.push({ part: what === "sanitize" ? null : part, events });
          const worst = Math.max(...["train", "validation", "audit"].map(slow));
          const fits = worst <= 4;
          if (fits) ledger.append(...bodies);
          else {
            expect(() => ledger.append(...bodies)).toThrow(failing("ledger/budget-exceeded"));
            done.pop();
          }
        }
        const truth = Math.max(...["train", "validation", "audit"].map(slow));
        expect(spendingOf(ledger.state, site, dataset)?.epsilon).toBeCloseTo(truth, 9);
        expect(reaccount(ledger.state, site, dataset, DELTA)).toBeCloseTo(truth, 9);
        const again = replay(ledger.state.tip.writer, ledger.entries);
        expect(allSpending(again)).toEqual(allSpending(ledger.state));
        const log = new ChargeLog();
        for (const entry of ledger.entries) log.take(entry);
        expect(historyIn(log, { site, dataset }, DELTA).history.epsilon).toBeCloseTo(truth, 9);
      }),
    );
  });

  test("over time: its group is no study's, and the increments add up", () => {
    const ledger = new TestLedger(
      ...[cap(9), reserved("a", histogramEvent(1)), acting("a"), sanitizing("s", [onRecords(2)])],
    );
    const log = new ChargeLog();
    for (const entry of ledger.entries) log.take(entry);
    const { history } = historyIn(log, { site, dataset, part: "train" }, DELTA);
    expect(history.groups.map(({ study, purpose }) => [study, purpose])).toEqual([
      ["heart", "audit"],
      [null, "sanitizing"],
    ]);
    expect(history.groups.reduce((sum, { added }) => sum + (added ?? 0), 0)).toBeCloseTo(history.epsilon ?? 0, 9);
  });
});

function never(): never {
  throw new Error("a told charge is there");
}
