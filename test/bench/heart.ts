/**
 * `npm run bench -- heart`: what privacy and federation cost in accuracy. Runs the demo (four hospitals, real processes,
 * real noise), predicts all test rows with the released model, and trains a central model without privacy on the same
 * rows. The test rows are public here; the demo itself is charged nothing for this comparison.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { centralLogistic, exactMetrics, labelOf, type Row, type Scored } from "./measure/centralLogistic.ts";
import { quantile } from "./measure/quantile.ts";
import { printReport } from "./measure/report.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const DATA = join(ROOT, "shared", "studies", "heart", "data");
const SITES = ["cleveland", "hungarian", "switzerland", "va"];
const RUNS = 5;

const Outcome = z.object({ seconds: z.number(), release: z.object({ path: z.string() }) });

export async function run({ json }: { readonly json: boolean }): Promise<void> {
  const rows = new Map(SITES.map((site) => [site, rowsOf(join(DATA, `${site}.csv`))]));
  const central = exactMetrics(centralLogistic([...rows.values()].flat()));
  const runs = Array.from({ length: RUNS }, () => trainPrivately(rows));
  const cases = (["auc", "accuracy"] as const).map((metric) => {
    const values = runs.map((one) => one[metric]);
    const median = quantile(values, 0.5);
    return {
      name: `heart disease, all test rows: ${metric}`,
      backend: "wasm",
      unit: metric,
      median,
      p10: quantile(values, 0.1),
      p90: quantile(values, 0.9),
      runs: RUNS,
      peakRssMiB: 0,
      reference: { name: "central, no privacy", median: central[metric], ratio: median / central[metric] },
      skipped: null,
    };
  });
  printReport("heart", cases, json);
}

/** One demo, start to end; the release that it leaves is deleted afterwards. */
function trainPrivately(rows: ReadonlyMap<string, readonly Row[]>): { auc: number; accuracy: number } {
  const demo = spawnSync(process.execPath, [join(ROOT, "test", "start", "demo.mjs"), "--headless", "--json"], {
    encoding: "utf8",
  });
  if (demo.status !== 0) throw new Error(`the demo ended with exit code ${demo.status}:\n${demo.stderr}`);
  const { release } = Outcome.parse(JSON.parse(demo.stdout.trim().split("\n").at(-1) ?? ""));
  const folder = dirname(release.path);
  try {
    return exactMetrics([...rows].flatMap(([site, records]) => predicted(site, records, release.path)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Scores of one hospital's test rows, by the command that a hospital would use. */
function predicted(site: string, records: readonly Row[], release: string): Scored[] {
  const scratch = mkdtempSync(join(tmpdir(), "consilium-bench-"));
  const out = join(scratch, "predictions.csv");
  const key = join(dirname(release), "consortium.pub");
  const command = [join(ROOT, "site-agent", "bin", "consilium-site.js"), "predict", "--release", release];
  const files = ["--in", join(DATA, `${site}.csv`), "--out", out, "--key", key];
  const { status, stderr } = spawnSync(process.execPath, [...command, ...files], { encoding: "utf8" });
  if (status !== 0) throw new Error(`predict ended with exit code ${status}:\n${stderr}`);
  const scores = rowsOf(out).map(({ p_1 }) => Number(p_1));
  rmSync(scratch, { recursive: true });
  return records.flatMap((row, i) => (row.split === "test" ? [{ label: labelOf(row), score: scores[i] ?? 0 }] : []));
}

function rowsOf(path: string): Row[] {
  const [header = "", ...lines] = readFileSync(path, "utf8").trim().split("\n");
  const names = header.split(",");
  return lines.map((line) => Object.fromEntries(line.split(",").map((cell, i) => [names[i] ?? "", cell])));
}

await run({ json: process.argv.includes("--json") });
