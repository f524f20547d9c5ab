import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { operatingSystemRandom } from "../system/operatingSystemRandom.ts";
import { makeAliasTable } from "./aliasTable.ts";
import { fillWideGaussian, WIDE_STD_DEV_MAX, wideGaussianDistance } from "./wideGaussian.ts";

describe("[ACC10] the table's probabilities, read back from its slots", () => {
  test.each([0.1, 0.77, 5, 150, 1200])(
    "are the discrete Gaussian's to a few 2⁻¹²⁸, standard deviation %d",
    (stdDev) => {
      const table = makeAliasTable(stdDev);
      const slots = 2 ** table.indexBits;
      const capacity = 1n << BigInt(128 - table.indexBits);
      const probability = new Array<bigint>(slots).fill(0n);
      for (let slot = 0; slot < slots; slot++) {
        const entry = (table.packed[slot] ?? 0) >>> 0;
        const alias = entry & (slots - 1);
        const [high, middle, low] = [0, 1, 2].map((word) => BigInt(table.tieWords[3 * slot + word] ?? 0));
        const threshold =
          (BigInt(entry >>> table.indexBits) << 96n) + ((high ?? 0n) << 64n) + ((middle ?? 0n) << 32n) + (low ?? 0n);
        probability[slot] = (probability[slot] ?? 0n) + threshold;
        probability[alias] = (probability[alias] ?? 0n) + capacity - threshold;
      }
      expect(probability.reduce((sum, value) => sum + value, 0n)).toBe(1n << 128n);
      let total = 0;
      for (let k = -table.radius; k <= table.radius; k++) total += Math.exp(-(k * k) / (2 * stdDev * stdDev));
      probability.forEach((value, slot) => {
        const k = slot - table.radius;
        const ideal = k > table.radius ? 0 : Math.exp(-(k * k) / (2 * stdDev * stdDev)) / total;
        expect(Math.abs(Number(value) / 2 ** 128 - ideal)).toBeLessThanOrEqual(1e-12 * ideal + 2 ** -112);
      });
    },
  );

  test("mirror values are equally likely to the last bit", () => {
    const table = makeAliasTable(9.25);
    const slots = 2 ** table.indexBits;
    const mass = new Float64Array(slots);
    for (let slot = 0; slot < slots; slot++) {
      const entry = (table.packed[slot] ?? 0) >>> 0;
      const share = (entry >>> table.indexBits) / 2 ** (32 - table.indexBits) / slots;
      mass[slot] = (mass[slot] ?? 0) + share;
      mass[entry & (slots - 1)] = (mass[entry & (slots - 1)] ?? 0) + 1 / slots - share;
    }
    for (let k = 1; k <= table.radius; k++) {
      expect(Math.abs((mass[table.radius + k] ?? 0) - (mass[table.radius - k] ?? 0))).toBeLessThan(1e-6);
    }
  });
});

describe("[ACC11] the sampler's distance from the ideal is proven and stated", () => {
  test("the convolution's ratio to the ideal is flat: x₁ + 14·x₂ at σ₀ = 30, over every residue", () => {
    const [tableStdDev, step] = [30, 14];
    const variance = tableStdDev ** 2 * (1 + step ** 2);
    const ratioAt = (y: number): number => {
      let sum = 0;
      for (let x = -420; x <= 420; x++) {
        sum += Math.exp(
          -((y - step * x) ** 2) / (2 * tableStdDev ** 2) - x ** 2 / (2 * tableStdDev ** 2) + y ** 2 / (2 * variance),
        );
      }
      return sum;
    };
    const center = ratioAt(0);
    for (let y = -700; y <= 700; y += 13) expect(Math.abs(ratioAt(y) / center - 1)).toBeLessThan(1e-12);
    // Where r = σ₀/√(1 + k²) is too small the same ratio is far from flat: the condition r ≥ 2 is what counts.
    expect(Math.exp(-2 * Math.PI ** 2 * (tableStdDev ** 2 / (1 + step ** 2)))).toBeLessThan(1e-38);
  });

  test.each([0.5, 1000, 1201, 5000, 1e5, 500_000, 7.3e5, 8e5, 1e7, WIDE_STD_DEV_MAX])(
    "is below 2⁻¹⁰⁸ a draw at standard deviation %d, so 10¹² draws cost nothing that can be seen",
    (stdDev) => {
      const distance = wideGaussianDistance(stdDev);
      expect(distance.maxLogRatio).toBeLessThan(2 ** -108);
      expect(distance.totalVariation).toBeLessThan(2 ** -108);
      expect(distance.totalVariation).toBeGreaterThan(0);
      expect(fillWideGaussian(new Int32Array(3), stdDev, operatingSystemRandom)).toEqual(distance);
    },
  );

  test("draws the same numbers from the same key as its first version did, settled ties among them", () => {
    const key = { origin: "seeded", bytes: (count: number) => new Uint8Array(count).fill(7) } as const;
    const digests = [1000, 541_647, 1e7].map((stdDev) => {
      const values = new Int32Array(200_003);
      fillWideGaussian(values, stdDev, key);
      return createHash("sha256").update(new Uint8Array(values.buffer)).digest("hex").slice(0, 16);
    });
    expect(digests).toMatchInlineSnapshot(`
      [
        "8db53d43c1eec290",
        "8ae56647c89ad424",
        "b6f4a9860767a69b",
      ]
    `);
  });

  test("what it can't draw it refuses", () => {
    for (const stdDev of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, WIDE_STD_DEV_MAX * 1.01]) {
      expect(() => fillWideGaussian(new Int32Array(1), stdDev, operatingSystemRandom)).toThrow("standard deviation");
    }
  });
});
