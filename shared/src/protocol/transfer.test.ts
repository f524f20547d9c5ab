import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { digestOf } from "../encoding/digest.ts";
import { TRANSFER_BYTES_MAX } from "./limits.ts";
import { formatContentRange, parseContentRange, parseRange, transferTarget } from "./transfer.ts";

const digest = digestOf("bytes");

describe("[HND7] a transfer names its bytes by digest and its place by range; any other form is refused", () => {
  test.each([
    { path: `/transfer/upload/${digest}`, target: { kind: "upload", digest } },
    { path: `/transfer/blob/${digest}`, target: { kind: "blob", digest } },
    { path: `/transfer/blob/${digest}/`, target: undefined },
    { path: `/transfer/blob/../${digest}`, target: undefined },
    { path: `/transfer/blob/${digest.toUpperCase()}`, target: undefined },
    { path: "/transfer/blob/", target: undefined },
    { path: `/${digest}`, target: undefined },
  ])("$path", ({ path, target }) => {
    expect(transferTarget(path)).toEqual(target);
  });

  test.each([
    undefined,
    "",
    "bytes 0-9/*",
    "bytes 5-3/4",
    "bytes 0-8/10",
    "bytes 0-9/10 ",
    `bytes 0-${TRANSFER_BYTES_MAX}/${TRANSFER_BYTES_MAX + 1}`,
  ])("content range %j is refused", (value) => {
    expect(parseContentRange(value)).toBeUndefined();
  });

  test("a content range reads back as written", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: TRANSFER_BYTES_MAX }), fc.nat(), (total, any) => {
        const range = { start: any % total, total };
        expect(parseContentRange(formatContentRange(range))).toEqual(range);
      }),
    );
  });

  test.each([
    { value: undefined, start: 0 },
    { value: "bytes=12-", start: 12 },
    { value: "bytes=12-20", start: undefined },
    { value: "bytes=-5", start: undefined },
  ])("range $value", ({ value, start }) => {
    expect(parseRange(value)).toBe(start);
  });
});
