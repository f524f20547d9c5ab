import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure } from "@consilium/shared/failure/failure";
import { overlapLines } from "@consilium/shared/plan/overlapLines";
import { planStudy } from "@consilium/shared/plan/planStudy";
import { StudyDocument } from "@consilium/shared/study/document";
import { epsilonText } from "@consilium/shared/units/epsilonText";
import { readStudyFile } from "@consilium/storage/studyFile";
import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { checkData, describeData } from "./data.ts";
import type { Output } from "./output.ts";
import { checkStudy } from "./studyCheck.ts";

const STUDIES = fileURLToPath(new URL("../../../shared/studies/", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "consilium-check-"));
afterAll(() => rmSync(folder, { recursive: true }));

const Result = z.object({
  epsilon: z.object({ train: z.number() }),
  layers: z.array(z.string()),
  leaves: z.array(z.string()),
  contract: z.object({
    records: z.number(),
    patients: z.number(),
    violated: z.boolean(),
    parts: z.object({ train: z.number() }),
  }),
});

/** What a check writes, and how it fails, if it does. */
async function check(
  file: string,
  data: string,
  site?: string,
): Promise<{ value: z.infer<typeof Result>; text: string; failure: Failure | null }> {
  const results: { value: unknown; lines: readonly string[] }[] = [];
  const output: Output = { isJson: false, result: (value, lines) => results.push({ value, lines }), say: () => {} };
  const failure = await checkStudy(output, { file, data, site }).then(
    () => null,
    (error: unknown) => {
      if (error instanceof Failure) return error;
      throw error;
    },
  );
  const [only] = results;
  if (only === undefined) throw failure ?? new Error("nothing was written");
  return { value: Result.parse(only.value), text: only.lines.join("\n"), failure };
}

const heart = join(STUDIES, "heart/study.yaml");
const cleveland = join(STUDIES, "heart/data/cleveland.csv");

describe("[ACC17] whoever signs is told what a patient at several sites pays", () => {
  const overlap = [
    ["cleveland", "va"],
    ["hungarian", "switzerland"],
  ].map((sites) => ({ sites }));
  const shared = StudyDocument.parse({ ...readStudyFile(heart).document, overlap });

  test("of each group that the site is in: more than at one site, and by the plan's own figure", () => {
    const [line, ...others] = overlapLines(shared, "va");
    expect(others).toEqual([]);
    const { epsilon, overlap: figures } = planStudy(shared, { noiseWasAuto: false });
    expect(figures[0]?.epsilon).toBeGreaterThan(epsilon.train ?? Number.NaN);
    expect(line).toContain(`cleveland + va, all at once: up to ε = ${epsilonText(figures[0]?.epsilon ?? 0)} at δ`);
    expect(overlapLines(shared)).toHaveLength(2);
    expect(overlapLines(readStudyFile(heart).document)).toEqual([]);
  });
});

