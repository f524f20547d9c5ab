import { emptyTip, nextEntry } from "@consilium/shared/ledger/chain";
import { LedgerBody } from "@consilium/shared/ledger/entry";
import { apply } from "@consilium/shared/ledger/replay";
import { emptyState, headOf, type LedgerState } from "@consilium/shared/ledger/state";
import { whatIf } from "@consilium/shared/ledger/whatIf";
import { signerOf } from "@consilium/shared/signing/ed25519";
import { plannedEvents } from "@consilium/shared/study/charges";
import { SiteName } from "@consilium/shared/units/identity";
import { describe, expect, test } from "vitest";
import { epsilonAfter } from "./affordable.ts";
import { heartStudy } from "./study.test-support.ts";

const site = SiteName.parse("basel");
const signer = signerOf(new Uint8Array(32).fill(3));

function capped(epsilon: number, perStudy?: number): LedgerState {
  const state = emptyState(site);
  const body = { kind: "cap-set", site, dataset: "clinic", epsilon, delta: 1e-4, perStudy, statement: "0".repeat(64) };
  apply(state, nextEntry(emptyTip(site), "2026-01-01T00:00:00Z", LedgerBody.parse(body), signer));
  return state;
}

describe("[LED12] what a study would cost is told before anyone signs, and nothing is charged", () => {
  const document = heartStudy({ rounds: 20 });

  test("the ε that its approval is held to, and what is left", () => {
    const state = capped(4);
    const before = headOf(state);
    const [answer] = whatIf(state, document, 0);
    const after = epsilonAfter(state, { site, dataset: answer?.dataset ?? never() }, plannedEvents(document));
    expect(answer).toMatchObject({ site, cap: 4, before: 0, after, left: 4 - (after ?? 0), fits: true });
    expect(answer?.affordableRounds).toBe(20);
    expect(headOf(state)).toEqual(before);
    expect(whatIf(emptyState(site), document, 0)).toEqual([]);
  });

  test.each([
    { cap: 1.2, perStudy: undefined },
    { cap: 9, perStudy: 1.2 },
  ])("cap $cap, per study $perStudy: the last round that fits, one more does not", ({ cap, perStudy }) => {
    const state = capped(cap, perStudy);
    const [answer] = whatIf(state, document, 0);
    const rounds = answer?.affordableRounds ?? 0;
    expect(answer?.fits).toBe(false);
    expect(rounds).toBeGreaterThan(0);
    expect(rounds).toBeLessThan(20);
    expect(whatIf(state, heartStudy({ rounds }), 0)[0]?.fits).toBe(true);
    expect(whatIf(state, heartStudy({ rounds: rounds + 1 }), 0)[0]?.fits).toBe(false);
  });
});

function never(): never {
  throw new Error("a data set with a cap has an answer");
}
