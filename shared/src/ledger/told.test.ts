import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { INLINE_BYTES_MAX } from "../protocol/limits.ts";
import { SiteName } from "../units/identity.ts";
import { disagreements } from "./agreement.ts";
import { LedgerBody } from "./entry.ts";
import {
  acting,
  cancelled,
  cap,
  committed,
  histogramEvent,
  reserved,
  someDigest,
  TestLedger,
} from "./ledger.test-support.ts";
import { acceptedRestore, chargesIn, chargesToRecover, checkHoldsHead, notCounted, tighterCaps } from "./recovery.ts";
import { headKey, headOf } from "./state.ts";
import { partsOf, ToldParts } from "./told.ts";

const basel = SiteName.parse("basel");
const step = histogramEvent(0.1);

describe("[LED13] a ledger told in parts", () => {
  test("is put together as it was, whatever its length and letters", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3 }), fc.integer({ min: -2, max: 2 }), (times, more) => {
        const text = "é€ ".repeat(1).padEnd(Math.max(0, times * INLINE_BYTES_MAX + more), "x");
        const parts = partsOf(text);
        const told = new ToldParts();
        const texts = parts.map(({ bytes, ...part }) => told.add(part, bytes));
        expect(parts.every(({ bytes }) => bytes.length <= INLINE_BYTES_MAX)).toBe(true);
        expect(texts.slice(0, -1).every((each) => each === null)).toBe(true);
        expect(texts.at(-1)).toBe(text);
      }),
      { numRuns: 20 },
    );
  });

  test("out of its place, of another number of parts, or empty, it is refused", () => {
    const bytes = new Uint8Array(1);
    const misplaced = expect.objectContaining({ code: "restore/part-out-of-place" });
    expect(() => new ToldParts().add({ part: 2, parts: 2 }, bytes)).toThrow(misplaced);
    expect(() => new ToldParts().add({ part: 1, parts: 2 }, undefined)).toThrow(misplaced);
    const told = new ToldParts();
    told.add({ part: 1, parts: 3 }, bytes);
    expect(() => told.add({ part: 2, parts: 2 }, bytes)).toThrow(misplaced);
  });
});

