import { epsilonOfEvents } from "@consilium/shared/accountant/convert";
import { PrivacyEvent } from "@consilium/shared/event/event";
import { ChargeId, LedgerBody } from "@consilium/shared/ledger/entry";
import { DatasetId, Digest, SiteName, StudyName } from "@consilium/shared/units/identity";
import { describe, expect, test } from "vitest";
import { requireAffordable, Spending } from "./spending.ts";
import { heartStudy } from "./study.test-support.ts";

const dataset = DatasetId.parse("clinic");
const document = heartStudy();
const step = PrivacyEvent.parse({
  kind: "poisson-gaussian",
  adjacency: "add-remove",
  samplingRate: 0.2,
  noiseMultiplier: 2.2,
  count: 1,
});
const train = [{ part: "train" as const, event: step }];

function capped(epsilon: number, perStudy?: number): Spending {
  const spending = new Spending();
  const statement = Digest.parse("0".repeat(64));
  const site = SiteName.parse("basel");
  spending.apply(LedgerBody.parse({ kind: "cap-set", site, dataset, epsilon, delta: 1e-4, perStudy, statement }));
  return spending;
}

function reserve(spending: Spending, study: string, round: number): ChargeId {
  const charge = ChargeId.parse(`${study}/train-${round}.1/basel/train`);
  const body = {
    kind: "reserved",
    charge,
    site: "basel",
    dataset,
    part: "train",
    study,
    round,
    attempt: 1,
    event: step,
  };
  spending.apply(LedgerBody.parse(body));
  return charge;
}

/** Steps that fit before the first refusal. */
function affordable(spending: Spending, study: string): number {
  for (let round = 1; ; round++) {
    try {
      requireAffordable(spending, { document: { ...document, name: StudyName.parse(study) }, dataset }, train);
    } catch {
      return round - 1;
    }
    reserve(spending, study, round);
  }
}

describe("[LED1] a charge that would pass a cap is refused, whatever was cancelled, lost or done by other studies", () => {
  test("the last affordable round is the last whose ε, computed at once, stays within the cap", () => {
    const rounds = affordable(capped(2), "heart");
    expect(epsilonOfEvents([{ ...step, count: rounds }], 1e-4)).toBeLessThanOrEqual(2);
    expect(epsilonOfEvents([{ ...step, count: rounds + 1 }], 1e-4)).toBeGreaterThan(2);
  });

  test("two studies on one data set share its cap", () => {
    const alone = affordable(capped(2), "heart");
    const spending = capped(2);
    for (let round = 1; round <= 10; round++) reserve(spending, "other", round);
    expect(affordable(spending, "heart")).toBe(alone - 10);
  });

  test("a reservation that was cancelled costs nothing; one that acted stays spent", () => {
    const spending = capped(2);
    const cancelled = reserve(spending, "heart", 1);
    spending.apply({ kind: "cancelled", charge: cancelled, reason: "nothing was drawn" });
    expect(spending.epsilon(dataset, 1e-4)).toBe(0);
    const acting = reserve(spending, "heart", 2);
    spending.apply({ kind: "acting", charge: acting });
    expect(() => spending.apply({ kind: "cancelled", charge: acting, reason: "too late" })).toThrow(/may become/);
    expect(spending.epsilon(dataset, 1e-4)).toBe(epsilonOfEvents([step], 1e-4));
  });

  test("the steward's cap for one study and the study's own ε each refuse by name", () => {
    const limits = { document, dataset };
    const planned = [{ part: "train" as const, event: { ...step, count: 60 } }];
    const refusal = (spending: Spending, charges = planned): unknown => {
      try {
        requireAffordable(spending, limits, charges);
        return null;
      } catch (error) {
        return error;
      }
    };
    expect(refusal(capped(100, 1))).toMatchObject({ code: "budget/study-cap-exceeded" });
    const twice = [...planned, ...planned];
    expect(refusal(capped(100), twice)).toMatchObject({ code: "budget/study-exceeded" });
    expect(refusal(capped(1))).toMatchObject({ code: "budget/cap-exceeded" });
    expect(refusal(new Spending())).toMatchObject({ code: "budget/no-cap" });
    expect(refusal(capped(4))).toBeNull();
  });

  test("a charge is reserved once, and committed only after acting", () => {
    const spending = capped(4);
    const charge = reserve(spending, "heart", 1);
    expect(() => reserve(spending, "heart", 1)).toThrow(/reserved once/);
    const result = Digest.parse("1".repeat(64));
    expect(() => spending.apply({ kind: "committed", charge, result })).toThrow(/may become/);
  });
});
