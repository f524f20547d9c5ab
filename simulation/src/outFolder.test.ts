import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { takeOutFolder } from "./outFolder.ts";
import { newFolder } from "./sweep.test-support.ts";

const folder = newFolder();
afterAll(() => rmSync(folder, { recursive: true }));

test("a new folder, made with those above it, and the same again for the same sweep", () => {
  const out = join(folder, "a", "b");
  takeOutFolder(out, "noise")();
  takeOutFolder(out, "noise")();
  expect(existsSync(join(out, "sweep.lock"))).toBe(false);
});

test("another sweep's results, or anybody's files, are refused and left as they are", () => {
  const out = join(folder, "taken");
  takeOutFolder(out, "noise")();
  expect(() => takeOutFolder(out, "epsilon")).toThrow("holds results of sweep noise");
  const foreign = join(folder, "foreign");
  mkdirSync(foreign);
  writeFileSync(join(foreign, "index.html"), "mine");
  expect(() => takeOutFolder(foreign, "noise")).toThrow("holds other files");
  expect(readFileSync(join(foreign, "index.html"), "utf8")).toBe("mine");
});

test("while another command writes there it is refused; a lock that a dead one left is no hindrance", () => {
  const out = join(folder, "busy");
  const giveBack = takeOutFolder(out, "noise");
  expect(() => takeOutFolder(out, "noise")).toThrow("Another sweep is writing");
  giveBack();
  // Beyond every system's largest process number.
  writeFileSync(join(out, "sweep.lock"), "999999999\n");
  takeOutFolder(out, "noise")();
});

test("a file, or a place where nothing can be made, is told at once", () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  expect(() => takeOutFolder(file, "noise")).toThrow("can't be written");
  expect(() => takeOutFolder(join(file, "below"), "noise")).toThrow("can't be written");
});
