import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ClassScore, classThresholds, ratesUnder } from "./classThresholds.ts";
import { median, offlineScores, onlineScores, shadowParameters } from "./likelihoodRatio.ts";
import { logOfTen, powerOfTen } from "./powersOfTen.ts";
import { binOf, LEAST_VALUE, logHistogram, memberShares, privacyRiskScore, riskHistograms } from "./privacyRisk.ts";
import { offlineRelativeScores, onlineRelativeScores } from "./relativeMembership.ts";
import { SUMMARY_FPRS, summarise } from "./summary.ts";

/** Few distinct values, so that ties are common. */
const scores = fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 1, maxLength: 40 });
const near = (ours: number, theirs: number) => expect(Math.abs(ours - theirs)).toBeLessThan(1e-12);

/** Every pair, every threshold, every mixture of two: slow and obvious. */
function slowSummary(members: readonly number[], nonMembers: readonly number[]) {
  const rate = (from: number, of: readonly number[]) => of.filter((score) => score >= from).length / of.length;
  const points = [...members, ...nonMembers, Infinity].map(
    (from) => [rate(from, nonMembers), rate(from, members)] as const,
  );
  const wins = members.flatMap((a) => nonMembers.map((b): number => (a > b ? 1 : a === b ? 0.5 : 0)));
  const mixed = (fpr: number) =>
    Math.max(
      ...points.flatMap(([x0, y0]) =>
        points.flatMap(([x1, y1]) => {
          if (x0 === fpr) return [y0];
          return x0 < fpr && fpr < x1 ? [y0 + ((fpr - x0) / (x1 - x0)) * (y1 - y0)] : [];
        }),
      ),
    );
  const xs = [...new Set(points.map(([x]) => x))].sort((a, b) => a - b);
  return {
    auc: wins.reduce((sum, win) => sum + win, 0) / wins.length,
    advantage: Math.max(...points.map(([x, y]) => y - x)),
    advantageAbs: Math.max(...points.map(([x, y]) => Math.abs(y - x))),
    step: SUMMARY_FPRS.map((fpr) => Math.max(...points.filter(([x]) => x <= fpr).map(([, y]) => y))),
    hull: SUMMARY_FPRS.map(mixed),
    hullArea: xs.slice(1).reduce((area, x, i) => area + ((x - (xs[i] ?? 0)) * (mixed(x) + mixed(xs[i] ?? 0))) / 2, 0),
  };
}

describe("[AUD23] an attack's summary", () => {
  test("is what every pair, every threshold and every mixture of two thresholds give", () => {
    fc.assert(
      fc.property(scores, scores, (members, nonMembers) => {
        const [ours, slow] = [summarise(members, nonMembers), slowSummary(members, nonMembers)];
        near(ours.auc, slow.auc);
        near(ours.aucConvexHull, slow.hullArea);
        near(ours.advantage, slow.advantage);
        near(ours.advantageAbs, slow.advantageAbs);
        near(ours.bestBalancedAccuracy, (1 + slow.advantage) / 2);
        ours.tprAtFprStep.forEach((tpr, index) => {
          near(tpr, slow.step[index] ?? Number.NaN);
        });
        ours.tprAtFprHull.forEach((tpr, index) => {
          near(tpr, slow.hull[index] ?? Number.NaN);
        });
      }),
    );
  });

  test("any increasing change of scale leaves all of it", () => {
    fc.assert(
      fc.property(scores, scores, (members, nonMembers) => {
        const changed = (values: readonly number[]) => values.map((value) => Math.exp(value) - 7);
        expect(summarise(changed(members), changed(nonMembers))).toEqual(summarise(members, nonMembers));
      }),
    );
  });

  test("members and non-members exchanged mirror it, as do scores turned round", () => {
    fc.assert(
      fc.property(scores, scores, (members, nonMembers) => {
        const own = summarise(members, nonMembers);
        const swapped = summarise(nonMembers, members);
        const turned = summarise(
          members.map((s) => -s),
          nonMembers.map((s) => -s),
        );
        for (const mirrored of [swapped, turned]) {
          near(own.auc + mirrored.auc, 1);
          near(own.advantageAbs, mirrored.advantageAbs);
          near(Math.max(own.advantage, mirrored.advantage), own.advantageAbs);
        }
      }),
    );
  });
});

