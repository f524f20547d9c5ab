import { describe, expect, test } from "vitest";
import { DatasetId, SiteName } from "../units/identity.ts";
import { LedgerBody } from "./entry.ts";
import { acting, cap, committed, histogramEvent, reserved, someDigest, TestLedger } from "./ledger.test-support.ts";
import { reaccount, spendingOf } from "./spent.ts";

const site = SiteName.parse("basel");
const dataset = DatasetId.parse("clinic");
const failing = (code: string): unknown => expect.objectContaining({ code });
const free = { kind: "post-processing", adjacency: "add-remove", count: 1 } as const;

const sanitizing = (charge: string, of: object = {}): LedgerBody =>
  LedgerBody.parse({
    ...{ kind: "sanitizing", charge, site, dataset, statement: someDigest, ...of },
    events: [{ kind: "randomised-response", adjacency: "replace", values: 2, odds: Math.E, count: 1 }],
  });
const approval = (study: string, sanitized?: string): LedgerBody =>
  LedgerBody.parse({
    ...{ kind: "study-approved", site, dataset, study, studyDigest: someDigest, approval: someDigest, number: 1 },
    ...(sanitized === undefined ? {} : { sanitized }),
  });
const step = (study: string, charge: string, of: object = {}): LedgerBody =>
  LedgerBody.parse({
    ...{ kind: "reserved", charge, site, dataset, part: "train", study, round: 1, attempt: 1, event: free, ...of },
  });

describe("[LED43] what costs nothing is training on what a sanitizer's charge of the same data set made", () => {
  test("any number of studies train on it, and nothing is added to what it cost", () => {
    const ledger = new TestLedger(cap(4), sanitizing("s1"), committed("s1"));
    const before = spendingOf(ledger.state, site, dataset)?.epsilon;
    for (const study of ["one", "two", "three"]) {
      ledger.append(approval(study, "s1"), step(study, `${study}/1`), acting(`${study}/1`), committed(`${study}/1`));
    }
    expect(spendingOf(ledger.state, site, dataset)).toMatchObject({
      epsilon: before,
      studies: ["one", "three", "two"].map((study) => ({ study, epsilon: 0, trainingEpsilon: 0 })),
    });
    expect(reaccount(ledger.state, site, dataset, 1e-5)).toBe(before);
  });

  test("a cap below what is spent keeps everything else out, and not what costs nothing", () => {
    const ledger = new TestLedger(cap(4), sanitizing("s1"), committed("s1"), approval("one", "s1"), cap(0.5));
    expect(() => ledger.append(step("one", "histogram", { event: histogramEvent(0.1) }))).toThrow(
      failing("ledger/budget-exceeded"),
    );
    ledger.append(step("one", "one/1"));
  });

  test.each<[string, readonly LedgerBody[], LedgerBody]>([
    ["an unfinished file", [sanitizing("s1"), approval("one", "s1")], step("one", "one/1")],
    ["no approval", [sanitizing("s1"), committed("s1")], step("one", "one/1")],
    ["an approval that names no charge", [sanitizing("s1"), committed("s1"), approval("one")], step("one", "one/1")],
    ["a charge that nobody knows", [sanitizing("s1"), committed("s1"), approval("one", "s2")], step("one", "one/1")],
    ["a round's charge", [reserved("s1", histogramEvent(0.1)), approval("one", "s1")], step("one", "one/1")],
    ["another study's approval", [sanitizing("s1"), committed("s1"), approval("two", "s1")], step("one", "one/1")],
    [
      "another data set's charge",
      [sanitizing("s1", { dataset: "other" }), committed("s1"), approval("one", "s1")],
      step("one", "one/1"),
    ],
    [
      "patients who are not trained on",
      [sanitizing("s1"), committed("s1"), approval("one", "s1")],
      step("one", "one/1", { part: "audit" }),
    ],
  ])("refused: %s", (_, before, free) => {
    const other = LedgerBody.parse({ ...cap(4), dataset: "other" });
    const ledger = new TestLedger(cap(4), other, ...before);
    expect(() => ledger.append(free)).toThrow(failing("ledger/not-sanitized"));
  });

  test("what another ledger told and its site signed counts as whole: nobody here closed its file", () => {
    const told = { from: "basel", signature: `${"A".repeat(86)}==` };
    new TestLedger(cap(4), sanitizing("s1", told), approval("one", "s1")).append(step("one", "one/1"));
  });

  test("a study keeps to the records that it was charged on; before that it may take others", () => {
    const both = [sanitizing("s1"), committed("s1"), sanitizing("s2"), committed("s2")];
    const ledger = new TestLedger(cap(9), ...both, approval("one", "s1"), approval("one", "s2"));
    ledger.append(step("one", "one/1"), acting("one/1"));
    expect(() => ledger.append(approval("one", "s1"))).toThrow(failing("ledger/sanitized-changed"));
    expect(() => ledger.append(approval("one"))).toThrow(failing("ledger/sanitized-changed"));
    ledger.append(approval("one", "s2"), approval("two", "s1"));
  });
});
