import { describe, expect, test } from "vitest";
import { withDataFolder } from "./commandHint.ts";

const NAMED = "start|status|budget (?:show|cap)";
const told = (text: string, folder: string | null = "/srv/north") =>
  withDataFolder(text, "consilium-site", NAMED, folder);

describe("a hint carries the data folder that the command was given", () => {
  test.each([
    ["Start it: consilium-site start", "Start it: consilium-site start --data /srv/north"],
    [
      "See consilium-site status for its process; or consilium-site budget show.",
      "See consilium-site status --data /srv/north for its process; or consilium-site budget show --data /srv/north.",
    ],
    [
      "Set one: consilium-site budget cap heart --epsilon E",
      "Set one: consilium-site budget cap --data /srv/north heart --epsilon E",
    ],
    ["consilium-site start --data DIR", "consilium-site start --data DIR"],
    ["consilium-site started; consilium-site engine status", "consilium-site started; consilium-site engine status"],
  ])("%s", (text, expected) => expect(told(text)).toBe(expected));

  test("a folder with a space is quoted; without one nothing is added", () => {
    expect(told("consilium-site start", "/srv/st anna's")).toBe("consilium-site start --data '/srv/st anna'\\''s'");
    expect(told("consilium-site start", null)).toBe("consilium-site start");
  });
});
