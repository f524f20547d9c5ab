import { describe, expect, test } from "vitest";
import { csvText } from "./export.ts";

describe("a plot's data as CSV", () => {
  test("numbers keep all digits, missing ones are empty, lines end as RFC 4180 wants", () => {
    expect(
      csvText([
        ["round", "auc"],
        [10, 0.874321],
        [20, null],
      ]),
    ).toBe("round,auc\r\n10,0.874321\r\n20,\r\n");
  });

  test("commas and quotes are quoted; a formula stays text", () => {
    expect(csvText([['a "b", c', "=1+1", "-x"]])).toBe(`"a ""b"", c",'=1+1,'-x\r\n`);
  });
});
