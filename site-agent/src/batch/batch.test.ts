import { publicUniform } from "@consilium/shared/model/initial";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { SamplingRate } from "@consilium/shared/units/privacy";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { physicalBatches } from "./physicalBatches.ts";
import { poissonSample } from "./poissonSampler.ts";

const all = (count: number) => Int32Array.from({ length: count }, (_, i) => i);
const rate = (value: number) => SamplingRate.parse(value);

/** Gives these 53-bit numbers, one after another. */
function scripted(draws: readonly bigint[]): RandomSource {
  let next = 0;
  const bytes = (count: number) => {
    const out = Buffer.alloc(count);
    for (let at = 0; at < count; at += 8) {
      const draw = draws[next++] ?? 0n;
      out.writeUInt32BE(Number(draw >> 32n) * 2 ** 11, at);
      out.writeUInt32BE(Number(draw & 0xffffffffn), at + 4);
    }
    return new Uint8Array(out);
  };
  return { origin: "seeded", bytes };
}

describe("[ENG8] Poisson sampling: each patient joins alone, with probability exactly q", () => {
  test("the comparison is exact, digits past 53 bits included", () => {
    const half = 2n ** 52n;
    expect([...poissonSample(all(3), rate(0.5), scripted([half - 1n, half, half + 1n])).patients]).toEqual([0]);
    // 3·2⁻⁵⁴ = 1.5 steps of 2⁻⁵³: on a first draw of 1, the next 53 bits decide against one half.
    expect([...poissonSample(all(1), rate(3 * 2 ** -54), scripted([1n, half - 1n])).patients]).toEqual([0]);
    expect([...poissonSample(all(1), rate(3 * 2 ** -54), scripted([1n, half])).patients]).toEqual([]);
    expect([...poissonSample(all(2), rate(1), scripted([2n ** 53n - 1n, 0n])).patients]).toEqual([0, 1]);
  });

  test("may be empty, keeps order, takes the patients that it was given", () => {
    expect(poissonSample(new Int32Array(0), rate(0.5), operatingSystemRandom).patients).toEqual(new Int32Array(0));
    expect(poissonSample(Int32Array.of(4, 9), rate(1e-300), operatingSystemRandom).patients.length).toBe(0);
    expect([...poissonSample(Int32Array.of(4, 9), rate(1), operatingSystemRandom).patients]).toEqual([4, 9]);
  });

  test("counts and pairs have the binomial's moments (6 standard errors, fixed seed)", () => {
    const next = publicUniform(11);
    const random: RandomSource = {
      origin: "seeded",
      bytes: (count) => Uint8Array.from({ length: count }, () => Math.floor(next() * 256)),
    };
    const trials = 400;
    const q = 0.3;
    let joined = 0;
    let pairs = 0;
    for (let trial = 0; trial < trials; trial++) {
      const members = new Set(poissonSample(all(100), rate(q), random).patients);
      joined += members.size;
      for (let i = 0; i < 100; i += 2) if (members.has(i) && members.has(i + 1)) pairs++;
    }
    const n = trials * 100;
    expect(Math.abs(joined - n * q)).toBeLessThan(6 * Math.sqrt(n * q * (1 - q)));
    expect(Math.abs(pairs - (n / 2) * q * q)).toBeLessThan(6 * Math.sqrt((n / 2) * q * q * (1 - q * q)));
  });
});

describe("[ENG6] a logical batch of any size is cut physically, never truncated", () => {
  test("every patient once, in order, whole, within the limit unless alone", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 60 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 20 }), (records, rowsMax) => {
        const recordStart = new Int32Array(records.length + 1);
        for (const [i, count] of records.entries()) recordStart[i + 1] = (recordStart[i] ?? 0) + count;
        const batches = physicalBatches(all(records.length), recordStart, rowsMax);
        expect(batches.flatMap((batch) => [...batch.patients])).toEqual([...all(records.length)]);
        for (const { patients, rowStart } of batches) {
          expect(rowStart.at(-1) ?? 0).toBeLessThanOrEqual(patients.length === 1 ? 12 : rowsMax);
          for (const [i, patient] of patients.entries()) {
            expect((rowStart[i + 1] ?? 0) - (rowStart[i] ?? 0)).toBe(records[patient]);
          }
        }
      }),
    );
  });
});
