import { describe, expect, test } from "vitest";
import { runnable } from "./command.ts";

describe("a command to copy names the data folder that it needs", () => {
  test.each([
    ["consilium study watch heart", "/srv/consilium", "consilium study watch heart --data /srv/consilium"],
    ["consilium budget show", null, "consilium budget show --data DIR"],
    ["consilium ca list", "/srv/our data", "consilium ca list --data '/srv/our data'"],
    ["consilium ca list", "/it's", "consilium ca list --data '/it'\\''s'"],
    ["consilium verify releases/heart --key k", "/srv", "consilium verify releases/heart --key k"],
    ["consilium-site study approve heart", "/srv", "consilium-site study approve heart --data DIR"],
  ])("%s in %s", (command, folder, text) => {
    expect(runnable(command, { consilium: folder })).toBe(text);
  });

  test("a site's command names the site's folder, never the coordinator's", () => {
    const folders = { consilium: "/srv/consortium", "consilium-site": "/srv/basel" };
    expect(runnable("consilium-site budget show", folders)).toBe("consilium-site budget show --data /srv/basel");
  });
});
