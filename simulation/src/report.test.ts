import { rmSync } from "node:fs";
import { join } from "node:path";
import { Digest, StudyName } from "@consilium/shared/units/identity";
import { parse } from "csv-parse/sync";
import { afterAll, describe, expect, test } from "vitest";
import { spreadOf } from "./measure.ts";
import { type Point, pointsOf } from "./points.ts";
import { writeReport } from "./report.ts";
import type { RunResult } from "./result.ts";
import { heartSweep, newFolder, textOf } from "./sweep.test-support.ts";
import { readSweep } from "./sweepFile.ts";

const folder = newFolder();
afterAll(() => rmSync(folder, { recursive: true }));

function runOf(epsilon: number | null, attackAuc: number): RunResult {
  const digest = Digest.parse("ab".repeat(32));
  const part = { patients: 10, accuracy: 0.8, auc: 0.9 };
  return {
    ...{
      formatVersion: 1,
      processes: "simulated",
      study: StudyName.parse("heart"),
      studyDigest: digest,
      state: "released",
      reason: null,
    },
    ...{ rounds: 3, seconds: 1, epsilon, delta: 1e-4, recordEpsilon: null, sites: [], limit: 0.7, broken: [] },
    noised: { auc: null, accuracy: null, bestAttackAuc: { low: 0.4, value: 0.5, high: 0.6 }, gatePassed: true },
    exact: {
      ...{ train: part, held: part, heldOfSites: [], attacks: [], bestAttackAuc: attackAuc },
      curve: [1, 2].map((round) => ({ round, trainAccuracy: 0.5 + round / 10, heldAccuracy: 0.5 })),
    },
    ...{ ledger: { sequence: 12, hash: digest }, softwareVersion: "0.0.0" },
  };
}

const resultOf = (point: Point, ...runs: RunResult[]) => ({
  point,
  runs: runs.map((result, i) => ({ repetition: i + 1, folder: join(folder, "runs", point.id), result })),
  failures: [],
});

describe("[SIM5] what a sweep came to", () => {
  const sweep = readSweep(
    heartSweep(folder, {
      question: "Is <this> escaped?",
      vary: [{ name: "σ, noise", path: "privacy.noiseMultiplier", values: [3, 4] }],
      variants: [{ name: "private" }, { name: "open", train: "pooled", vary: false }],
      curve: 1,
      plots: [
        { title: "AUC", x: "epsilon", y: ["attackAuc"], by: "variant" },
        { title: "Bars", kind: "bars", y: ["attackAuc", "syntheticOnReal", "heldAccuracy"], variants: ["private"] },
        { title: "Curves", kind: "curves" },
      ],
    }),
  );
  const points = pointsOf(sweep);
  const [three, four, open] = points;
  if (three === undefined || four === undefined || open === undefined) throw new Error("there are three points");

  test("a row for each run with its ledger's head; a page and a drawing that hold each point once", async () => {
    const results = [
      resultOf(three, runOf(2, 0.55), runOf(2, 0.51)),
      resultOf(four, runOf(1, 0.5)),
      resultOf(open, runOf(null, 0.8)),
    ];
    const facts = { command: "c", software: "s", machine: "m", wallSeconds: 2, kept: 1, odd: ["<b> has few"] };
    const names = await writeReport(sweep, results, facts, folder);
    expect(names).toEqual(["figure-1.svg", "figure-2.svg", "figure-3.svg", "results.csv", "index.html"]);
    const rows: Record<string, string>[] = parse(textOf(join(folder, "results.csv")), { columns: true });
    expect(rows.map((row) => [row["σ, noise"], row.repetition, row.epsilon, row.attackAuc])).toEqual([
      ["3", "1", "2", "0.55"],
      ["3", "2", "2", "0.51"],
      ["4", "1", "1", "0.5"],
      ["", "1", "", "0.8"],
    ]);
    expect(rows[0]?.ledgerHash).toBe("ab".repeat(32));
    const page = textOf(join(folder, "index.html"));
    expect(page).toContain("Is &lt;this&gt; escaped?");
    expect(page).toContain("&lt;b&gt; has few");
    expect(page).toContain("0.530 (0.510 to 0.550)");
    expect(page).toContain("took 2 s and found 1 of them made before");
    expect(page).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/);
    // What has no ε is a level to compare with, not a point.
    expect(textOf(join(folder, "figure-1.svg")).match(/class="limit"/g)).toHaveLength(1);
    // Two points of the variant that is asked for, with two figures each; the median of two repetitions.
    const bars = textOf(join(folder, "figure-2.svg"));
    expect(bars.match(/x="300" y="[\d.]+" width/g)).toHaveLength(4);
    expect(bars).toContain(">0.530<");
    const curves = textOf(join(folder, "figure-3.svg"));
    expect(curves.match(/class="line s0" d="M[\d. ]+L/g)).toHaveLength(2);
  });

  test("medians, and the least and the largest; of nothing there is none", () => {
    const runs = [0.75, 0.5, 0.625, 0.875].map((auc) => runOf(1, auc));
    expect(spreadOf("attackAuc", runs)).toEqual({ median: 0.6875, low: 0.5, high: 0.875, count: 4 });
    expect(spreadOf("attackAuc", runs.slice(1))).toMatchObject({ median: 0.625, count: 3 });
    expect(spreadOf("epsilon", [runOf(null, 0.5)])).toBeNull();
  });
});
