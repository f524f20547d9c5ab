import { epsilonOfEvents } from "@consilium/shared/accountant/convert";
import { PrivacyEvent } from "@consilium/shared/event/event";
import { emptyTip, nextEntry } from "@consilium/shared/ledger/chain";
import { LedgerBody } from "@consilium/shared/ledger/entry";
import { apply } from "@consilium/shared/ledger/replay";
import { emptyState, type LedgerState } from "@consilium/shared/ledger/state";
import { signerOf } from "@consilium/shared/signing/ed25519";
import { DatasetId, Digest, SiteName, StudyName } from "@consilium/shared/units/identity";
import { describe, expect, test } from "vitest";
import { requireAffordable } from "./affordable.ts";
import { heartStudy } from "./study.test-support.ts";

const site = SiteName.parse("basel");
const dataset = DatasetId.parse("clinic");
const purse = { site, dataset, document: heartStudy() };
const signer = signerOf(new Uint8Array(32).fill(1));
const step = PrivacyEvent.parse({
  kind: "poisson-gaussian",
  adjacency: "add-remove",
  samplingRate: 0.2,
  noiseMultiplier: 2.2,
  count: 1,
});
const train = [{ part: "train" as const, event: step }];

function book(state: LedgerState, body: unknown): void {
  apply(state, nextEntry(state.tip, "2026-01-01T00:00:00Z", LedgerBody.parse(body), signer));
}

function capped(epsilon: number, perStudy?: number): LedgerState {
  const state = { ...emptyState(site), tip: emptyTip(site) };
  const statement = Digest.parse("0".repeat(64));
  book(state, { kind: "cap-set", site, dataset, epsilon, delta: 1e-4, perStudy, statement });
  return state;
}

function reserve(state: LedgerState, study: string, round: number): string {
  const charge = `${study}/train-${round}.1/basel/train`;
  book(state, { kind: "reserved", charge, site, dataset, part: "train", study, round, attempt: 1, event: step });
  return charge;
}

/** Steps that fit before the first refusal. */
function affordableSteps(state: LedgerState, study: string): number {
  const document = { ...heartStudy({ epsilon: 100 }), name: StudyName.parse(study) };
  for (let round = 1; ; round++) {
    try {
      requireAffordable(state, { ...purse, document }, train, 0);
    } catch {
      return round - 1;
    }
    reserve(state, study, round);
  }
}

describe("[LED20] a site books nothing that would pass a cap, whatever other studies did", () => {
  test("the last affordable step is the last whose ε, computed at once, stays within the cap", () => {
    const steps = affordableSteps(capped(2), "heart");
    expect(epsilonOfEvents([{ ...step, count: steps }], 1e-4)).toBeLessThanOrEqual(2);
    expect(epsilonOfEvents([{ ...step, count: steps + 1 }], 1e-4)).toBeGreaterThan(2);
  });

  test("two studies on one data set share its cap", () => {
    const alone = affordableSteps(capped(2), "heart");
    const state = capped(2);
    for (let round = 1; round <= 10; round++) reserve(state, "other", round);
    expect(affordableSteps(state, "heart")).toBe(alone - 10);
  });

  test.each([
    { why: "no cap", state: () => emptyState(site), times: 60, code: "budget/no-cap" },
    { why: "the data set's cap", state: () => capped(1), times: 60, code: "budget/cap-exceeded" },
    { why: "the cap for one study", state: () => capped(100, 1), times: 60, code: "budget/study-cap-exceeded" },
    { why: "the study's own ε", state: () => capped(100), times: 120, code: "budget/study-exceeded" },
  ])("$why refuses by name", ({ state, times, code }) => {
    const planned = [{ part: "train" as const, event: { ...step, count: times } }];
    expect(() => requireAffordable(state(), purse, planned, 0)).toThrow(expect.objectContaining({ code }));
  });

  test("what fits all three passes", () => {
    const planned = [{ part: "train" as const, event: { ...step, count: 60 } }];
    expect(() => requireAffordable(capped(4, 4), purse, planned, 0)).not.toThrow();
  });
});
