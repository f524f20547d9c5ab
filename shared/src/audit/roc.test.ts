import { describe, expect, test } from "vitest";
import { addCells, averageCells, type Cells, countScores, discreteLaplaceVariance } from "./histogram.ts";
import { advantageInterval, aucInterval, normalQuantile, simultaneousQuantile } from "./interval.ts";
import { nullAucUpper } from "./power.ts";
import { areaUnderRoc, distributionsOf, rateAbove } from "./roc.ts";
import { mergeStrata, resolvableStrata, type Stratum } from "./strata.ts";
import { tprAtFpr } from "./tpr.ts";

const exact = (counts: readonly number[]): Cells => ({ counts, variance: 1e-12 });

describe("figures from exact counts", () => {
  const stratum = { sites: ["a"], members: exact([1, 2, 5]), nonMembers: exact([4, 3, 1]) };
  const distributions = distributionsOf([stratum]);

  test("AUC counts pairs, ties as asked", () => {
    const wins = 2 * 4 + 5 * (4 + 3);
    const ties = 1 * 4 + 2 * 3 + 5 * 1;
    for (const tie of [0, 0.5, 1] as const) {
      expect(areaUnderRoc(distributions, tie).value).toBeCloseTo((wins + tie * ties) / 64, 12);
    }
  });

  test("rates above an edge", () => {
    const { tpr, fpr, gap } = rateAbove(distributions, 1);
    expect([tpr.value, fpr.value, gap.value]).toEqual([7 / 8, 4 / 8, 3 / 8]);
    expect(tpr.samplingVariance).toBeCloseTo(((7 / 8) * (1 / 8)) / 8, 12);
  });

  test("[AUD3] sites that differ but don't leak: pooled figures mislead, site-matched ones don't", () => {
    const sites: Stratum[] = [
      { sites: ["high"], members: exact([100, 900]), nonMembers: exact([10, 90]) },
      { sites: ["low"], members: exact([90, 10]), nonMembers: exact([900, 100]) },
    ];
    expect(areaUnderRoc(distributionsOf([mergeStrata(sites)]), 0.5).value).toBeGreaterThan(0.8);
    expect(areaUnderRoc(distributionsOf(sites), 0.5).value).toBeCloseTo(0.5, 12);
  });

  test("[AUD5] a site too small for its noise is weighted with others; none large enough: not resolvable", () => {
    const noisy = (total: number): Cells => ({ counts: [total / 2, total / 2], variance: 8 });
    const site = (name: string, members: number, nonMembers: number): Stratum => ({
      sites: [name],
      members: noisy(members),
      nonMembers: noisy(nonMembers),
    });
    const strata = resolvableStrata([site("a", 200, 100), site("b", 100, 15), site("c", 300, 40)]);
    expect(strata.map(({ sites }) => sites)).toEqual([["a"], ["c", "b"]]);
    expect(resolvableStrata([site("a", 200, -3)])).toEqual([]);
    expect(resolvableStrata([site("a", 10, 10), site("b", -4, 4)])).toEqual([]);
  });
});

describe("[AUD6] TPR at low FPR only where the tail is populated", () => {
  const flat = (total: number, variance: number): Cells => ({ counts: new Array(100).fill(total / 100), variance });
  const at = (nonMembers: number, variance: number, fpr: number) =>
    tprAtFpr(
      distributionsOf([{ sites: ["a"], members: flat(5000, variance), nonMembers: flat(nonMembers, variance) }]),
      fpr,
      2.5,
      "binned",
    );

  test("138 non-members say nothing about 1 %, nor does a tail below its noise", () => {
    expect(at(138, 1, 0.01)).toHaveProperty("unresolvable");
    expect(at(1100, 400, 0.01)).toHaveProperty("unresolvable");
  });

  test("with enough non-members the interval holds the step figure", () => {
    const rate = at(5000, 1, 0.05);
    if (!("interval" in rate)) throw new Error("expected an interval");
    expect(rate.interval.value).toBeCloseTo(0.05, 9);
    expect(rate.interval.low).toBeLessThan(0.05);
    expect(rate.interval.high).toBeGreaterThan(0.05);
    expect(rate.interval.high).toBeLessThan(0.1);
  });

  test("where ties are exact no threshold lies inside a bin: no share of those who tie stands out alone", () => {
    const cells = (wrong: number, right: number): Cells => ({ counts: [wrong, right], variance: 1 });
    const distributions = distributionsOf([
      { sites: ["a"], members: cells(1000, 4000), nonMembers: cells(2500, 2500) },
    ]);
    const high = (ties: "binned" | "exact") => {
      const rate = tprAtFpr(distributions, 0.1, 2.5, ties);
      return "interval" in rate ? rate.interval.high : Number.NaN;
    };
    expect(high("exact")).toBeLessThan(0.001);
    expect(high("binned")).toBeGreaterThan(0.8);
    const exactAuc = aucInterval(distributions, 2.5, "exact");
    expect(exactAuc.value).toBeCloseTo(0.5 + (0.8 - 0.5) / 2, 12);
    expect(exactAuc.halfBin).toBe(0);
    expect(exactAuc.high).toBeLessThan(0.68);
    expect(aucInterval(distributions, 2.5, "binned").high).toBeGreaterThan(0.85);
    const advantage = advantageInterval(distributions, "exact", { confidence: 0.95, count: 1 });
    expect(advantage.value).toBeCloseTo(0.3, 12);
    expect([advantage.low > 0.26, advantage.high < 0.34, advantage.halfBin]).toEqual([true, true, 0]);
  });
});

