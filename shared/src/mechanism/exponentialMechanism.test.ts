import { describe, expect, test } from "vitest";
import { epsilonOf } from "../accountant/convert.ts";
import { ORDERS } from "../accountant/orders.ts";
import { rdpBoundedRange, rdpPureDp } from "../accountant/pureDp.ts";
import { curveOf } from "../accountant/rdp.ts";
import { chooseBest, exponentialMechanismEvent } from "./exponentialMechanism.ts";
import { seeded } from "./fit.test-support.ts";

const random = seeded(20);

/** Law of the first `picks` picks, by its definition: every order with its probability. */
function law(counts: readonly number[], epsilon: number, picks: number): Map<string, number> {
  const found = new Map<string, number>();
  const walk = (taken: readonly number[], probability: number): void => {
    if (taken.length === picks) {
      found.set(taken.join(), probability);
      return;
    }
    const left = counts.map((_, i) => i).filter((i) => !taken.includes(i));
    const weights = left.map((i) => Math.exp(epsilon * (counts[i] ?? 0)));
    const all = weights.reduce((sum, weight) => sum + weight, 0);
    for (const [at, i] of left.entries()) walk([...taken, i], (probability * (weights[at] ?? 0)) / all);
  };
  walk([], 1);
  return found;
}

/** The same by Gumbel noise on every count at once, in floating point: a reference and no mechanism. */
function oneShotGumbel(counts: readonly number[], epsilon: number, picks: number, unit: () => number): string {
  const noisy = counts.map((count, i) => ({ i, value: epsilon * count - Math.log(-Math.log(unit())) }));
  return noisy
    .sort((a, b) => b.value - a.value)
    .slice(0, picks)
    .map(({ i }) => i)
    .join();
}

/** Pearson's X² of draws against a law; below the 1 − 10⁻⁶ quantile of its degrees of freedom by Wilson & Hilferty. */
function fits(drawn: readonly string[], expected: ReadonlyMap<string, number>): boolean {
  let statistic = 0;
  for (const [outcome, probability] of expected) {
    const seen = drawn.filter((one) => one === outcome).length;
    statistic += (seen - probability * drawn.length) ** 2 / (probability * drawn.length);
  }
  const freedom = expected.size - 1;
  return statistic < freedom * (1 - 2 / (9 * freedom) + 4.7534 * Math.sqrt(2 / (9 * freedom))) ** 3;
}

describe("[GEN1] the best candidates are drawn by the exponential mechanism, one after another", () => {
  const counts = [7, 3, 6, 0];
  const [epsilon, picks, draws] = [0.5, 2, 20_000];

  test("by exact coins as by the law's definition, which Gumbel noise in one shot has too", () => {
    const expected = law(counts, epsilon, picks);
    const ours = Array.from({ length: draws }, () =>
      chooseBest({ kind: "qualities", counts }, epsilon, picks, random).value.join(),
    );
    const unit = (): number => (Buffer.from(random.bytes(6)).readUIntBE(0, 6) + 0.5) / 2 ** 48;
    const gumbel = Array.from({ length: draws }, () => oneShotGumbel(counts, epsilon, picks, unit));
    expect(fits(ours, expected)).toBe(true);
    expect(fits(gumbel, expected)).toBe(true);
    // Power: twice the ε, or counts forgotten, is another law.
    expect(fits(ours, law(counts, 2 * epsilon, picks))).toBe(false);
    expect(fits(ours, law([0, 0, 0, 0], epsilon, picks))).toBe(false);
  });

  test("one patient more changes no outcome's probability by more than e^±ε a pick, nor the losses' range", () => {
    for (const patient of [
      [1, 0, 0, 0],
      [0, 1, 1, 0],
      [1, 1, 1, 0],
      [1, 1, 1, 1],
    ]) {
      const [without, one] = [
        law(counts, epsilon, 1),
        law(
          counts.map((count, i) => count + (patient[i] ?? 0)),
          epsilon,
          1,
        ),
      ];
      const losses = [...one].map(([outcome, p]) => Math.log(p / (without.get(outcome) ?? 0)));
      expect(Math.max(...losses.map(Math.abs))).toBeLessThanOrEqual(epsilon + 1e-12);
      expect(Math.max(...losses) - Math.min(...losses)).toBeLessThanOrEqual(epsilon + 1e-12);
    }
  });

  test("candidates are told once each, and a large gap leaves no chance", () => {
    const { value, events } = chooseBest({ kind: "qualities", counts: [0, 1000, 0, 900] }, 1, 4, random);
    expect(value.slice(0, 2)).toEqual([1, 3]);
    expect([...value].sort()).toEqual([0, 1, 2, 3]);
    expect(events).toEqual([exponentialMechanismEvent(1, 4)]);
  });

  test("costs ε²/8 a unit of order where that is less than its pure ε", () => {
    const curve = rdpBoundedRange(0.3, ORDERS);
    ORDERS.forEach((order, index) => {
      const bound = order === Number.POSITIVE_INFINITY ? 0.3 : Math.min(0.3, (order * 0.09) / 8);
      expect(curve[index]).toBeLessThanOrEqual(bound + 1e-15);
      expect(curve[index]).toBeLessThanOrEqual((rdpPureDp(0.3, ORDERS)[index] ?? 0) + 1e-15);
    });
    // The loss of a two-way choice with counts 0 and 0, to 1 and 0: its own divergence is below the bound.
    const p = 1 / (1 + Math.exp(-0.3));
    ORDERS.forEach((order, index) => {
      if (order > 500) return;
      const moment = 0.5 * ((p / 0.5) ** order + ((1 - p) / 0.5) ** order);
      expect(Math.log(moment) / (order - 1)).toBeLessThanOrEqual((curve[index] ?? 0) + 1e-12);
    });
    // Five picks of 0.3 at δ = 10⁻⁵: 5 · 0.3²/8 = 0.056 zCDP, far below the pure 1.5.
    const five = epsilonOf(curveOf(exponentialMechanismEvent(0.3, 5)), 1e-5);
    expect(five).toBeGreaterThan(1);
    expect(five).toBeLessThan(1.5);
  });
});
