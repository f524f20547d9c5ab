import { describe, expect, test } from "vitest";
import { epsilonOfEvents } from "../accountant/convert.ts";
import { pldEpsilon } from "../accountant/pld.ts";
import { recordEpsilon } from "../accountant/recordEpsilon.ts";
import { PricedEvent } from "../event/pricedEvent.ts";
import { FALSE_ALARM_NORMAL, fitScore, seeded, tally } from "./fit.test-support.ts";
import { randomiseAnswers } from "./randomisedResponse.ts";

const rule = (values: number, epsilon: number) => ({ values, epsilon, answersPerPatient: 1 });

describe("[SAN6] randomised response", () => {
  test.each([
    [2, 0.4],
    [3, 2],
    [7, 0.01],
  ])("%d values at ε = %d: the truth at odds of e^ε, the others alike", (values, epsilon) => {
    const random = seeded(values);
    const draws = 60_000;
    for (const truth of [0, values - 1]) {
      const { value, events } = randomiseAnswers(new Int32Array(draws).fill(truth), rule(values, epsilon), random);
      const all = Math.exp(epsilon) + values - 1;
      const expected = new Map(
        Array.from({ length: values }, (_, k) => [k, (k === truth ? Math.exp(epsilon) : 1) / all]),
      );
      expect(fitScore(tally(value), expected, draws)).toBeLessThan(FALSE_ALARM_NORMAL);
      const [event] = events;
      if (event === undefined) throw new Error("no event");
      expect(PricedEvent.parse(event)).toEqual(event);
      expect(recordEpsilon(event)).toBeLessThanOrEqual(epsilon);
      expect(recordEpsilon(event)).toBeGreaterThan(epsilon - 2e-6);
    }
  });

  test("an answer that isn't one of the values is refused, as is an ε of 0 or above 20", () => {
    expect(() => randomiseAnswers(Int32Array.of(3), rule(3, 1), seeded(1))).toThrow("one of the values");
    expect(() => randomiseAnswers(Int32Array.of(-1), rule(3, 1), seeded(1))).toThrow("one of the values");
    expect(() => randomiseAnswers(Int32Array.of(0), rule(3, 0), seeded(1))).toThrow("positive");
    expect(() => randomiseAnswers(Int32Array.of(0), rule(3, 21), seeded(1))).toThrow("at most 20");
    expect(() => randomiseAnswers(Int32Array.of(0), rule(1, 1), seeded(1))).toThrow("2 to");
  });

  test("its loss distribution is exact: δ at ε by hand for one answer of five, and never above RDP's ε for many", () => {
    const odds = Math.exp(1.5);
    const event = { kind: "randomised-response", adjacency: "replace", values: 5, odds, count: 1 } as const;
    for (const delta of [0.01, 0.1, 0.3]) {
      // δ(ε) = P(truth) − e^ε·P(one other), the one answer whose loss is above ε.
      const byHand = Math.log((odds / (odds + 4) - delta) * (odds + 4));
      const { lower, upper } = pldEpsilon([event], delta);
      expect(lower).toBeLessThanOrEqual(byHand * (1 + 1e-9));
      expect(upper).toBeGreaterThanOrEqual(byHand * (1 - 1e-9));
      expect(upper / byHand).toBeLessThan(1.001);
    }
    const many = [{ ...event, count: 40 }];
    expect(pldEpsilon(many, 1e-5).upper).toBeLessThan(epsilonOfEvents(many, 1e-5));
    expect(epsilonOfEvents(many, 1e-5)).toBeLessThan(40 * 1.5);
  });
});
