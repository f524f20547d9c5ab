import { describe, expect, test } from "vitest";
import { NATIVE_ENVIRONMENT, poolBytesMax } from "./nativeEnvironment.ts";

const GIB = 2 ** 30;

describe("[ENG24] libtensorflow's memory is bounded by half of what its process may have", () => {
  test.each([
    ["the machine's, without a limit", 16 * GIB, undefined, 8 * GIB],
    ["the machine's, where the limit is told as 0", 16 * GIB, 0, 8 * GIB],
    ["the control group's", 16 * GIB, 6 * GIB, 3 * GIB],
    ["the machine's, where a group's limit is 'none' as a number", 16 * GIB, 2 ** 63, 8 * GIB],
  ])("%s", (_, total, constrained, expected) => expect(poolBytesMax(total, constrained)).toBe(expected));

  test("the engine's process gets the bound, and float32 stays float32", () => {
    expect(Number(NATIVE_ENVIRONMENT.TF_MKL_ALLOC_MAX_BYTES)).toBeGreaterThan(2 ** 27);
    expect(NATIVE_ENVIRONMENT.NVIDIA_TF32_OVERRIDE).toBe("0");
  });
});
