import { describe, expect, test } from "vitest";
import { benchOptions, chosen, countOption } from "./command.ts";

const NAMES = ["DeepType, batch 64", "ResNet-18, batch 16"];

describe("a benchmark's options", () => {
  test("none, and all that there are", () => {
    expect(benchOptions([], NAMES)).toEqual({ json: false, write: false, only: undefined });
    expect(benchOptions(["--json", "--write"], NAMES)).toEqual({ json: true, write: true, only: undefined });
    expect(benchOptions(["--only", "resnet"], NAMES).only).toBe("resnet");
  });

  test("cases are chosen by a part of their names, all where none is given", () => {
    expect(chosen(NAMES, "deeptype")).toEqual(["DeepType, batch 64"]);
    expect(chosen(NAMES, undefined)).toEqual(NAMES);
  });

  test.each([
    { args: ["--nope"], what: /--nope/, remedy: /--only CASE/ },
    { args: ["fast"], what: /fast/, remedy: /--only CASE/ },
    { args: ["--only", "vgg"], what: /No case's name contains "vgg"/, remedy: /DeepType.*ResNet/ },
    { args: ["--write", "--only", "resnet"], what: /holes/, remedy: /Leave one/ },
  ])("$args is refused in words", ({ args, what, remedy }) => {
    expect(() => benchOptions(args, NAMES)).toThrow(
      expect.objectContaining({
        kind: "usage",
        message: expect.stringMatching(what),
        remedy: expect.stringMatching(remedy),
      }),
    );
  });
});

describe("a count among the options", () => {
  test("is taken out wherever it stands; without it the usual one", () => {
    expect(countOption(["--json", "--charges", "500", "--write"], "--charges", 7)).toEqual({
      count: 500,
      rest: ["--json", "--write"],
    });
    expect(countOption(["--json"], "--charges", 7)).toEqual({ count: 7, rest: ["--json"] });
  });

  test.each([[[]], [["0"]], [["1e6"]], [["-3"]], [["--json"]]])("followed by %j it is refused", (after) => {
    expect(() => countOption(["--charges", ...after], "--charges", 7)).toThrow(/whole number/);
  });
});
