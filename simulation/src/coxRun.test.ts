import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { intervalPlaceOf } from "@consilium/shared/study/survival";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { SiteName } from "@consilium/shared/units/identity";
import { parse } from "csv-parse/sync";
import { afterAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { timedTrainingPatients } from "./coxRecords.ts";
import { simulateCox } from "./coxRun.ts";
import { keyOf, recordPaths } from "./order.ts";
import { pointsOf, studyAt } from "./points.ts";
import { splitKeyOf } from "./records.ts";
import { writeReport } from "./report.ts";
import { RunResult } from "./result.ts";
import { heartSweep, newFolder, onlyPoint, textOf } from "./sweep.test-support.ts";
import { readSweep } from "./sweepFile.ts";

const folder = newFolder();
afterAll(() => rmSync(folder, { recursive: true }));

const REGIONS = fileURLToPath(new URL("../../shared/studies/tcga-brca/", import.meta.url));

function regionsSweep(name: string, more: object): string {
  const into = join(folder, name);
  mkdirSync(into, { recursive: true });
  const path = join(into, "sweep.yaml");
  const file = { apiVersion: "consilium/v1", kind: "Sweep", name: "cox", question: "What does Cox say?" };
  writeFileSync(path, stringify({ ...file, study: join(REGIONS, "study.yaml"), ...more }));
  return path;
}

function regionsRun(name: string, more: object) {
  const { sweep, point } = onlyPoint(regionsSweep(name, more));
  const { document } = studyAt(sweep, point);
  const records = recordPaths(
    sweep,
    document.sites.map((site) => site.name),
  );
  const around = { records, random: operatingSystemRandom, repetition: 1, folder: join(folder, name, "run") };
  return { sweep, point, options: { document, ...around } };
}

const variants = [{ name: "open", train: "cox" }];

describe("[COX2] a Cox model beside a study of times", () => {
  // lifelines 0.30.3, CoxPHFitter(penalizer=…) on the same columns and exact days; its risks' index by the study's
  // intervals, pair by pair in Python: of all 222 held-out patients, and the mean over regions.
  test.each([
    [0.01, 0.845734445157152, 0.8102764260610975],
    [0.1, 0.8399615137908916, 0.7971406328082119],
    [1, 0.8226427196921103, 0.7649919524216209],
  ])("six regions, penalty %d: lifelines' index %d", async (penalty, ofAll, ofRegions) => {
    const { options } = regionsRun("index", { variants });
    const result = await simulateCox(options, penalty);
    const { train, held, concordance } = result.exact;
    expect([train.patients, held.patients]).toEqual([866, 222]);
    expect(concordance?.held).toBeCloseTo(ofAll, 9);
    const ofSites = concordance?.ofSites.map((site) => site.held ?? Number.NaN) ?? [];
    expect(ofSites.reduce((sum, value) => sum + value, 0) / ofSites.length).toBeCloseTo(ofRegions, 9);
  });

  test("nothing is promised, audited, charged or passed, and no record stays", async () => {
    const { options } = regionsRun("kept", { variants });
    const result = await simulateCox(options, 0.1);
    expect(result).toMatchObject({ state: "not-private", epsilon: null, sites: [], ledger: null });
    expect(result).toMatchObject({ noised: { bestAttackAuc: null, gatePassed: false } });
    expect(result.broken.join()).toContain("no gate");
    expect(readdirSync(options.folder).sort()).toEqual(["result.json", "study.json"]);
    expect(RunResult.parse(JSON.parse(textOf(join(options.folder, "result.json"))))).toEqual(result);
  });

  test("on the page it says what it is, and has neither gate nor ledger", async () => {
    const { sweep, point, options } = regionsRun("page", {
      variants,
      plots: [{ title: "Index", kind: "bars", y: ["heldConcordance"] }],
    });
    const result = await simulateCox(options, 0.1);
    const out = join(folder, "page", "out");
    const runs = [{ repetition: 1, folder: options.folder, result }];
    const facts = { command: "c", software: "s", machine: "m", wallSeconds: 1, kept: 0, odd: [] };
    await writeReport(sweep, [{ point, runs, failures: [] }], facts, out);
    const page = textOf(join(out, "index.html"));
    expect(page).toContain("none: no privacy, Cox, pooled");
    // No audit was made, which is not one that noise hides.
    expect(page).not.toContain("not resolvable");
    expect(textOf(join(out, "figure-1.svg"))).toContain("open");
    const rows: Record<string, string>[] = parse(textOf(join(out, "results.csv")), { columns: true });
    const [row = {}] = rows;
    expect(row).toMatchObject({ state: "not-private", ledgerHash: "", epsilon: "" });
    expect(Number(row.heldConcordance)).toBe(result.exact.concordance?.held);
  });
});

describe("[COX3] what it is fitted on", () => {
  test("exact times and events of training patients, past the last cut too; columns as the study scales them", async () => {
    const { document } = regionsRun("records", { variants }).options;
    const place = intervalPlaceOf(document.data);
    if (place === null) throw new Error("the study is of times");
    const path = join(REGIONS, "data", "south.csv");
    const found = await timedTrainingPatients(document.data, place, { path, splitKey: splitKeyOf(1, SOUTH) });
    const lines: Record<string, string>[] = parse(readFileSync(path), { columns: true });
    const expected = lines.flatMap((line) => (line.split === "train" ? [line] : []));
    expect(found.map(({ time, hadEvent }) => [time, hadEvent])).toEqual(
      expected.map(({ T, E }) => [Number(T), E === "1"]),
    );
    expect(found.some(({ time }) => time > 5479)).toBe(true);
    found.forEach(({ features }, i) => {
      expect(features).toHaveLength(39);
      expect(features[0]).toBeCloseTo((Number(expected[i]?.age_at_index) - 55) / 35, 6);
    });
  });
});

const SOUTH = SiteName.parse("south");

describe("[COX4] where it means nothing it is refused by name", () => {
  test.each([
    [{ variants: [{ name: "a", train: "pooled", penalty: 1 }] }, "variants[0].penalty: is for train: cox"],
    [{ variants: [{ name: "a", train: "cox", penalty: 0 }] }, "variants[0].penalty"],
    [{ variants, curve: 5 }, "variants[0].train: cox has no rounds"],
    [
      { variants: [{ ...variants[0], sanitize: { method: "dct-laplace", epsilon: 1, clip: 8 } }] },
      "variants[0].sanitize: is not for train: cox",
    ],
    [
      { variants: [{ ...variants[0], unproven: { clippingNorm: 1, noiseMultiplier: 1 } }] },
      "variants[0].unproven: is for train: pooled",
    ],
  ])("%j", (more, place) => {
    expect(() => readSweep(regionsSweep("refused", more))).toThrow(
      expect.objectContaining({ code: "sweep/invalid", message: expect.stringContaining(place) }),
    );
  });

  test("of a study without times, before anything is run", () => {
    const { sweep, point } = onlyPoint(heartSweep(folder, { variants }));
    expect(() => studyAt(sweep, point)).toThrow(
      expect.objectContaining({
        code: "sweep/cox-without-times",
        message: expect.stringContaining("Point 01-open asks for train: cox"),
      }),
    );
    expect(existsSync(join(folder, "runs"))).toBe(false);
  });

  test("another penalty is another run; without one it is .1", async () => {
    const sweep = readSweep(
      regionsSweep("keys", {
        variants: [...variants, { name: "b", train: "cox", penalty: 0.1 }, { name: "c", train: "cox", penalty: 2 }],
      }),
    );
    const points = pointsOf(sweep);
    expect(points.map(({ penalty }) => penalty)).toEqual([0.1, 0.1, 2]);
    const keys = await Promise.all(
      points.map((point) => {
        const order = { study: studyAt(sweep, point), point, repetition: 1, isReal: false, curve: undefined };
        return keyOf(order, new Map(), "1");
      }),
    );
    expect(keys[0]).toBe(keys[1]);
    expect(keys[2]).not.toBe(keys[1]);
  });
});
