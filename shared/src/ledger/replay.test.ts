import { describe, expect, test } from "vitest";
import { epsilonOfEvents } from "../accountant/convert.ts";
import { DatasetId, SiteName, StudyName } from "../units/identity.ts";
import { epsilonWith } from "./budget.ts";
import { nextEntry } from "./chain.ts";
import { ChargeId, LedgerBody, type LedgerHead } from "./entry.ts";
import {
  acting,
  cancelled,
  cap,
  committed,
  gaussianEvent,
  histogramEvent,
  reserved,
  signer,
  someDigest,
  TestLedger,
  writer,
} from "./ledger.test-support.ts";
import { chargesToRecover, checkHoldsHead } from "./recovery.ts";
import { apply, replay } from "./replay.ts";
import { allSpending, reaccount, spendingOf } from "./spent.ts";
import { headOf } from "./state.ts";

const site = SiteName.parse("basel");
const dataset = DatasetId.parse("clinic");
const failing = (code: string): unknown => expect.objectContaining({ code });
const step = gaussianEvent(0.2, 2.2);

function spent(ledger: TestLedger) {
  const spending = spendingOf(ledger.state, site, dataset);
  if (spending === undefined) throw new Error("the data set has a cap");
  return spending;
}

describe("[LED2] a charge goes reserved → acting → committed, or reserved → cancelled", () => {
  const start = (): TestLedger => new TestLedger(cap(4), reserved("a", step));

  test("each step once, in order", () => {
    expect(start().append(acting("a"), committed("a")).state.charges.get(ChargeId.parse("a"))?.state).toBe("committed");
    expect(() => start().append(committed("a"))).toThrow(failing("ledger/charge-state"));
    expect(() => start().append(acting("a"), acting("a"))).toThrow(failing("ledger/charge-state"));
    expect(() => start().append(acting("b"))).toThrow(failing("ledger/charge-state"));
    expect(() => start().append(reserved("a", step))).toThrow(failing("ledger/charge-state"));
  });

  test("nothing is cancelled once it acted, and nothing cancelled comes back under its name", () => {
    expect(() => start().append(acting("a"), cancelled("a"))).toThrow(failing("ledger/charge-state"));
    expect(() => start().append(cancelled("a"), acting("a"))).toThrow(failing("ledger/charge-state"));
    expect(() => start().append(cancelled("a"), reserved("a", step))).toThrow(failing("ledger/charge-state"));
  });

  test("acting is spent; reserved and cancelled are not, but reserved is held", () => {
    const ledger = start();
    expect(spent(ledger).epsilon).toBe(0);
    expect(spent(ledger).reservedEpsilon).toBe(epsilonOfEvents([step], 1e-5));
    expect(spent(ledger.append(acting("a"))).epsilon).toBe(epsilonOfEvents([step], 1e-5));
    const other = start().append(cancelled("a"));
    expect(spent(other).reservedEpsilon).toBe(0);
  });
});

describe("[LED3] a charge that would pass a cap is refused, over all studies and for each", () => {
  test("without a cap nothing is reserved", () => {
    expect(() => new TestLedger(reserved("a", step))).toThrow(failing("ledger/no-cap"));
  });

  test("two studies share a data set's cap; parts do not", () => {
    const half = gaussianEvent(0.2, 2.2, 36);
    const ledger = new TestLedger(cap(3), reserved("a", half, "heart"));
    expect(() => ledger.append(reserved("b", half, "lung"))).toThrow(failing("ledger/budget-exceeded"));
    ledger.append(reserved("c", half, "lung", "validation"));
    ledger.append(cancelled("a"), reserved("b", half, "lung"));
    expect(spent(ledger).reservedEpsilon).toBe(epsilonOfEvents([half], 1e-5));
  });

  test("one study's cap is its own", () => {
    const ledger = new TestLedger(cap(3, 0.5), reserved("a", histogramEvent(0.4), "heart"));
    expect(() => ledger.append(reserved("b", histogramEvent(0.2), "heart"))).toThrow(failing("ledger/budget-exceeded"));
    ledger.append(reserved("c", histogramEvent(0.2), "lung"));
    expect(spent(ledger).studies.map((study) => [study.study, study.reservedEpsilon])).toEqual([
      ["heart", 0.4],
      ["lung", 0.2],
    ]);
  });

  test("a cap is filled, and not passed", () => {
    const ledger = new TestLedger(cap(0.3));
    for (let i = 0; i < 3; i++) ledger.append(reserved(`h${i}`, histogramEvent(0.1)), acting(`h${i}`));
    expect(spent(ledger).epsilon).toBeGreaterThan(0.2999);
    expect(spent(ledger).epsilon).toBeLessThanOrEqual(0.3);
    expect(() => ledger.append(reserved("more", histogramEvent(0.01)))).toThrow(failing("ledger/budget-exceeded"));
  });

  test("a lowered cap stops what comes after it", () => {
    const ledger = new TestLedger(cap(3), reserved("a", histogramEvent(1)), acting("a"), cap(0.5));
    expect(() => ledger.append(reserved("b", histogramEvent(0.1)))).toThrow(failing("ledger/budget-exceeded"));
    expect(spent(ledger)).toMatchObject({ cap: 0.5, epsilon: 1 });
  });

  test("a question changes nothing", () => {
    const ledger = new TestLedger(cap(3), reserved("a", step));
    const key = { site, dataset, part: "train" as const };
    expect(epsilonWith(ledger.state, key, [step], 1e-5)).toBeCloseTo(
      epsilonOfEvents([gaussianEvent(0.2, 2.2, 2)], 1e-5),
      12,
    );
    expect(epsilonWith(ledger.state, key, [step], 1e-5, StudyName.parse("lung"))).toBe(epsilonOfEvents([step], 1e-5));
    expect(spent(ledger).epsilon).toBe(0);
  });
});

