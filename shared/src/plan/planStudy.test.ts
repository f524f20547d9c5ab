import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { epsilonOfEvents } from "../accountant/convert.ts";
import { curveOfEvents } from "../accountant/rdp.ts";
import type { PrivacyEvent } from "../event/event.ts";
import { Part } from "../ledger/entry.ts";
import { plannedCharges } from "../study/charges.ts";
import { StudyDocument } from "../study/document.ts";
import { lastAffordableRound, scheduleOf } from "../study/schedule.ts";
import { SiteName } from "../units/identity.ts";
import { NOTHING_BEFORE } from "./epsilonCurve.ts";
import { Plan } from "./plan.ts";
import { planStudy } from "./planStudy.ts";

interface Numbers {
  readonly rounds: number;
  readonly everyRounds: number;
  readonly localSteps: number;
  readonly samplingRate: number;
  readonly noiseMultiplier: number;
  readonly attacks: readonly string[];
}
const USUAL: Numbers = {
  rounds: 60,
  everyRounds: 20,
  localSteps: 1,
  samplingRate: 0.2,
  noiseMultiplier: 2.2,
  attacks: ["loss", "confidence"],
};

function study(numbers: Partial<Numbers> = {}, sites: readonly number[] = [300, 200]): StudyDocument {
  const { rounds, everyRounds, localSteps, samplingRate, noiseMultiplier, attacks } = { ...USUAL, ...numbers };
  return StudyDocument.parse({
    apiVersion: "consilium/v1",
    kind: "Study",
    name: "s",
    purpose: "test",
    data: {
      columns: [
        { name: "x", type: "number", min: 0, max: 1 },
        { name: "z", type: "category", values: ["a", "b", "c"] },
      ],
      label: { name: "y", values: [0, 1] },
    },
    model: { preset: "logistic" },
    privacy: { epsilon: 4, delta: 1e-4, clippingNorm: 1, noiseMultiplier, samplingRate },
    training: {
      rounds,
      localSteps,
      ...(localSteps > 1 ? { local: { learningRate: 0.1 } } : {}),
      answerAfterMs: 1000,
      deadlineMs: 10_000,
      minSites: 1,
      optimizer: { name: "sgd", learningRate: 0.1 },
      initialSeed: 1,
    },
    evaluation: { everyRounds, metrics: ["auc"], epsilon: 0.3 },
    audit: { attacks, epsilon: { members: 0.3, nonMembers: 1 }, bins: 10, gates: { maxAttackAucUpper: 0.7 } },
    release: {},
    sites: sites.map((patients, index) => ({ name: `site-${index}`, patients })),
  });
}

/** What both ledgers book, one round's charges after another. */
function bookedUntil(document: StudyDocument, rounds: number, audited: boolean, part: Part): PrivacyEvent[] {
  return scheduleOf(document)
    .filter(({ purpose, round }) => (purpose === "audit" ? audited : round <= rounds))
    .flatMap(({ purpose }) => plannedCharges(document, purpose))
    .flatMap((charge) => (charge.part === part ? [charge.event] : []));
}

const numbers = fc.record({
  rounds: fc.integer({ min: 1, max: 150 }),
  everyRounds: fc.integer({ min: 1, max: 160 }),
  localSteps: fc.integer({ min: 1, max: 4 }),
  samplingRate: fc.constantFrom(0.01, 0.2, 1),
  noiseMultiplier: fc.constantFrom(0.8, 2.2),
  attacks: fc.constantFrom(["loss"], ["loss", "confidence"]),
});