describe("[LED13] a restore that is accepted", () => {
  const whole = new TestLedger(cap(4), reserved("a", step), acting("a"), committed("a"));
  const lost = headOf(whole.state);
  const accepting = (ledger: TestLedger, more: object = {}): LedgerBody => {
    const accepted = headOf(ledger.state);
    return LedgerBody.parse({
      kind: "restore-accepted",
      site: basel,
      lost,
      accepted,
      by: "ann",
      reason: "disk",
      ...more,
    });
  };

  test("the ledger answers for the head that it lost, and for no other that it never had", () => {
    const older = new TestLedger(cap(4));
    expect(() => checkHoldsHead(older.state, lost)).toThrow(expect.objectContaining({ code: "ledger/behind" }));
    older.append(accepting(older));
    expect(() => checkHoldsHead(older.state, lost)).not.toThrow();
    expect(() => checkHoldsHead(older.state, { ...lost, sequence: 3 })).toThrow(
      expect.objectContaining({ code: "ledger/behind" }),
    );
    expect([...older.state.forgone.keys()]).toEqual([headKey(lost)]);
    expect(acceptedRestore(older.entries, lost)).toMatchObject({ reason: "disk" });
    expect(acceptedRestore(older.entries, { ...lost, sequence: 3 })).toBeUndefined();
  });

  test("it names the head that stands, or is refused", () => {
    const older = new TestLedger(cap(4));
    const mismatch = expect.objectContaining({ code: "ledger/restore-mismatch" });
    expect(() => older.append(accepting(older, { accepted: lost }))).toThrow(mismatch);
    expect(() => older.append(accepting(older, { lost: { ...lost, writer: basel } }))).toThrow(mismatch);
    expect(older.entries).toHaveLength(1);
  });

  test("another's ledger goes on from what it shows now, never from before what is named as lost", () => {
    const theirs = { writer: basel, hash: someDigest, root: someDigest };
    const signature = whole.entries[0]?.signature;
    const own = new TestLedger(
      LedgerBody.parse({ kind: "head-witnessed", head: { ...theirs, sequence: 9 }, signature }),
    );
    const names = (sequence: number): LedgerBody =>
      accepting(own, { lost: { ...theirs, sequence }, accepted: { ...theirs, sequence: 4 } });
    expect(() => own.append(names(8))).toThrow(expect.objectContaining({ code: "ledger/restore-mismatch" }));
    own.append(names(9));
    expect(own.state.witnessed.get(basel)?.sequence).toBe(4);
  });

  test("what a part of a ledger tells of charges: those spent there and not here", () => {
    const told = chargesIn(
      basel,
      new TestLedger(cap(4), reserved("a", step), acting("a"), reserved("b", step)).entries,
    );
    expect(notCounted(new TestLedger(cap(4)).state, told)).toEqual(["a"]);
    expect(notCounted(whole.state, told)).toEqual([]);
    expect(notCounted(new TestLedger(cap(4)).state, told, SiteName.parse("geneva"))).toEqual([]);
  });

  const greater = histogramEvent(0.5);

  test("[LED44] a name that stands for another event here is taken over apart; both sides then count both", () => {
    const here = new TestLedger(cap(40), reserved("a", step), acting("a"));
    const there = new TestLedger(cap(40), reserved("a", greater), acting("a"));
    expect(notCounted(here.state, there.state)).toEqual(["a"]);
    for (const [own, other] of [
      [here, there],
      [there, here],
      [here, there],
    ] as const)
      own.append(...chargesToRecover(own.state, other.state));
    for (const { state } of [here, there]) {
      expect([...state.charges.values()].map(({ body }) => body.event)).toEqual(
        expect.arrayContaining([step, greater]),
      );
      expect(state.charges.size).toBe(2);
    }
    expect([notCounted(here.state, there.state), notCounted(there.state, here.state)]).toEqual([[], []]);
    expect(disagreements(here.state, there.state, basel)).toEqual([]);
    const apart = new TestLedger(cap(40), reserved("a", step), acting("a")).state;
    const alone = new TestLedger(cap(40), reserved("a", greater), acting("a")).state;
    expect(disagreements(apart, alone, basel)).toEqual(["a is another event at basel than at the coordinator."]);
  });

  test("[LED44] what is only reserved here for another event stays so; what is cancelled gives its name", () => {
    const there = new TestLedger(cap(40), reserved("a", greater), acting("a")).state;
    const open = new TestLedger(cap(40), reserved("a", step));
    expect(chargesToRecover(open.state, there)).toMatchObject([
      { kind: "recovered", charge: expect.stringMatching(/^a~/), event: greater },
    ]);
    const same = new TestLedger(cap(40), reserved("a", greater));
    expect(chargesToRecover(same.state, there)).toEqual([{ kind: "acting", charge: "a" }]);
    open.append(cancelled("a"));
    expect(chargesToRecover(open.state, there)).toMatchObject([{ kind: "recovered", charge: "a", event: greater }]);
  });

  test("a cap is taken over where it is tighter, never where it would allow more", () => {
    const caps = (own: LedgerBody, theirs: LedgerBody): number =>
      tighterCaps(new TestLedger(own).state, new TestLedger(theirs).entries, basel).length;
    expect(caps(cap(4), cap(3))).toBe(1);
    expect(caps(cap(4), cap(4, 2))).toBe(1);
    expect([caps(cap(3), cap(4)), caps(cap(4, 1), cap(3, 2)), caps(cap(4), cap(4))]).toEqual([0, 0, 0]);
  });

  test("so is one for a study, or for a period, each by itself", () => {
    const on = { site: basel, dataset: "clinic", statement: someDigest };
    const ofStudy = (epsilon: number | null, study = "heart"): LedgerBody =>
      LedgerBody.parse({ kind: "study-cap-set", ...on, study, epsilon });
    const ofPeriod = (epsilon: number | null, period = "30-days"): LedgerBody =>
      LedgerBody.parse({ kind: "period-cap-set", ...on, period, epsilon });
    const taken = (own: readonly LedgerBody[], ...theirs: readonly LedgerBody[]): unknown =>
      tighterCaps(new TestLedger(cap(4), ...own).state, new TestLedger(cap(4), ...theirs).entries, basel);
    expect(taken([], ofStudy(2), ofPeriod(3), ofStudy(1))).toEqual([ofStudy(1), ofPeriod(3)]);
    expect(taken([ofStudy(2), ofPeriod(2)], ofStudy(1), ofPeriod(1))).toEqual([ofStudy(1), ofPeriod(1)]);
    expect(taken([ofStudy(2), ofPeriod(2)], ofStudy(1, "lung"), ofPeriod(3, "7-days"))).toHaveLength(2);
    expect(taken([ofStudy(2), ofPeriod(2)], ofStudy(2), ofPeriod(3))).toEqual([]);
    expect(taken([ofStudy(2), ofPeriod(2)], ofStudy(1), ofStudy(null), ofPeriod(null))).toEqual([]);
    expect(tighterCaps(new TestLedger().state, new TestLedger(ofStudy(1)).entries, SiteName.parse("geneva"))).toEqual(
      [],
    );
  });

  test("a site's word about a charge that is another site's here spends nothing of that site", () => {
    const ofGeneva = LedgerBody.parse({ ...reserved("a", step), site: "geneva" });
    const capOfGeneva = LedgerBody.parse({ ...cap(4), site: "geneva" });
    const told = new TestLedger(cap(4), reserved("a", step), acting("a")).state;
    const own = new TestLedger(capOfGeneva, ofGeneva);
    expect(chargesToRecover(own.state, told, basel)).toEqual([]);
    own.append(cancelled("a"));
    expect(chargesToRecover(own.state, told, basel)).toEqual([]);
  });
});