describe("[LED4] [ACC12] what was spent is computed again from events, and that is what is reported", () => {
  const ledger = new TestLedger(
    cap(9),
    ...[1, 2, 3].flatMap((i) => [reserved(`t${i}`, step), acting(`t${i}`), committed(`t${i}`)]),
    reserved("v", histogramEvent(0.7), "heart", "validation"),
    acting("v"),
    reserved("m", histogramEvent(0.3)),
    acting("m"),
    reserved("open", step),
  );

  test("a site's figure is the largest over its parts; training stands apart", () => {
    const spending = spent(ledger);
    expect(spending.parts.validation).toBeCloseTo(0.7, 12);
    expect(spending.parts.train).toBeCloseTo(
      epsilonOfEvents([gaussianEvent(0.2, 2.2, 3), histogramEvent(0.3)], 1e-5),
      12,
    );
    expect(spending.trainingEpsilon).toBeCloseTo(epsilonOfEvents([gaussianEvent(0.2, 2.2, 3)], 1e-5), 12);
    expect(spending.epsilon).toBe(Math.max(...Object.values(spending.parts)));
    expect(allSpending(ledger.state)).toEqual([spending]);
  });

  test("from the events alone, and from the entries alone", () => {
    expect(reaccount(ledger.state, site, dataset, 1e-5)).toBeCloseTo(spent(ledger).epsilon, 12);
    expect(allSpending(replay(writer, ledger.entries))).toEqual(allSpending(ledger.state));
  });

  test("every entry can be taken back: state and figures are as before", () => {
    const bodies = [acting("open"), reserved("x", step), cancelled("x"), committed("m"), cap(10)];
    for (const body of bodies) {
      const before = JSON.stringify([allSpending(ledger.state), [...ledger.state.charges], headOf(ledger.state)]);
      const undo = apply(
        ledger.state,
        nextEntry(
          ledger.state.tip,
          "2026-01-02T03:04:05Z",
          body.kind === "cancelled" ? cancelled("open") : body,
          signer,
        ),
      );
      expect(JSON.stringify([allSpending(ledger.state), [...ledger.state.charges], headOf(ledger.state)])).not.toBe(
        before,
      );
      undo();
      expect(JSON.stringify([allSpending(ledger.state), [...ledger.state.charges], headOf(ledger.state)])).toBe(before);
    }
  });
});

describe("[LED5] after a restore the union of both ledgers' charges counts", () => {
  const history = [
    cap(4),
    reserved("a", step),
    acting("a"),
    committed("a"),
    reserved("b", step),
    acting("b"),
    reserved("c", step),
  ];

  test("whatever acted there and is lost, cancelled or only reserved here becomes spent here", () => {
    const other = new TestLedger(...history);
    for (const own of [
      new TestLedger(cap(4)),
      new TestLedger(...history.slice(0, 2)),
      new TestLedger(...history.slice(0, 2), cancelled("a")),
      new TestLedger(...history),
    ]) {
      own.append(...chargesToRecover(own.state, other.state).map((body) => LedgerBody.parse(body)));
      expect(spent(own).epsilon).toBe(spent(other).epsilon);
      expect(chargesToRecover(own.state, other.state)).toEqual([]);
    }
  });

  test("even where it passes the cap: it was spent", () => {
    const other = new TestLedger(...history);
    const own = new TestLedger(cap(0.001));
    own.append(...chargesToRecover(own.state, other.state, site));
    expect(spent(own).epsilon).toBe(spent(other).epsilon);
    expect(chargesToRecover(new TestLedger(cap(1)).state, other.state, SiteName.parse("geneva"))).toEqual([]);
  });
});

describe("[LED6] a ledger that lost or rewrote what it once showed is refused", () => {
  const ledger = new TestLedger(cap(4), reserved("a", step), acting("a"));
  const headAt = (length: number): LedgerHead => headOf(replay(writer, ledger.entries.slice(0, length)));

  test("our own: behind a head of it that others hold, or forked from it", () => {
    for (const length of [0, 1, 2, 3]) expect(() => checkHoldsHead(ledger.state, headAt(length))).not.toThrow();
    const older = replay(writer, ledger.entries.slice(0, 1));
    expect(() => checkHoldsHead(older, headAt(3))).toThrow(failing("ledger/behind"));
    const rewritten = new TestLedger(cap(5), reserved("a", step), acting("a"));
    for (const length of [1, 2, 3])
      expect(() => checkHoldsHead(rewritten.state, headAt(length))).toThrow(failing("ledger/forked"));
  });

  test("another's: a head older than the newest witnessed, or another in its place", () => {
    const witnessed = (sequence: number, hash: string): LedgerBody =>
      LedgerBody.parse({
        kind: "head-witnessed",
        head: { writer: "basel", sequence, hash, root: hash },
        signature: ledger.entries[0]?.signature,
      });
    const own = new TestLedger(witnessed(5, someDigest), witnessed(5, someDigest), witnessed(9, someDigest));
    expect(() => own.append(witnessed(8, someDigest))).toThrow(failing("ledger/head-disagrees"));
    expect(() => own.append(witnessed(9, "cd".repeat(32)))).toThrow(failing("ledger/head-disagrees"));
  });
});