describe("[DAT12] study check, offline", () => {
  test.each([
    ["cleveland", 303, 212],
    ["hungarian", 294, 206],
    ["switzerland", 123, 86],
    ["va", 200, 140],
  ])("the heart data of %s meet the contract", async (site, records, train) => {
    const { value, text, failure } = await check(heart, join(STUDIES, `heart/data/${site}.csv`), site);
    expect(failure).toBeNull();
    expect(value.contract).toMatchObject({ records, patients: records, violated: false, parts: { train } });
    expect(text).toContain(`${records} records`);
  });

  test.each([1, 2, 3, 4, 5])("the data of cohort %s meet the DeepType study's", async (cohort) => {
    const data = join(STUDIES, `deeptype-metabric/data/cohort-${cohort}.csv`);
    const { value, text, failure } = await check(
      join(STUDIES, "deeptype-metabric/study.yaml"),
      data,
      `cohort-${cohort}`,
    );
    expect(failure).toBeNull();
    expect(text).not.toContain("patients-differ");
    expect(value.layers.map((line) => line.split(":")[0])).toEqual(["hidden-1", "hidden-2", "output", "centroids"]);
  });

  test("says how each layer is clipped, what leaves and what it costs", async () => {
    const { value, text } = await check(heart, cleveland, "cleveland");
    expect(value.layers).toEqual([
      "output: dense 29 → 1, 30 parameters; norm from its inputs and output gradients, no patient's gradient is formed",
    ]);
    expect(value.leaves.join(" ")).toMatch(/60 contributions of \d+ bytes/);
    expect(value.epsilon.train).toBeCloseTo(3.76, 2);
    expect(text).toContain("of ε = 4 at δ = 0.0001: training patients 3.761");
  });

  test("violated: a table with counts, no value, and exit code 3", async () => {
    const broken = join(folder, "broken.csv");
    writeFileSync(
      broken,
      readFileSync(cleveland, "utf8").replace("cleveland,63.0", "cleveland,Secret").replace(",train", ",somewhere"),
    );
    const { text, failure, value } = await check(heart, broken);
    expect(failure?.exitCode).toBe(3);
    expect(value.contract.violated).toBe(true);
    expect(text).toMatch(/error +age +1 +records whose value is no number/);
    expect(text).toMatch(/error +split +1 +records whose split is neither/);
    expect(`${text}${failure?.message}`).not.toMatch(/Secret|somewhere/);
  });

  test("[DAT18] what a data set's file has no rule for is a violation, and data check shows it too", async () => {
    const named = join(folder, "named.csv");
    const renamed = readFileSync(cleveland, "utf8").replace(/^(.*?)\bsex\b/, "$1Geschlecht");
    writeFileSync(named, renamed);
    const file = join(folder, "named.yaml");
    const write = (recode: string) =>
      writeFileSync(
        file,
        "apiVersion: consilium/v1\nkind: Dataset\nsource: { table: { file: named.csv } }\n" +
          `harmonise: { sex: { from: Geschlecht, recode: ${recode} } }\n`,
      );
    write("{ 0: 0, 1: 1 }");
    expect((await check(heart, file)).failure).toBeNull();
    write("{ 0: 0 }");
    const { failure, text } = await check(heart, file);
    expect(failure?.exitCode).toBe(3);
    expect(text).toMatch(/error +sex +206 +records whose value the data set's file doesn't recode/);
    const lines: string[] = [];
    await checkData({ isJson: false, result: (_, told) => lines.push(...told), say: () => {} }, file);
    expect(lines.join("\n")).toMatch(/sex +206 +records whose value/);
  });

  test("data without a record are told, then refused", async () => {
    const file = join(folder, "none-at-all.csv");
    writeFileSync(file, "age,sex\n");
    const lines: string[] = [];
    const checked = checkData({ isJson: false, result: (_, told) => lines.push(...told), say: () => {} }, file);
    await expect(checked).rejects.toMatchObject({ code: "data/no-records", exitCode: 3 });
    expect(lines[0]).toBe("0 records");
  });

  test("a site that the study doesn't name, a missing study, missing data", async () => {
    await expect(check(heart, cleveland, "nowhere")).rejects.toThrow("has no site 'nowhere'");
    await expect(check(join(folder, "none.yaml"), cleveland)).rejects.toThrow("can't be read");
    await expect(check(heart, join(folder, "none.csv"))).rejects.toThrow("no such data file");
  });
});

describe("[DAT13] a description of local data", () => {
  test("types, missing values and what looks like an identifier", async () => {
    const path = join(folder, "described.csv");
    const rows = Array.from(
      { length: 40 },
      (_, i) => `${i / 2},${i % 3},${i % 2 === 0 ? "a" : ""},word ${i},,p${i}@x.example`,
    );
    writeFileSync(
      path,
      `size,stage,arm,remark_code,nothing,contact,contact\n${rows.map((row) => `${row},x`).join("\n")}\n`,
    );
    const { rows: count, columns } = await describeData(path);
    expect(count).toBe(40);
    expect(columns.map(({ name, type, missing }) => `${name} ${type} ${missing}`)).toEqual([
      "size number 0",
      "stage category 0",
      "arm category 20",
      "remark_code text 0",
      "nothing empty 40",
    ]);
    writeFileSync(path, `contact,x\n${rows.map((row) => `${row.split(",")[5]},1`).join("\n")}\n`);
    expect((await describeData(path)).columns[0]?.identifier).toBe("e-mail");
  });
});

describe("[DAT12] both as commands", () => {
  test("write one result", async () => {
    const results: string[] = [];
    const outputOf = ({ json = false }: { readonly json?: boolean }): Output => ({
      isJson: json,
      result: (value, lines) => results.push(json ? JSON.stringify(value) : lines.join("\n")),
      say: () => {},
    });
    await checkStudy(outputOf({ json: true }), { file: heart, data: cleveland, site: "cleveland" });
    await checkData(outputOf({}), cleveland);
    expect(Result.parse(JSON.parse(results[0] ?? "")).contract.patients).toBe(303);
    expect(results[1]).toMatch(/303 records[\s\S]*thal +category +2/);
  });
});
