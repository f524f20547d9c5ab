import { describe, expect, test } from "vitest";
import { type Bucket, fullBucket, takeToken } from "./rate.ts";

const rate = { perSecond: 10, burst: 5 };

function take(bucket: Bucket | undefined, count: number, nowMs: number): Bucket | undefined {
  let left = bucket;
  for (let index = 0; index < count; index++) left = left && takeToken(left, rate, nowMs);
  return left;
}

describe("[HND6] a site may send a burst, then as many messages as the rate allows", () => {
  test("the burst passes, one more doesn't", () => {
    expect(take(fullBucket(rate, 0), 5, 0)).toBeDefined();
    expect(take(fullBucket(rate, 0), 6, 0)).toBeUndefined();
  });

  test("after 300 ms three more pass", () => {
    const empty = take(fullBucket(rate, 0), 5, 0);
    expect(take(empty, 3, 300)).toBeDefined();
    expect(take(empty, 4, 300)).toBeUndefined();
  });

  test("a long silence saves up no more than a burst", () => {
    const empty = take(fullBucket(rate, 0), 5, 0);
    expect(take(empty, 5, 1e9)).toBeDefined();
    expect(take(empty, 6, 1e9)).toBeUndefined();
  });

  test("a clock that steps back fills nothing", () => {
    const empty = take(fullBucket(rate, 1000), 5, 1000);
    expect(take(empty, 1, 0)).toBeUndefined();
  });
});