/** The demo's case: 644 members and 138 hold-outs over four sites. */
const SITES = [
  { members: 212, nonMembers: 46 },
  { members: 206, nonMembers: 44 },
  { members: 86, nonMembers: 18 },
  { members: 140, nonMembers: 30 },
];

/** Seeded; for tests alone (Mulberry32). */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Case {
  readonly bins: number;
  readonly looks: number;
  /** Members' shift in a logistic score: AUC of two logistic laws this far apart is closed form. */
  readonly shift: number;
  /** How much sites differ. */
  readonly siteShift: number;
}

function simulate({ bins, looks, shift, siteShift }: Case, random: () => number): readonly Stratum[] {
  const geometric = (scale: number) => Math.floor(-scale * Math.log(1 - random()));
  const counts = (patients: number, offset: number, epsilon: number): Cells => {
    const scores = Array.from({ length: patients }, () => {
      const uniform = random();
      return { unit: 1 / (1 + ((1 - uniform) / uniform) * Math.exp(-offset)), group: 0 };
    });
    const { counts: exactCounts } = countScores(scores, 1, bins);
    const look = (): Cells => ({
      counts: exactCounts.map((value) => value + geometric(1 / epsilon) - geometric(1 / epsilon)),
      variance: discreteLaplaceVariance(1 / epsilon),
    });
    return averageCells(Array.from({ length: looks }, look));
  };
  return SITES.map(({ members, nonMembers }, index) => ({
    sites: [String(index)],
    members: counts(members, shift + siteShift * (index - 1.5), 0.3),
    nonMembers: counts(nonMembers, siteShift * (index - 1.5), 1),
  }));
}

/** P(X + shift > Y) for standard logistic X and Y: (1 − (1 + s)e^(−s)) / (1 − e^(−s))². */
function logisticAuc(shift: number): number {
  if (shift === 0) return 0.5;
  const e = Math.exp(-shift);
  return (1 - e - shift * e) / (1 - e) ** 2;
}

