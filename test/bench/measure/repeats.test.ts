import { describe, expect, test } from "vitest";
import { repeated } from "./repeats.ts";

describe("repeated", () => {
  /** Each step takes a second of a clock that stands still otherwise, and says which one it was. */
  const run = async (of: { warmUp: number; least: number; most: number; seconds: number }) => {
    let calls = 0;
    const step = async () => ++calls;
    return repeated(step, of, () => 1000 * calls);
  };

  test.each([
    {
      name: "at least so often, however long it takes",
      of: { warmUp: 0, least: 3, most: 9, seconds: 1 },
      kept: [1, 2, 3],
    },
    { name: "on while there is time", of: { warmUp: 0, least: 1, most: 9, seconds: 4 }, kept: [1, 2, 3, 4] },
    { name: "no more than so often", of: { warmUp: 0, least: 1, most: 2, seconds: 99 }, kept: [1, 2] },
    {
      name: "without the warm-up, whose time is not counted",
      of: { warmUp: 2, least: 1, most: 9, seconds: 2 },
      kept: [3, 4],
    },
  ])("$name", async ({ of, kept }) => {
    expect(await run(of)).toEqual(kept);
  });
});