describe("[STU50] a plan's ε is what the study's charges cost, one by one", () => {
  test("at each point of its curve, whatever the study", () => {
    fc.assert(
      fc.property(numbers, fc.nat(), (chosen, pick) => {
        const document = study(chosen);
        const plan = planStudy(document, { noiseWasAuto: true });
        const last = plan.curve.at(-1);
        expect(last).toMatchObject({ round: chosen.rounds, audited: true });
        expect(plan.epsilon).toEqual(last?.epsilon);
        for (const point of [last, plan.curve[pick % plan.curve.length]]) {
          for (const part of Part.options) {
            const events = bookedUntil(document, point?.round ?? 0, point?.audited ?? false, part);
            const booked = epsilonOfEvents(events, document.privacy.delta);
            const planned = point?.epsilon[part] ?? Number.POSITIVE_INFINITY;
            if (Number.isFinite(booked)) expect(Math.abs(planned - booked)).toBeLessThanOrEqual(1e-9 * (1 + booked));
            else expect(planned).toBe(booked);
          }
        }
      }),
      { numRuns: 25 },
    );
  });

  test("a budget's curve begins with what was spent, and its most rounds are the filter's own", () => {
    const document = study();
    const spent = bookedUntil(document, 20, false, "train");
    const budget = {
      site: SiteName.parse("site-1"),
      dataset: null,
      cap: 4,
      delta: 1e-5,
      perStudy: 3.5,
      spent: { ...NOTHING_BEFORE, train: curveOfEvents(spent) },
    };
    const { budgets, underBudgets } = planStudy(document, { noiseWasAuto: true, budgets: [budget] });
    expect(budgets.map(({ scope, cap }) => [scope, cap])).toEqual([
      ["all studies", 4],
      ["this study", 3.5],
    ]);
    const [over, own] = budgets;
    const all = bookedUntil(document, 60, true, "train");
    expect(over?.before).toBeCloseTo(epsilonOfEvents(spent, 1e-5), 9);
    expect(over?.after).toBeCloseTo(epsilonOfEvents([...spent, ...all], 1e-5), 9);
    expect(over?.fits).toBe(false);
    const before = { train: spent, validation: [], audit: [], reference: [] };
    expect(over?.rounds).toBe(lastAffordableRound(document, 4, 1e-5, before));
    expect(own?.rounds).toBe(lastAffordableRound(document, 3.5, 1e-5));
    expect(underBudgets?.rounds).toBe(Math.min(over?.rounds ?? 0, own?.rounds ?? 0));
    // One σ under both caps; a tick less passes one of them.
    const least = underBudgets?.noiseMultiplier ?? 0;
    const at = (noiseMultiplier: number) => {
      return planStudy(study({ noiseMultiplier }), { noiseWasAuto: true, budgets: [budget] }).budgets;
    };
    expect(at(least).every(({ fits }) => fits)).toBe(true);
    expect(at(Number((least - 1e-4).toFixed(4))).every(({ fits }) => fits)).toBe(false);
  });

  test("sites that are not the study's are left out", () => {
    const stranger = { site: SiteName.parse("elsewhere"), dataset: null, cap: 4, delta: 1e-5, spent: NOTHING_BEFORE };
    expect(planStudy(study(), { noiseWasAuto: true, budgets: [stranger] }).budgets).toEqual([]);
  });
});

describe("[STU50] the largest plan", () => {
  test("one more round, or a little less noise, would not fit", () => {
    const { affordable } = planStudy(study(), { noiseWasAuto: false });
    const cost = (other: Partial<Numbers>): number => {
      const { train, validation } = planStudy(study(other), { noiseWasAuto: true }).epsilon;
      return Math.max(train ?? 0, validation ?? 0);
    };
    expect(cost({ rounds: affordable.rounds })).toBeLessThanOrEqual(4);
    expect(cost({ rounds: affordable.rounds + 1 })).toBeGreaterThan(4);
    const least = affordable.noiseMultiplier ?? 0;
    expect(cost({ noiseMultiplier: least })).toBeLessThanOrEqual(4);
    expect(cost({ noiseMultiplier: Number((least - 1e-4).toFixed(4)) })).toBeGreaterThan(4);
  });

  test("no σ where the evaluations alone cost too much", () => {
    const plan = planStudy(study({ everyRounds: 1 }), { noiseWasAuto: false });
    expect(plan).toMatchObject({ fits: false, affordable: { noiseMultiplier: null } });
    expect(plan.affordable.rounds).toBeLessThan(60);
  });
});

