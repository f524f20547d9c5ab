import { describe, expect, test } from "vitest";
import { PricedEvent } from "../event/pricedEvent.ts";
import { baseLossOf } from "./baseLoss.ts";
import { rdpLaplace, rdpOfBase } from "./laplaceRdp.ts";
import { rdpPoissonDiscreteGaussian } from "./poissonGaussian.ts";
import { rdpPureDp } from "./pureDp.ts";
import { curveOf, curveOfEvents } from "./rdp.ts";

const laplace = (samplingRate: number, scale: number): PricedEvent =>
  PricedEvent.parse({
    kind: "poisson-laplace",
    adjacency: "add-remove",
    samplingRate,
    scale,
    sensitivity: 1,
    count: 1,
  });
const orders = Float64Array.of(1.05, 1.5, 2, 3.7, 12, 60);

/** Both directions by a plain sum over x. */
function slowRdp(q: number, scale: number, order: number): number {
  const step = 1 / 4000;
  let [remove, add] = [0, 0];
  for (let x = -30 * scale + step / 2; x < 1 + 30 * scale; x += step) {
    const without = Math.exp(-Math.abs(x) / scale) / (2 * scale);
    const ratio = 1 - q + q * Math.exp((Math.abs(x) - Math.abs(x - 1)) / scale);
    remove += step * without * ratio ** order;
    add += step * without * ratio ** (1 - order);
  }
  return Math.log(Math.max(remove, add)) / (order - 1);
}

describe("[ACC16] RDP of Laplace noise", () => {
  test.each([
    [1, 0.5],
    [1, 3],
    [0.3, 0.7],
    [0.05, 2],
  ])("q = %d, scale %d: the definition's sum", (q, scale) => {
    const curve = q === 1 ? rdpLaplace(1 / scale, orders) : rdpOfBase(baseLossOf(laplace(q, scale), 0), orders);
    orders.forEach((order, i) => {
      expect(Math.abs((curve[i] ?? 0) / slowRdp(q, scale, order) - 1)).toBeLessThan(2e-4);
    });
  });

  test("the integral at q = 1 is the closed form, and no value is above the largest loss", () => {
    const closed = rdpLaplace(0.8, orders);
    rdpOfBase(baseLossOf(laplace(1, 1.25), 0), orders).forEach((value, i) => {
      expect(Math.abs(value / (closed[i] ?? 0) - 1)).toBeLessThan(1e-10);
    });
    const top = Math.log1p(0.1 * Math.expm1(2));
    const curve = curveOf(laplace(0.1, 0.5)).values;
    expect(curve.every((value, i) => value <= top * (1 + 1e-12) && value >= (curve[i - 1] ?? 0) * (1 - 1e-10))).toBe(
      true,
    );
    expect(curve.at(-1)).toBeCloseTo(top, 14);
  });

  test("discrete Laplace noise on sensitivity 1 is pure ε's worst; above 1 it costs less", () => {
    const discrete = (sensitivity: number): PricedEvent =>
      PricedEvent.parse({ ...laplace(1, 4), kind: "poisson-discrete-laplace", sensitivity });
    const [one, two] = [1, 2].map((sensitivity) => rdpOfBase(baseLossOf(discrete(sensitivity), 0), orders));
    const [pureOne, pureTwo] = [rdpPureDp(0.25, orders), rdpPureDp(0.5, orders)];
    orders.forEach((_, i) => {
      expect(Math.abs((one?.[i] ?? 0) / (pureOne[i] ?? 0) - 1)).toBeLessThan(1e-10);
      expect(two?.[i]).toBeLessThan(pureTwo[i] ?? 0);
    });
  });

  test.each(["poisson-laplace", "poisson-discrete-laplace"] as const)(
    "%s: a loss of any size is never lost",
    (kind) => {
      for (const sensitivity of [29, 31, 700, 745, 746, 1000, 10_000]) {
        for (const samplingRate of [0.5, 0.999, 1]) {
          const event = PricedEvent.parse({ ...laplace(samplingRate, 1), kind, sensitivity });
          const largest = sensitivity + Math.log(samplingRate);
          const { values } = curveOf(event);
          expect(values.at(-1)).toBeCloseTo(largest, 6);
          // At least the divergence of order 1, which is within 1 of the share q of the largest loss, less log q's.
          expect(values[0]).toBeGreaterThan(samplingRate * sensitivity - 2);
        }
      }
    },
  );

  test("one integer with discrete Gaussian noise: below the bound for sums, equal to it at integer orders", () => {
    const event = PricedEvent.parse({
      kind: "poisson-discrete-gaussian",
      adjacency: "add-remove",
      samplingRate: 0.2,
      noiseMultiplier: 1.3,
      sensitivity: 1,
      count: 1,
    });
    const [exact, bound] = [rdpOfBase(baseLossOf(event, 1e-60), orders), rdpPoissonDiscreteGaussian(0.2, 1.3, orders)];
    orders.forEach((order, i) => {
      expect(exact[i]).toBeLessThanOrEqual((bound[i] ?? 0) * (1 + 1e-9));
      if (order === 2 || order === 12) expect(Math.abs((exact[i] ?? 0) / (bound[i] ?? 0) - 1)).toBeLessThan(1e-9);
    });
  });

  test("costs for a patient added and for one replaced are not added", () => {
    const replaced = PricedEvent.parse({
      kind: "gaussian-without-replacement",
      adjacency: "replace",
      batch: 5,
      population: 50,
      noiseMultiplier: 2,
      count: 3,
    });
    expect(() => curveOfEvents([laplace(1, 1), replaced])).toThrow(
      expect.objectContaining({ code: "accountant/mixed-adjacency" }),
    );
    expect(curveOfEvents([replaced, replaced]).values[0]).toBeGreaterThan(0);
  });
});
