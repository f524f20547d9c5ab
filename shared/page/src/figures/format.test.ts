import { describe, expect, test } from "vitest";
import { agoText, deltaText, durationText, epsilonText } from "./format.ts";

describe("figures as people read them", () => {
  test.each([
    [3.731, "3.74"],
    [3.73, "3.73"],
    [0, "0.00"],
    [0.0001, "0.01"],
    [4, "4.00"],
    [1.1, "1.10"],
  ])("ε %f is shown as %s: never less than was spent", (epsilon, text) => {
    expect(epsilonText(epsilon)).toBe(text);
  });

  test.each([
    [1e-4, "1e-4"],
    [1e-5, "1e-5"],
    [2.5e-6, "2.5e-6"],
  ])("δ %f is shown as %s", (delta, text) => {
    expect(deltaText(delta)).toBe(text);
  });

  test.each([
    [400, "under 1 s"],
    [42_000, "42 s"],
    [200_000, "3 min"],
    [7_500_000, "2 h 5 min"],
    [4 * 86_400_000, "4 days"],
  ])("%d ms is %s", (milliseconds, text) => {
    expect(durationText(milliseconds)).toBe(text);
  });

  test("the newest event is just now, an older one says its age", () => {
    expect(agoText(10_000, 10_500)).toBe("just now");
    expect(agoText(10_000, 13_000)).toBe("3 s ago");
  });
});
