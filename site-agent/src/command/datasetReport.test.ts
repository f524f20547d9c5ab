import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatasetId, StudyName } from "@consilium/shared/units/identity";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Looks } from "../http/looks.ts";
import { lastReport, makeReport } from "./datasetReport.ts";
import { type JoinedSite, joinedSite } from "./joinedSite.test-support.ts";

let site: JoinedSite;
beforeAll(async () => {
  site = await joinedSite({ isJson: false, say: () => undefined, result: () => undefined });
}, 120_000);
afterAll(() => rm(site.root, { recursive: true, force: true }));

const wanted = { study: StudyName.parse("heart-disease"), dataset: DatasetId.parse("heart") };

describe("[DAT36] a data set's report is kept at the site, for its owner alone", () => {
  test("none at first; then the last one, with the content that it was made of; a changed file shows", async () => {
    const looks = new Looks(site.context);
    expect((await looks.data()).datasets[0]).toMatchObject({ dataset: "heart", source: "table", report: null });
    const made = await makeReport(site.context, wanted);
    expect(made).toMatchObject({ records: 303, patients: 303, columnCount: 13 });
    expect(made.plots).toHaveLength(2);
    const [before] = (await looks.data()).datasets;
    expect(before?.report).toEqual(made);
    expect(before?.report?.content).toBe(before?.content);
    const file = join(site.context.folder.reports, "heart.json");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(site.context.folder.reports)).mode & 0o777).toBe(0o700);
    const records = await readFile(site.records, "utf8");
    await writeFile(site.records, records.trimEnd().split("\n").slice(0, -1).join("\n"));
    await makeReport(site.context, wanted);
    const [after] = (await looks.data()).datasets;
    expect(after?.report?.records).toBe(302);
    expect(after?.report?.content).not.toBe(after?.content);
  });

  test("what isn't a report of this version is none", async () => {
    await writeFile(join(site.context.folder.reports, "heart.json"), "{}");
    expect(await lastReport(site.context, wanted.dataset)).toBeNull();
  });
});
