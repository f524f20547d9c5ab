import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { publicUniform } from "../model/initial.ts";
import { aesCtrStream } from "../random/aesCtrStream.ts";
import { DataContract } from "../study/contract.ts";
import { makeCanaries } from "./canaries.ts";
import { guessCanaries } from "./guesses.ts";
import { oneRunEpsilon, oneRunTail } from "./oneRun.ts";

const number = z.number();
const Row = z.object({
  count: number,
  guesses: number,
  correct: number,
  delta: number,
  confidence: number,
  epsilon: number,
  tailAt1: number,
});
const vectors = z
  .object({ source: z.string(), rows: z.array(Row).min(40) })
  .parse(JSON.parse(readFileSync(new URL("../../../test/vectors/audit-one-run.json", import.meta.url), "utf8")));

const seeded = (seed: number) => {
  const next = publicUniform(seed);
  return aesCtrStream({ origin: "seeded", bytes: (n) => Uint8Array.from({ length: n }, () => 256 * next()) });
};

describe(`[CAN1] the bound of one run, against ${vectors.source}`, () => {
  test.each(vectors.rows)("$correct of $guesses guesses among $count, δ = $delta, at $confidence", (row) => {
    expect(Math.abs(oneRunEpsilon(row, row.delta, row.confidence) - row.epsilon)).toBeLessThan(1e-8);
    expect(Math.abs(oneRunTail(row, 1, row.delta) - row.tailAt1)).toBeLessThan(1e-9);
  });

  test("grows with right guesses, falls with δ, with confidence, and with canaries where δ is not 0", () => {
    const runs = fc.record({
      guesses: fc.integer({ min: 2, max: 300 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(runs, ({ guesses, share }) => {
        const run = { count: 2 * guesses, guesses, correct: Math.floor(share * (guesses - 1)) };
        const bound = oneRunEpsilon(run, 1e-5, 0.95);
        expect(oneRunEpsilon({ ...run, correct: run.correct + 1 }, 1e-5, 0.95)).toBeGreaterThanOrEqual(bound);
        expect(oneRunEpsilon(run, 1e-4, 0.95)).toBeLessThanOrEqual(bound);
        expect(oneRunEpsilon(run, 1e-5, 0.99)).toBeLessThanOrEqual(bound);
        expect(oneRunEpsilon({ ...run, count: 4 * guesses }, 1e-5, 0.95)).toBeLessThanOrEqual(bound);
      }),
    );
  });

  test("holds for randomised response, whose ε is known, as often as it says", () => {
    const epsilon = 1;
    const random = publicUniform(3);
    const runs = Array.from({ length: 2000 }, () => {
      const correct = Array.from({ length: 100 }, () => random() < 1 / (1 + Math.exp(-epsilon))).filter(Boolean).length;
      return oneRunEpsilon({ count: 100, guesses: 100, correct }, 0, 0.95);
    });
    const wrong = runs.filter((bound) => bound > epsilon).length / runs.length;
    expect(wrong).toBeLessThan(0.05 + 4 * Math.sqrt((0.05 * 0.95) / runs.length));
    expect(runs.reduce((sum, bound) => sum + bound, 0) / runs.length).toBeGreaterThan(0.4);
  });

  test("all guesses right prove no more than the number of guesses allows", () => {
    expect(oneRunEpsilon({ count: 100, guesses: 100, correct: 100 }, 0, 0.95)).toBeCloseTo(3.5, 1);
    expect(oneRunEpsilon({ count: 10_000, guesses: 10_000, correct: 10_000 }, 0, 0.95)).toBeLessThan(8.2);
    expect(oneRunEpsilon({ count: 10, guesses: 10, correct: 5 }, 0, 0.95)).toBe(0);
  });
});

describe("[CAN2] canaries are made of the contract and of chance", () => {
  const contract = DataContract.parse({
    columns: [
      { name: "age", type: "number", min: 20, max: 90 },
      { name: "chol", type: "number", min: 0, max: 400, missing: { fill: 200, indicator: true } },
      { name: "sex", type: "category", values: ["f", "m", "x"] },
      { name: "film", type: "array", shape: [2, 2, 1], min: 0, max: 255 },
    ],
    label: { name: "sick", values: [0, 1] },
  });

  test("in the model's own features: ends of ranges, one value of a category, nothing missing", () => {
    const { features, labels, coins } = makeCanaries(contract, 3000, seeded(1));
    const width = 1 + 2 + 3 + 4;
    expect(features.length).toBe(3000 * width);
    for (let canary = 0; canary < 3000; canary++) {
      const record = features.subarray(canary * width, (canary + 1) * width);
      expect([record[0], record[1], ...record.subarray(6)].every((value) => Math.abs(value ?? 0) === 1)).toBe(true);
      expect(record[2]).toBe(0);
      expect([...record.subarray(3, 6)].sort()).toEqual([0, 0, 1]);
    }
    const share = (values: Iterable<number>, wanted: number) => [...values].filter((v) => v === wanted).length / 3000;
    expect(share(labels, 1)).toBeCloseTo(0.5, 1);
    expect(share(coins, 1)).toBeCloseTo(0.5, 1);
    expect(
      share(
        Array.from({ length: 3000 }, (_, i) => features[i * width + 4] ?? 0),
        1,
      ),
    ).toBeCloseTo(1 / 3, 1);
  });
});

describe("[CAN3] guesses", () => {
  test("the highest scores are taken for trained, the lowest for not; the rest is left", () => {
    const scores = Float64Array.of(5, 4, 3, 2, 1, 0);
    expect(guessCanaries(scores, Uint8Array.of(1, 1, 0, 1, 0, 0), 4)).toEqual({ count: 6, guesses: 4, correct: 4 });
    expect(guessCanaries(scores, Uint8Array.of(0, 1, 1, 1, 0, 1), 4)).toEqual({ count: 6, guesses: 4, correct: 2 });
    expect(guessCanaries(scores, Uint8Array.of(1, 0, 0, 0, 0, 0), 1)).toEqual({ count: 6, guesses: 1, correct: 1 });
    expect(guessCanaries(Float64Array.of(Number.NaN, 1), Uint8Array.of(0, 1), 2).correct).toBe(2);
  });

  test("scores that say nothing are right half of the time, whatever ties there are", () => {
    let correct = 0;
    for (let seed = 0; seed < 200; seed++) {
      const { coins } = makeCanaries(
        DataContract.parse({
          columns: [{ name: "a", type: "number", min: 0, max: 1 }],
          label: { name: "b", values: [0, 1] },
        }),
        50,
        seeded(seed),
      );
      correct += guessCanaries(new Float64Array(50), coins, 50).correct;
    }
    expect(Math.abs(correct / 10_000 - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / 10_000));
  });
});
