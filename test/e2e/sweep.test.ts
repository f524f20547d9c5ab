import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { afterAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { Processes } from "../start/processes.mjs";
import { recordsOf, writeStudy } from "../support/studyFile.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-sweep-e2e-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SITES = ["cleveland", "hungarian"];
const out = join(folder, "results");

function sweepFile(records: Readonly<Record<string, string>>): string {
  const set = { "training.rounds": 2, "training.minSites": 2, "evaluation.every": "2 rounds" };
  const study = writeStudy("heart", folder, { name: "small", sites: SITES, set });
  const path = join(folder, "sweep.yaml");
  const head = { apiVersion: "consilium/v1", kind: "Sweep", name: "small", question: "Does it go on?" };
  const vary = [{ name: "σ", path: "privacy.noiseMultiplier", values: [4, 5] }];
  const plots = [{ title: "ε and accuracy", x: "epsilon", y: ["heldAccuracy"] }];
  writeFileSync(path, stringify({ ...head, study, records, vary, plots }));
  return path;
}

const sweep = (path: string, ...more: string[]) =>
  new Processes().run("consilium", ["study", "sweep", path, "--out", out, ...more]);
const right = Object.fromEntries(SITES.map((site) => [site, recordsOf("heart", site)]));

describe("[SIM6] a sweep, by its command", () => {
  test("a run that fails is told by its name and why, the others are carried out; then only that one is run", async () => {
    const only = await sweep(sweepFile(right), "--only", "sigma-4");
    expect(only).toMatchObject({ code: 0 });
    const kept = join(out, "runs", "01-study-sigma-4-r1", "result.json");
    const madeAt = statSync(kept).mtimeMs;
    const unfit = join(folder, "unfit.csv");
    const [header = "", ...lines] = readFileSync(recordsOf("heart", "hungarian"), "utf8").split("\n");
    writeFileSync(unfit, [header.replace("chol", "cholesterol"), ...lines].join("\n"));
    const failing = await sweep(sweepFile({ ...right, hungarian: unfit }), "--only", "sigma-5");
    expect(failing.code).toBe(1);
    expect(failing.stderr).toMatch(/02-study-sigma-5, repetition 1, failed: .*records of hungarian, don't meet/);
    const whole = await sweep(sweepFile(right));
    expect(whole).toMatchObject({ code: 0 });
    expect(whole.stderr).toContain("2 of 2 runs, 1 kept");
    expect(statSync(kept).mtimeMs).toBe(madeAt);
    const rows: Record<string, string>[] = parse(readFileSync(join(out, "results.csv")), { columns: true });
    expect(rows.map((row) => [row.σ, row.rounds])).toEqual([
      ["4", "2"],
      ["5", "2"],
    ]);
    const [less, more] = rows.map(({ trainingEpsilon }) => Number(trainingEpsilon));
    expect(less).toBeGreaterThan(more ?? Number.NaN);
  });

  test("a fault anywhere in the grid is found before anything is run", async () => {
    const path = sweepFile(right);
    writeFileSync(path, readFileSync(path, "utf8").replace("- 5", "- 0.01"));
    const refused = await sweep(path, "--out", join(folder, "none"));
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain("Point 02-study-sigma-0.01");
    expect(() => statSync(join(folder, "none"))).toThrow("ENOENT");
  });
});
