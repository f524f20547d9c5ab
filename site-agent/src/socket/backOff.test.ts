import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { describe, expect, test } from "vitest";
import { backOffMs, fraction } from "./backOff.ts";

const random = (byte: number) => ({
  origin: "seeded" as const,
  bytes: (count: number) => new Uint8Array(count).fill(byte),
});

describe("[HND9] waits grow from 0.1 s to 15 s, spread by half", () => {
  test.each([
    { failures: 0, least: 50, most: 150 },
    { failures: 3, least: 400, most: 1200 },
    { failures: 8, least: 7500, most: 22_500 },
    { failures: 1000, least: 7500, most: 22_500 },
  ])("after $failures failures", ({ failures, least, most }) => {
    expect(backOffMs(failures, random(0))).toBe(least);
    expect(backOffMs(failures, random(255))).toBeCloseTo(most, 4);
  });

  test("draws lie in [0, 1)", () => {
    for (let index = 0; index < 100; index++) {
      const draw = fraction(operatingSystemRandom);
      expect(draw).toBeGreaterThanOrEqual(0);
      expect(draw).toBeLessThan(1);
    }
  });
});
