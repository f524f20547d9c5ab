import { describe, expect, test } from "vitest";
import { epsilonLeftText, epsilonText } from "./epsilonText.ts";

describe("ε is never shown smaller than it is, nor more left than there is", () => {
  test.each([
    [3.7603, 3, "3.761"],
    [3.7601, 2, "3.77"],
    [1.1, 3, "1.100"],
    [4, 3, "4.000"],
    [0, 3, "0.000"],
    [1e-5, 3, "0.001"],
    [1.43811, 4, "1.4382"],
    [Number.POSITIVE_INFINITY, 3, "Infinity"],
  ])("ε %f to %d digits", (epsilon, digits, text) => expect(epsilonText(epsilon, digits)).toBe(text));

  test.each([
    [0.2397, "0.239"],
    [1.1, "1.100"],
    [0, "0.000"],
  ])("%f left", (left, text) => expect(epsilonLeftText(left)).toBe(text));
});
