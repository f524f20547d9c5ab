import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { epsilonOfEvents } from "../accountant/convert.ts";
import { SiteName } from "../units/identity.ts";
import { plannedCharges, plannedEvents } from "./charges.ts";
import { StudyDocument } from "./document.ts";
import {
  divisorOf,
  lastAffordableRound,
  localStepsOf,
  NOTHING_SPENT,
  roundAfter,
  type ScheduledRound,
  scheduleOf,
} from "./schedule.ts";

function study(rounds: number, everyRounds: number, local: Record<string, unknown> = {}): StudyDocument {
  return StudyDocument.parse({
    apiVersion: "consilium/v1",
    kind: "Study",
    name: "s",
    purpose: "test",
    data: { columns: [{ name: "x", type: "number", min: 0, max: 1 }], label: { name: "y", values: [0, 1] } },
    model: { preset: "logistic" },
    privacy: { epsilon: 4, delta: 1e-4, clippingNorm: 1, noiseMultiplier: 2.2, samplingRate: 0.2 },
    training: {
      rounds,
      answerAfterMs: 100,
      deadlineMs: 1000,
      minSites: 1,
      optimizer: { name: "sgd", learningRate: 0.1 },
      initialSeed: 1,
      ...local,
    },
    evaluation: { everyRounds, metrics: ["auc"], epsilon: 0.2 },
    audit: {
      attacks: ["loss", "confidence"],
      epsilon: { members: 0.3, nonMembers: 1 },
      bins: 10,
      gates: { maxAttackAucUpper: 0.7 },
    },
    release: {},
    sites: [
      { name: "a", patients: 100 },
      { name: "b", patients: 50 },
    ],
  });
}

describe("[STU27] the schedule is public and exact", () => {
  test("training, an evaluation after every so many rounds, one audit of the last model", () => {
    expect(scheduleOf(study(5, 2)).map(({ purpose, round }) => `${purpose} ${round}`)).toEqual([
      "train 1",
      "train 2",
      "evaluate 2",
      "train 3",
      "train 4",
      "evaluate 4",
      "train 5",
      "audit 5",
    ]);
    expect(scheduleOf(study(5, 2), 2).at(-1)).toEqual({ purpose: "audit", round: 2 });
    expect(scheduleOf(study(5, 2), 0)).toEqual([]);
  });

  test("walking from round to round is the schedule, whose charges are the planned ones", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 0, max: 60 }),
        (rounds, every, last) => {
          const document = study(rounds, every);
          const walked: ScheduledRound[] = [];
          for (let next = roundAfter(document, null, last); next !== null; next = roundAfter(document, next, last))
            walked.push(next);
          expect(walked).toEqual(scheduleOf(document, last));
          const total = (events: readonly { part: string; event: { count: number } }[]): Record<string, number> =>
            Object.fromEntries(
              ["train", "validation", "audit"].map((part) => [
                part,
                events.reduce((sum, charge) => sum + (charge.part === part ? charge.event.count : 0), 0),
              ]),
            );
          expect(total(scheduleOf(document).flatMap(({ purpose }) => plannedCharges(document, purpose)))).toEqual(
            total(plannedEvents(document)),
          );
        },
      ),
    );
  });
});

describe("[ACC7] the last affordable round is computed, not guessed", () => {
  const document = study(60, 10);
  const spentBy = (rounds: number): number => {
    const events = [
      ...plannedCharges(document, "audit"),
      ...plannedCharges(document, "train").map((charge) => ({ ...charge, event: { ...charge.event, count: rounds } })),
    ];
    return epsilonOfEvents(
      events.filter(({ part }) => part === "train").map(({ event }) => event),
      1e-4,
    );
  };

  test("all rounds where they fit, none where not even one does", () => {
    expect(lastAffordableRound(document, 4, 1e-4)).toBe(60);
    expect(lastAffordableRound(document, 0.1, 1e-4)).toBe(0);
  });

  test("it fits with the audit, one more would not", () => {
    for (const cap of [2.2, 2.6, 3]) {
      const last = lastAffordableRound(document, cap, 1e-4);
      expect(spentBy(last)).toBeLessThanOrEqual(cap);
      expect(spentBy(last + 1)).toBeGreaterThan(cap);
    }
  });

  test("a round of k local steps costs k times, in its charge, its plan and what is affordable", () => {
    const local = { localSteps: 4, local: { learningRate: 0.1 } };
    const four = study(60, 10, local);
    const [one, charge] = [document, four].map((each) => plannedCharges(each, "train")[0]?.event);
    expect(charge).toEqual({ ...one, count: 4 });
    expect(plannedEvents(four)[0]?.event.count).toBe(240);
    const cap = 3;
    expect(lastAffordableRound(four, cap, 1e-4)).toBe(Math.floor(lastAffordableRound(document, cap, 1e-4) / 4));
    expect(localStepsOf(four, SiteName.parse("b"))).toEqual({
      steps: 4,
      learningRate: 0.1,
      proximal: 0,
      expectedBatch: divisorOf(four, [SiteName.parse("b")]),
    });
    expect(localStepsOf(document, SiteName.parse("b"))).toBeUndefined();
  });

  test("what other studies spent on a part counts, be it train, validation or audit", () => {
    const train = plannedCharges(document, "train").map(({ event }) => ({ ...event, count: 30 }));
    const fewer = lastAffordableRound(document, 3, 1e-4, { ...NOTHING_SPENT, train });
    expect(fewer).toBe(lastAffordableRound(document, 3, 1e-4) - 30);
    const audit = plannedCharges(document, "audit")
      .filter(({ part }) => part === "audit")
      .map(({ event }) => event);
    expect(lastAffordableRound(document, 3, 1e-4, { ...NOTHING_SPENT, audit: [...audit, ...audit] })).toBe(0);
    const validation = plannedCharges(document, "evaluate").map(({ event }) => ({ ...event, count: 15 }));
    const last = lastAffordableRound(document, 3, 1e-4, { ...NOTHING_SPENT, validation });
    const evaluations = Math.floor(last / 10);
    const cost = (times: number): number =>
      epsilonOfEvents(
        validation.map((event) => ({ ...event, count: 15 + times })),
        1e-4,
      );
    expect(cost(evaluations)).toBeLessThanOrEqual(3);
    expect(cost(evaluations + 1)).toBeGreaterThan(3);
    expect(last).toBe(10 * evaluations + 9);
  });
});

describe("[STU28] the divisor is the expected batch of the contributors, from public figures", () => {
  const [a, b] = [SiteName.parse("a"), SiteName.parse("b")];
  test("q times their patients", () => {
    expect(divisorOf(study(1, 1), [a, b])).toBeCloseTo(30, 12);
    expect(divisorOf(study(1, 1), [b])).toBeCloseTo(10, 12);
  });
  test("nobody, a stranger, or a site twice is a broken invariant", () => {
    expect(() => divisorOf(study(1, 1), [])).toThrow("invariant");
    expect(() => divisorOf(study(1, 1), [SiteName.parse("c")])).toThrow("invariant");
    expect(() => divisorOf(study(1, 1), [a, a])).toThrow("invariant");
  });
});
