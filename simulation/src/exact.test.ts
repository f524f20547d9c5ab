import { expect, test } from "vitest";
import { metricsOf } from "./exact.ts";

test("balanced accuracy counts each class that occurs alike, however few its records", () => {
  const told = (label: number, as: number) => ({ label, probabilities: [0, 1, 2].map((at) => (at === as ? 1 : 0)) });
  // Eight of ten of the first class, one of two of the second, none of the third.
  const first = Array.from({ length: 10 }, (_, index) => told(0, index < 8 ? 0 : 1));
  const outputs = [...first, told(1, 1), told(1, 0)];
  const { accuracy, balancedAccuracy } = metricsOf(outputs, 3);
  expect(accuracy).toBeCloseTo(9 / 12, 12);
  expect(balancedAccuracy).toBeCloseTo((0.8 + 0.5) / 2, 12);
});
