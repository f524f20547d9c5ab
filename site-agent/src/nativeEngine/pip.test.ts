import { describe, expect, test } from "vitest";
import { LIBRARY_PIN } from "./pins.ts";
import { downloadArguments, pipFailure, progressOf, tellsProgress } from "./pip.ts";

describe("what pip says", () => {
  test.each([
    ["pip 23.2.1 from /usr/lib/python3/dist-packages/pip (python 3.11)", false],
    ["pip 24.0 from /usr/lib (python 3.12)", false],
    ["pip 24.1b1 from /usr/lib (python 3.12)", true],
    ["pip 25.3 from /usr/lib (python 3.13)", true],
    ["something else", false],
  ])("%s: raw progress is %s", (line, expected) => expect(tellsProgress(line)).toBe(expected));

  test.each([
    ["Progress 1024 of 4096", 0.25],
    ["  Progress 4096 of 4096", 1],
    ["Progress 5 of 0", null],
    ["Downloading tensorflow_cpu-2.21.0.whl (273.8 MB)", null],
  ])("%s is %s of the whole", (line, expected) => expect(progressOf(line)).toBe(expected));

  test.each([
    ["engine/no-index", "WARNING: Retrying … NewConnectionError('…: Temporary failure in name resolution')"],
    ["engine/no-index", "ERROR: Could not find a version that satisfies … tensorflow-cpu (from versions: none)"],
    ["engine/no-wheel", "ERROR: No matching distribution found for tensorflow-cpu==2.21.0"],
    ["engine/no-room", "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"],
    ["engine/pip-failed", "ERROR: something that nobody has seen yet"],
  ])("%s", (code, line) => {
    const failure = pipFailure("tensorflow-cpu==2.21.0", { tail: ["Looking in indexes", line, ""] });
    expect(failure).toMatchObject({ code, kind: "unreachable" });
    expect(failure.remedy).not.toBe("");
  });

  test("a network that fails is told before the wheel that it therefore didn't find", () => {
    const tail = ["NewConnectionError: …", "ERROR: No matching distribution found for tensorflow-cpu==2.21.0"];
    expect(pipFailure("tensorflow-cpu==2.21.0", { tail }).code).toBe("engine/no-index");
  });

  test("an unknown failure is told in pip's own words", () => {
    expect(pipFailure("x==1", { tail: ["ERROR: the disk is on fire", "hint"] }).message).toContain("on fire");
  });
});

describe("[ENG20] pip is asked for one file, whatever Python it runs on", () => {
  test.each([true, false])("arguments, progress %s", (tells) => {
    const pip = { command: "python3", args: ["-m", "pip"], tellsProgress: tells };
    const args = downloadArguments(pip, LIBRARY_PIN.cpu.requirement, "/to");
    expect(args.slice(0, 3)).toEqual(["-m", "pip", "download"]);
    expect(args).toEqual(expect.arrayContaining(["--no-deps", "--only-binary=:all:", "3.11", "manylinux_2_27_x86_64"]));
    expect(args.slice(-3)).toEqual(["--dest", "/to", "tensorflow-cpu==2.21.0"]);
    expect(args[args.indexOf("--progress-bar") + 1]).toBe(tells ? "raw" : "off");
    expect(args.join(" ")).not.toMatch(/index-url|https?:/);
  });
});
