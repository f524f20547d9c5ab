import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { learningRateAt, Schedule } from "./learningRate.ts";

const count = fc.integer({ min: 1, max: 2000 });
const fraction = fc.double({ min: 0, max: 0.99, noNaN: true });
const warmUpRounds = fc.option(fc.integer({ min: 0, max: 300 }), { nil: undefined });
const schedules: fc.Arbitrary<Schedule> = fc
  .oneof(
    fc.record({ name: fc.constant("constant"), warmUpRounds }),
    fc.record({
      name: fc.constant("step"),
      everyRounds: count,
      factor: fc.double({ min: 0.05, max: 0.99, noNaN: true }),
      warmUpRounds,
    }),
    fc.record({ name: fc.constant("linear"), rounds: count, endFraction: fraction, warmUpRounds }),
    fc.record({ name: fc.constant("cosine"), rounds: count, endFraction: fraction, warmUpRounds }),
    fc.record({ name: fc.constant("inverse-sqrt"), rounds: count, warmUpRounds }),
  )
  .map((schedule) => Schedule.parse(schedule));

/** The schedules as textbooks write them. */
function slow(schedule: Schedule, step: number): number {
  const warmUp = schedule.warmUpRounds ?? 0;
  if (step < warmUp) return (step + 1) / warmUp;
  const t = step - warmUp;
  switch (schedule.name) {
    case "constant":
      return 1;
    case "step":
      return schedule.factor ** Math.floor(t / schedule.everyRounds);
    case "linear":
      return t >= schedule.rounds ? schedule.endFraction : 1 - ((1 - schedule.endFraction) * t) / schedule.rounds;
    case "cosine": {
      const left = (1 + Math.cos((Math.PI * Math.min(t, schedule.rounds)) / schedule.rounds)) / 2;
      return schedule.endFraction + (1 - schedule.endFraction) * left;
    }
    case "inverse-sqrt":
      return (1 + t / schedule.rounds) ** -0.5;
  }
}

describe("[RND15] the learning rate is a public function of the step's number", () => {
  test("is the textbook's, whatever the schedule", () => {
    fc.assert(
      fc.property(schedules, fc.integer({ min: 0, max: 5000 }), (schedule, step) => {
        const expected = slow(schedule, step);
        expect(Math.abs(learningRateAt(0.5, schedule, step) - 0.5 * expected)).toBeLessThan(1e-12 * expected + 2e-15);
      }),
    );
  });

  test("rises to the full rate by the warm-up's last step and never again after it", () => {
    fc.assert(
      fc.property(schedules, (schedule) => {
        const warmUp = schedule.warmUpRounds ?? 0;
        expect(learningRateAt(3, schedule, warmUp)).toBe(3);
        if (warmUp > 0) expect(learningRateAt(3, schedule, warmUp - 1)).toBe(3);
        const rates = Array.from({ length: 600 }, (_, step) => learningRateAt(3, schedule, step));
        const isInOrder = rates.every((rate, step) => {
          const before = rates[step - 1] ?? 0;
          return rate >= 0 && (step <= warmUp ? rate >= before : rate <= before);
        });
        expect(isInOrder).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test("the ends: linear and cosine stay at what the study leaves, without a schedule nothing moves", () => {
    for (const name of ["linear", "cosine"] as const) {
      const schedule = Schedule.parse({ name, rounds: 100, endFraction: 0.25 });
      expect([100, 101, 10_000].map((step) => learningRateAt(1, schedule, step))).toEqual([0.25, 0.25, 0.25]);
    }
    expect(learningRateAt(0.1, undefined, 12)).toBe(0.1);
  });

  test("bits pinned across platforms and versions", () => {
    const bits = (schedule: unknown) =>
      Buffer.from(Float64Array.of(learningRateAt(0.1, Schedule.parse(schedule), 37)).buffer).toString("hex");
    expect(bits({ name: "cosine", rounds: 90, warmUpRounds: 7 })).toMatchInlineSnapshot(`"343333333333b33f"`);
    expect(bits({ name: "step", everyRounds: 3, factor: 0.7 })).toMatchInlineSnapshot(`"a0ac85e574ad563f"`);
    expect(bits({ name: "inverse-sqrt", rounds: 11 })).toMatchInlineSnapshot(`"9a9a9c239882a83f"`);
  });

  test("a schedule that no rate follows from is refused", () => {
    for (const schedule of [
      { name: "step", everyRounds: 0, factor: 0.5 },
      { name: "step", everyRounds: 1, factor: 1 },
      { name: "linear", rounds: 10, endFraction: 1 },
      { name: "exponential" },
    ]) {
      expect(Schedule.safeParse(schedule).success).toBe(false);
    }
  });
});