describe("[AUD23] class thresholds", () => {
  const groups = fc.array(fc.record({ score: fc.integer({ min: 0, max: 6 }), label: fc.nat(1) }), { minLength: 1 });

  test("no threshold tells a class of the shadow model better, and of equals the first is taken", () => {
    fc.assert(
      fc.property(groups, groups, (members, nonMembers) => {
        const thresholds = classThresholds({ members, nonMembers }, 2);
        for (const label of [0, 1]) {
          const of = (all: readonly ClassScore[]) => all.filter((one) => one.label === label).map(({ score }) => score);
          const [inside, outside] = [of(members), of(nonMembers)];
          if (inside.length === 0 || outside.length === 0) {
            expect(thresholds[label]).toBeNaN();
            continue;
          }
          const gain = (from: number) =>
            inside.filter((s) => s >= from).length * outside.length +
            outside.filter((s) => s < from).length * inside.length;
          const candidates = [...inside, ...outside];
          const best = Math.max(...candidates.map(gain));
          expect(thresholds[label]).toBe(candidates.find((from) => gain(from) === best));
        }
      }),
    );
  });

  test("rates: at the threshold counts as a member, each class by its own", () => {
    const members = [
      { score: 2, label: 0 },
      { score: 4, label: 1 },
      { score: 1, label: 0 },
      { score: 5, label: 1 },
    ];
    const nonMembers = [
      { score: 3, label: 0 },
      { score: 4, label: 1 },
      { score: 4.5, label: 1 },
      { score: 9, label: 0 },
      { score: 0, label: 0 },
    ];
    expect(ratesUnder([2, 5], { members, nonMembers })).toEqual({ tpr: 0.5, tnr: 0.6, accuracy: 0.55 });
  });
});

describe("[AUD23] privacy risk", () => {
  const values = fc.array(fc.double({ min: 1e-9, max: 50, noNaN: true }), { minLength: 2, maxLength: 30 });

  test("shares of each side add up to 1, or lack the record on an edge that was rounded inward", () => {
    fc.assert(
      fc.property(values, values, (members, nonMembers) => {
        const histogram = logHistogram({ members, nonMembers }, 5);
        for (const [shares, count] of [
          [histogram.members, members.length],
          [histogram.nonMembers, nonMembers.length],
        ] as const) {
          const lost = (1 - shares.reduce((sum, share) => sum + share, 0)) * count;
          expect(lost).toBeGreaterThan(-1e-9);
          const onEdges = [...members, ...nonMembers].filter(
            (value) => value < (histogram.edges[0] ?? 0) || value > (histogram.edges[5] ?? 0),
          );
          expect(lost).toBeLessThan(onEdges.length + 1e-9);
        }
      }),
    );
  });

  test("edges are even on a log scale; values at or below 1e-10 are as 1e-10", () => {
    const { edges } = logHistogram({ members: [0, 1], nonMembers: [1e-5] }, 5);
    expect(edges).toEqual([1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1]);
    expect(LEAST_VALUE).toBe(1e-10);
  });

  test("a score is its bin's share of members, else the nearest bin's, the lower first", () => {
    const histogram = { edges: [1, 2, 3, 4, 5], members: [0.5, 0, 0, 0.5], nonMembers: [0.5, 0, 0, 0.1] };
    expect([0.5, 1.5, 2, 2.9, 3.1, 4, 9].map((value) => privacyRiskScore(value, histogram))).toEqual([
      0.5,
      0.5,
      0.5,
      0.5,
      0.5 / 0.6,
      0.5 / 0.6,
      0.5 / 0.6,
    ]);
    const tie = { edges: [1, 2, 3, 4], members: [1, 0, 0], nonMembers: [0, 0, 1] };
    expect(privacyRiskScore(2.5, tie)).toBe(1);
    expect(memberShares(tie)).toEqual([1, 0, 0]);
    expect([0, 1, 1.9, 2, 4, 5].map((value) => binOf(value, tie.edges))).toEqual([0, 0, 0, 1, 2, 2]);
  });

  test("each class has its own histogram", () => {
    const shadow = {
      members: [
        { score: 0.1, label: 0 },
        { score: 10, label: 1 },
      ],
      nonMembers: [
        { score: 1, label: 0 },
        { score: 100, label: 1 },
      ],
    };
    const [first, second] = riskHistograms(shadow, 2, 2);
    expect(first?.edges.map((edge) => Math.round(edge * 1000))).toEqual([100, 316, 1000]);
    expect(second?.edges.map(Math.round)).toEqual([10, 32, 100]);
    expect([first?.members, first?.nonMembers]).toEqual([
      [1, 0],
      [0, 1],
    ]);
  });
});

describe("[AUD23] powers of ten", () => {
  test("are correctly rounded where engines differ (NumPy's and mpmath's figures)", () => {
    expect(logOfTen(9.003447388997053e-7)).toBe(-6.0455911688552435);
    expect(powerOfTen(-6.0455911688552435)).toBe(9.003447388997053e-7);
    expect(powerOfTen(logOfTen(17.813771448898436))).toBe(17.81377144889844);
    expect([powerOfTen(-10), powerOfTen(0), powerOfTen(3), logOfTen(1), logOfTen(1e-10)]).toEqual([
      1e-10, 1, 1000, 0, -10,
    ]);
  });

  test.each([
    [0.000008788523317403, -5.056084090680328],
    [0.27290860593279476, -0.5639827690197544],
    [4.61656392022841, 0.6643188531123451],
  ])("log₁₀ %d as mpmath rounds it, where some engines' is another double", (x, logarithm) => {
    expect(logOfTen(x)).toBe(logarithm);
  });

  test("are within one bit of the engine's", () => {
    fc.assert(
      fc.property(fc.double({ min: -12, max: 3, noNaN: true }), (exponent) => {
        expect(Math.abs(powerOfTen(exponent) / 10 ** exponent - 1)).toBeLessThan(1e-14);
        expect(Math.abs(logOfTen(10 ** exponent) - exponent)).toBeLessThan(1e-14);
      }),
    );
  });
});

