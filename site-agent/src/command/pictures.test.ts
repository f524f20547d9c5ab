import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { DatasetId } from "@consilium/shared/units/identity";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type JoinedSite, joinedSite } from "./joinedSite.test-support.ts";
import { pictures, readingOf } from "./pictures.ts";

const lines: string[] = [];
let site: JoinedSite;
beforeAll(async () => {
  site = await joinedSite({ isJson: false, say: () => undefined, result: (_, told) => void lines.push(...told) });
});
afterAll(() => rm(site.root, { recursive: true, force: true }));
beforeEach(() => void lines.splice(0));

/** Keeps one picture of a data set. */
async function keep(name: string): Promise<void> {
  const reading = await readingOf(site.context, DatasetId.parse(name)).cache?.reading([1, 1, 1], {});
  const picture = { shape: [1, 1, 1], values: Float32Array.of(7) };
  await reading?.picturesOf(await readFile(import.meta.filename), async () => [picture]);
}

describe("[DAT35] what is kept of decoded pictures is told and removed", () => {
  test("nothing, then each data set's, then one removed, then all", async () => {
    await pictures(site.context, undefined, false);
    expect(lines.splice(0)).toEqual(["No decoded picture is kept."]);
    await keep("films");
    await keep("scans");
    await pictures(site.context, undefined, false);
    expect(lines.splice(0)).toEqual(["data set  files  size", "films     1      1 MiB", "scans     1      1 MiB"]);
    await pictures(site.context, "films", true);
    expect(lines.splice(0).at(-1)).toMatch(/^Removed/);
    await pictures(site.context, "films", false);
    expect(lines.splice(0)).toEqual(["No decoded picture is kept of films."]);
    await pictures(site.context, undefined, true);
    await pictures(site.context, undefined, false);
    expect(lines.at(-1)).toBe("No decoded picture is kept.");
  });

  test("they lie in the site's own data folder", () => {
    const { cache } = readingOf(site.context, DatasetId.parse("films"));
    expect(cache).toMatchObject({ folder: join(site.context.folder.path, "pictures", "films") });
  });
});
