import { describe, expect, test } from "vitest";
import { bytes, integer, message, text, wholeOf, within } from "./protobuf.ts";

/** The examples of the format's own description, protobuf.dev/programming-guides/encoding. */
describe("[REL9] messages are encoded as the format describes", () => {
  test.each([
    ["150 in field 1", integer(1, 150), "089601"],
    ["a text in field 2", text(2, "testing"), "120774657374696e67"],
    ["a message in field 3", within(3, integer(1, 150)), "1a03089601"],
    ["−2 as two's complement of 64 bits", integer(1, -2), "08feffffffffffffffff01"],
    ["field 20, of two bytes", integer(20, 2), "a00102"],
    ["nothing", message(), ""],
    ["one field after another", message(integer(1, 1), bytes(2, Uint8Array.of(0, 255))), "0801120200ff"],
  ])("%s", (_, encoded, expected) => {
    expect(Buffer.from(wholeOf(encoded)).toString("hex")).toBe(expected);
  });
});