describe("what else a plan says", () => {
  test("has the form that is sent, and a study beyond any bound says null, not ∞", () => {
    expect(() => Plan.parse(planStudy(study(), { noiseWasAuto: true }))).not.toThrow();
    const hopeless = planStudy(study({ noiseMultiplier: 0.02, samplingRate: 1, rounds: 1000 }), { noiseWasAuto: true });
    expect(hopeless.epsilon.train).toBeNull();
    expect(hopeless.fits).toBe(false);
    expect(() => JSON.stringify(Plan.parse(hopeless))).not.toThrow();
  });

  test("signal over noise rises with q and patients, falls with σ and sites, grows like √ rounds", () => {
    const signal = (other: Partial<Numbers>, sites?: readonly number[]) => {
      return planStudy(study(other, sites), { noiseWasAuto: true }).signal;
    };
    const usual = signal({});
    expect(usual.sumNormMax).toBe(100);
    // Two sites' noise; η and the grids add a thousandth or so.
    expect(usual.noiseStdDev / (2.2 * Math.SQRT2)).toBeCloseTo(1, 2);
    expect(signal({ samplingRate: 0.4 }).alongOneDirection / usual.alongOneDirection).toBeCloseTo(2, 3);
    expect(signal({ noiseMultiplier: 4.4 }).wholeVector / usual.wholeVector).toBeCloseTo(0.5, 2);
    expect(signal({}, [125, 125, 125, 125]).wholeVector / usual.wholeVector).toBeCloseTo(Math.SQRT1_2, 2);
    expect(signal({ rounds: 240 }).wholeVectorInAll / usual.wholeVectorInAll).toBeCloseTo(2, 6);
    expect(usual.alongOneDirection / usual.wholeVector).toBeCloseTo(
      Math.sqrt(planStudy(study(), { noiseWasAuto: true }).traffic.parameters),
      9,
    );
  });

  test("exchanges wait for the public time; what passes it, or the deadline, is told", () => {
    const duration = (stepMs?: number, linkMbit?: number) => {
      return planStudy(study(), { noiseWasAuto: true, pace: { stepMs, linkMbit } }).duration;
    };
    // 60 rounds, 3 evaluations, 1 audit.
    expect(duration()).toEqual({
      exchanges: 64,
      leastHours: 64 / 3600,
      expectedHours: null,
      mostHours: 640 / 3600,
      warnings: [],
    });
    expect(duration(500).expectedHours).toBeCloseTo(64 / 3600, 12);
    expect(duration(3000).expectedHours).toBeCloseTo((60 * 3 + 4) / 3600, 12);
    expect(duration(3000).warnings[0]).toContain("tells how long it worked");
    expect(duration(11_000).warnings[0]).toContain("late");
    expect(duration(500, 0.001).expectedHours).toBeGreaterThan(duration(500).expectedHours ?? 0);
  });

  test("bytes are those of the packed grid, once up and once down each round", () => {
    const { traffic } = planStudy(study({ localSteps: 1 }), { noiseWasAuto: true });
    // A logistic model of 4 features, one of them a number, three of a category; two classes are told by one output.
    expect(traffic.parameters).toBe(5);
    expect(traffic.trainUp).toBe(Math.ceil((5 * traffic.bitsUp) / 8));
    expect(traffic.bitsDown).toBe(traffic.bitsUp + 1);
    expect(traffic.totalUp).toBe(60 * traffic.trainUp + 3 * traffic.evaluateUp + traffic.auditUp);
    expect(traffic.totalDown).toBe(60 * traffic.trainDown);
    expect(traffic.allSites).toBe(2 * (traffic.totalUp + traffic.totalDown));
  });

  test("sanitizing instead: the promise for a replaced patient, shared by the columns and the label", () => {
    const { sanitized, epsilon } = planStudy(study(), { noiseWasAuto: true });
    const train = epsilon.train ?? 0;
    expect(sanitized.epsilon).toBeCloseTo(2 * train, 12);
    expect(sanitized.delta).toBeCloseTo((1 + Math.exp(train)) * 1e-4, 12);
    expect(sanitized.epsilonPerColumn).toBeCloseTo((2 * train) / 3, 12);
    expect(sanitized.noiseOfNumber).toBeCloseTo(Math.SQRT2 / sanitized.epsilonPerColumn, 12);
    // Randomised response keeps its own promise exactly: p / ((1 − p) / (k − 1)) = e^ε.
    const { labelKept } = sanitized;
    expect(Math.log(labelKept / (1 - labelKept))).toBeCloseTo(sanitized.epsilonPerColumn, 9);
    // One number with noise of a tenth; a label of two and a category of three values, nine in ten kept.
    expect(sanitized.epsilonForUse).toBeCloseTo(10 * Math.SQRT2 + Math.log(9) + Math.log(18), 9);
  });
});
