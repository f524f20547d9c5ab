import { describe, expect, test } from "vitest";
import { classThresholds, ratesUnder } from "../attack/classThresholds.ts";
import { summarise } from "../attack/summary.ts";
import { publicUniform } from "../model/initial.ts";
import { SiteName } from "../units/identity.ts";
import { patientScore, type RecordOutput, unitScore } from "./attacks.ts";
import { learnFromShadow, shadowHistogram, shadowScores } from "./shadow.ts";

const BINS = 10;
const RULE = { bins: BINS, hidden: 8, steps: 300 };
const site = SiteName.parse("basel");

/** Class 0 is surer of members, class 1 less sure of them: one threshold for both can't serve. */
function patients(count: number, seed: number, isMember: boolean): RecordOutput[][] {
  const next = publicUniform(seed);
  return Array.from({ length: count }, () => {
    const label = next() < 0.5 ? 0 : 1;
    const sure = (label === 0) === isMember;
    const confidence = sure ? 0.75 + 0.24 * next() : 0.45 + 0.3 * next();
    return [{ probabilities: label === 0 ? [confidence, 1 - confidence] : [1 - confidence, confidence], label }];
  });
}

const exactly = (of: RecordOutput[][]) => {
  const { counts } = shadowHistogram(of, 2, BINS);
  return { classes: 2, bins: BINS ** 2, counts, scale: 1e-3 };
};
const shadowOf = (seed: number) => [
  { site, members: exactly(patients(800, seed, true)), nonMembers: exactly(patients(800, seed + 1, false)) },
];
const learnt = learnFromShadow(shadowOf(1), RULE, 2, 7);
const [members, nonMembers] = [patients(1000, 3, true), patients(1000, 4, false)];
const aucOf = (attack: "class-threshold" | "learned", by = learnt): number => {
  const of = (side: RecordOutput[][]) => shadowScores(attack, by, side, 2).map(({ unit }) => unit);
  return summarise(of(members), of(nonMembers)).auc;
};

describe("[SHA1] attacks are learnt from a shadow's counts, and not from the model that is judged", () => {
  test("each class has the threshold at which its exact shadow is told best, to a bin", () => {
    const scoresOf = (of: RecordOutput[][]) =>
      of.map((records) => ({
        score: unitScore("confidence", patientScore("confidence", records), 2),
        label: records[0]?.label ?? 0,
      }));
    const exact = classThresholds(
      { members: scoresOf(patients(800, 1, true)), nonMembers: scoresOf(patients(800, 2, false)) },
      2,
    );
    // Class 0's members lie above, so a threshold tells them; class 1's lie below, and the best one takes all in or none.
    expect(Math.abs((learnt.thresholds[0] ?? 0) - (exact[0] ?? 0))).toBeLessThanOrEqual(1 / BINS);
    const rates = ratesUnder(learnt.thresholds, { members: scoresOf(members), nonMembers: scoresOf(nonMembers) });
    expect(rates.accuracy).toBeGreaterThan(0.7);
  });

  test("the network tells what no threshold on one score tells, and another shadow's is as good", () => {
    const confidence = (side: RecordOutput[][]) => side.map((records) => patientScore("confidence", records));
    expect(summarise(confidence(members), confidence(nonMembers)).auc).toBeLessThan(0.6);
    expect(aucOf("learned")).toBeGreaterThan(0.95);
    expect(aucOf("learned", learnFromShadow(shadowOf(20), RULE, 2, 8))).toBeGreaterThan(0.95);
  });

  test("where one class is surer than the other, thresholds of their own tell more than one for both", () => {
    const uneven = (seed: number, isMember: boolean): RecordOutput[][] => {
      const next = publicUniform(seed);
      return Array.from({ length: 800 }, () => {
        const label = next() < 0.5 ? 0 : 1;
        const confidence = (label === 0 ? 0.8 : 0.55) + (isMember ? 0.08 : 0) + 0.1 * next();
        return [{ probabilities: label === 0 ? [confidence, 1 - confidence] : [1 - confidence, confidence], label }];
      });
    };
    const own = [{ site, members: exactly(uneven(1, true)), nonMembers: exactly(uneven(2, false)) }];
    const by = learnFromShadow(own, RULE, 2, 7);
    const [inside, outside] = [uneven(3, true), uneven(4, false)];
    const auc = (score: (of: RecordOutput[][]) => number[]): number => summarise(score(inside), score(outside)).auc;
    const one = auc((of) => of.map((records) => patientScore("confidence", records)));
    const each = auc((of) => shadowScores("class-threshold", by, of, 2).map(({ unit }) => unit));
    expect(each).toBeGreaterThan(one + 0.1);
    expect(each).toBeGreaterThan(0.85);
  });

  test("the same counts and seed give the same attacks; a shadow without members tells nothing and breaks nothing", () => {
    expect(learnFromShadow(shadowOf(1), RULE, 2, 7)).toEqual(learnt);
    const empty = { classes: 2, bins: BINS ** 2, counts: new Array<number>(2 * BINS ** 2).fill(0), scale: 1 };
    const none = learnFromShadow([{ site, members: empty, nonMembers: empty }], RULE, 2, 7);
    expect(none.thresholds).toEqual([0.5, 0.5]);
    const scores = shadowScores("learned", none, members, 2);
    expect(scores.every(({ unit }) => unit >= 0 && unit <= 1)).toBe(true);
  });
});

describe("[SHA2] the shadow's histograms", () => {
  test("count each patient once, whatever the model says", () => {
    const odd: RecordOutput[][] = [
      [{ probabilities: [Number.NaN, Number.NaN], label: 1 }],
      [{ probabilities: [1, 0], label: 0 }],
    ];
    const { counts, l1Sensitivity } = shadowHistogram([...members, ...odd], 2, BINS);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1002);
    expect(l1Sensitivity).toBe(1);
  });

  test("negative counts are taken as none", () => {
    const [own] = shadowOf(1);
    if (own === undefined) throw new Error("one site");
    const noisy = {
      ...own,
      members: { ...own.members, counts: own.members.counts.map((count) => (count === 0 ? -3 : count)) },
    };
    expect(learnFromShadow([noisy], RULE, 2, 7)).toEqual(learnt);
  });
});
