import { describe, expect, test } from "vitest";
import { figure, table, withSection } from "./page.ts";

const PAGE = [
  "By hand.",
  "<!-- engine: written by `npm run bench -- engine --write` -->",
  "",
  "old",
  "",
  "<!-- end of engine -->",
  "Also by hand.",
  "",
].join("\n");

describe("a written part of the page", () => {
  test("takes the place of the one before, and nothing else changes; twice is as once", () => {
    const once = withSection(PAGE, "engine", "\nnew $& figures\n\n");
    expect(once).toBe(PAGE.replace("old", () => "new $& figures"));
    expect(withSection(once, "engine", "new $& figures")).toBe(once);
  });

  test.each([
    ["no marks", "By hand."],
    ["no end", PAGE.replace("<!-- end of engine -->", "")],
    ["another part's", PAGE.replaceAll("engine", "growth")],
  ])("%s: refused, nothing is lost", (_, page) => {
    expect(() => withSection(page, "engine", "new")).toThrow(/has no lines <!-- engine/);
  });
});

test("a table", () => {
  expect(table(["a", "b"], [["1", "2"]])).toBe("| a | b |\n|---|---|\n| 1 | 2 |");
});

test.each([
  [0.1234, "0.12"],
  [12.34, "12.3"],
  [1234.5, "1,235"],
])("%d is shown as %s", (value, shown) => {
  expect(figure(value)).toBe(shown);
});