describe("[AUD23] likelihood ratio", () => {
  const shadow = [
    [1, 4],
    [3, 2],
    [0, 9],
    [4, 1],
  ];
  const isIn = [
    [true, false],
    [true, true],
    [false, false],
    [false, true],
  ];
  const parameters = shadowParameters({ target: [2, 2], shadow, isIn });

  test("medians and spreads are over the models with and without each record; the fixed ones over all residuals", () => {
    expect(parameters.medianIn).toEqual([2, 1.5]);
    expect(parameters.medianOut).toEqual([2, 6.5]);
    expect(parameters.stdDevIn).toEqual([1, 0.5]);
    expect(parameters.stdDevOut).toEqual([2, 2.5]);
    near(parameters.globalStdDevIn, Math.sqrt((1 + 1 + 0.25 + 0.25) / 4));
    near(parameters.globalStdDevOut, Math.sqrt((4 + 4 + 6.25 + 6.25) / 4));
  });

  test("online: log of one normal density over another's", () => {
    const [first] = onlineScores([2, 2], parameters, "own");
    near(first ?? Number.NaN, Math.log(2));
    const [, fixed] = onlineScores([2, 2], parameters, "fixed");
    const [sIn, sOut] = [parameters.globalStdDevIn, parameters.globalStdDevOut];
    near(fixed ?? Number.NaN, -0.5 * (0.5 / sIn) ** 2 - Math.log(sIn) + 0.5 * (4.5 / sOut) ** 2 + Math.log(sOut));
  });

  test("offline: one-sided, so that a surer model is always rather a member", () => {
    near(Math.exp(offlineScores([2], parameters, "own")[0] ?? Number.NaN), 0.5);
    const logits = Array.from({ length: 21 }, (_, index) => index - 10);
    for (const variance of ["own", "fixed"] as const) {
      const rising = logits.map((logit) => offlineScores([logit], parameters, variance)[0] ?? Number.NaN);
      rising.slice(1).forEach((score, index) => {
        expect(score).toBeGreaterThan(rising[index] ?? Number.NaN);
      });
    }
  });

  test("shadow models that all agree still give numbers", () => {
    const agreeing = shadowParameters({ target: [1], shadow: [[2], [2]], isIn: [[true], [false]] });
    for (const score of [onlineScores([1], agreeing, "own"), offlineScores([1], agreeing, "own")].flat())
      expect(Number.isNaN(score)).toBe(false);
  });

  test("median of odd and even counts, in any order", () => {
    expect([median([3, 1, 2]), median([4, 1, 3, 2])]).toEqual([2, 2.5]);
  });
});

describe("[AUD23] relative membership", () => {
  const probabilities = {
    target: [0.9, 0.5, 0],
    references: [
      [0.6, 0.5, 0.2],
      [0.3, 0.9, 0.4],
    ],
    isIn: [
      [true, false, true],
      [false, true, false],
    ],
    targetOfPopulation: [0.6, 0.1, 0.8],
    referencesOfPopulation: [
      [0.2, 0.1, 0.8],
      [0.6, 0.3, 0.8],
    ],
  };

  test("offline and online by hand", () => {
    // a = 1: ratios of x 3, 1, 0; of z 1.5, 0.5, 1.
    expect(offlineRelativeScores(probabilities, 1, 1)).toEqual([1, 2 / 3, 0]);
    expect(offlineRelativeScores(probabilities, 1, 2)).toEqual([1, 1 / 3, 0]);
    // a = 0: p(x) = (p_out + 1) / 2; ratios of x 18/13, 2/3, 0; of z 6/7, 1/6, 8/9.
    expect(offlineRelativeScores(probabilities, 0, 1)).toEqual([1, 1 / 3, 0]);
    // Means of p_in and p_out: ratios of x 2, 5/7, 0.
    expect(onlineRelativeScores(probabilities, 1)).toEqual([1, 1 / 3, 0]);
    expect(onlineRelativeScores(probabilities, 2)).toEqual([2 / 3, 0, 0]);
  });

  test("a record dominates no more of the population the larger γ is", () => {
    const gammas = [0.5, 1, 1.5, 2, 4, 8].map((gamma) => offlineRelativeScores(probabilities, 0.3, gamma)[0] ?? 0);
    expect([...gammas].sort((a, b) => b - a)).toEqual(gammas);
  });
});