describe("[AUD4] coverage by seeded simulation, nominal 95 %", () => {
  const DRAWS = 1500;
  /** Four standard deviations of a coverage of .95 seen in 1,500 draws. */
  const MONTE_CARLO = 4 * Math.sqrt((0.95 * 0.05) / DRAWS);
  const z = simultaneousQuantile(0.95, 1);

  test.each([
    { bins: 12, looks: 3, shift: 0, siteShift: 0 },
    { bins: 10, looks: 1, shift: 0, siteShift: 0 },
    { bins: 12, looks: 3, shift: 1, siteShift: 0 },
    { bins: 40, looks: 1, shift: 1.5, siteShift: 0 },
  ])("of the AUC: $bins bins, $looks looks, shift $shift", (scenario) => {
    const random = seeded(20260000 + scenario.bins + scenario.looks);
    const truth = logisticAuc(scenario.shift);
    const intervals = Array.from({ length: DRAWS }, () =>
      aucInterval(distributionsOf(resolvableStrata(simulate(scenario, random))), z, "binned"),
    );
    const covered = intervals.filter(({ low, high }) => low <= truth && truth <= high).length / DRAWS;
    expect(covered).toBeGreaterThan(0.95 - MONTE_CARLO);
    const values = intervals.map(({ value }) => value);
    const mean = values.reduce((a, b) => a + b, 0) / DRAWS;
    const spread = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / DRAWS);
    const claimed =
      intervals.reduce((sum, { samplingStdDev, noiseStdDev }) => sum + Math.hypot(samplingStdDev, noiseStdDev), 0) /
      DRAWS;
    expect(Math.abs(claimed / spread - 1)).toBeLessThan(0.12);
    expect(Math.abs(mean - truth)).toBeLessThan(0.012);
  });

  test("of the AUC and the advantage where scores are a matter of yes or no", () => {
    const random = seeded(23);
    const [memberRate, rate] = [0.62, 0.5];
    const yes = (patients: number, share: number, epsilon: number): Cells => {
      const right = Array.from({ length: patients }, () => random() < share).filter(Boolean).length;
      const noise = () => Math.floor(-Math.log(1 - random()) / epsilon) - Math.floor(-Math.log(1 - random()) / epsilon);
      return {
        counts: [patients - right + noise(), right + noise()],
        variance: discreteLaplaceVariance(1 / epsilon),
      };
    };
    const held = { auc: 0, advantage: 0 };
    for (let draw = 0; draw < DRAWS; draw++) {
      const strata = SITES.map(({ members, nonMembers }, index) => ({
        sites: [String(index)],
        members: yes(members, memberRate, 0.3),
        nonMembers: yes(nonMembers, rate, 1),
      }));
      const distributions = distributionsOf(resolvableStrata(strata));
      const auc = aucInterval(distributions, z, "exact");
      const truth = 0.5 + (memberRate - rate) / 2;
      if (auc.low <= truth && truth <= auc.high) held.auc++;
      const { low, high } = advantageInterval(distributions, "exact", { confidence: 0.95, count: 1 });
      if (low <= memberRate - rate && memberRate - rate <= high) held.advantage++;
    }
    expect(held.auc / DRAWS).toBeGreaterThan(0.95 - MONTE_CARLO);
    expect(held.advantage / DRAWS).toBeGreaterThan(0.95 - MONTE_CARLO);
  });

  test("of the AUC and the advantage where sites differ and nothing leaks", () => {
    const random = seeded(7);
    let auc = 0;
    let advantage = 0;
    for (let draw = 0; draw < DRAWS; draw++) {
      const distributions = distributionsOf(
        resolvableStrata(simulate({ bins: 12, looks: 3, shift: 0, siteShift: 0.5 }, random)),
      );
      const interval = aucInterval(distributions, z, "binned");
      if (interval.low <= 0.5 && interval.high >= 0.5) auc++;
      if (advantageInterval(distributions, "binned", { confidence: 0.95, count: 1 }).low === 0) advantage++;
    }
    expect(auc / DRAWS).toBeGreaterThan(0.95 - MONTE_CARLO);
    expect(advantage / DRAWS).toBeGreaterThan(0.95 - MONTE_CARLO);
  });

  test("the planner's upper bound of a model that leaks nothing is what simulation gives", () => {
    const design = {
      sites: SITES,
      attacks: ["loss", "confidence", "modified-entropy"] as const,
      modelClasses: 2,
      histogramClasses: 1,
      bins: 12,
      epsilon: { members: 0.3, nonMembers: 1 },
      confidence: 0.95,
    };
    const planned = nullAucUpper({ ...design, attacks: [...design.attacks] }, 0.99);
    const random = seeded(11);
    const highs = Array.from({ length: DRAWS }, () => {
      const strata = resolvableStrata(simulate({ bins: 12, looks: 3, shift: 0, siteShift: 0 }, random));
      return aucInterval(distributionsOf(strata), z, "binned").high;
    }).sort((a, b) => a - b);
    const mean = highs.reduce((a, b) => a + b, 0) / DRAWS;
    expect(Math.abs((planned?.mean ?? 0) - mean)).toBeLessThan(0.006);
    expect(Math.abs((planned?.quantile ?? 0) - (highs[Math.floor(0.99 * DRAWS)] ?? 0))).toBeLessThan(0.02);
    expect(normalQuantile(0.5)).toBe(0);
    expect(nullAucUpper({ ...design, attacks: ["loss"], sites: [{ members: 5, nonMembers: 2 }] }, 0.99)).toBeNull();
  });
});

test("merging strata adds their cells", () => {
  const one = { sites: ["a"], members: exact([1, 2]), nonMembers: exact([3, 4]) };
  expect(mergeStrata([one, one]).members).toEqual(addCells([one.members, one.members]));
});
