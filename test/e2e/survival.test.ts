import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Consortium } from "../../simulation/processes/consortium.mjs";
import { recordsOf, writeStudy } from "../support/studyFile.ts";

const SITES = ["northeast", "south"];
const CUTS = [365, 730, 1095, 1461, 1826, 2557, 3652, 5479];

describe("[SUR1, SUR2, SUR3] a study of times, with real processes", () => {
  const folder = mkdtempSync(join(tmpdir(), "consilium-survival-"));
  const consortium = new Consortium(folder);

  beforeAll(async () => {
    await consortium.createCoordinator();
    const file = writeStudy("tcga-brca", folder, {
      name: "times",
      sites: SITES,
      set: {
        ...{ "training.rounds": 10, "training.minSites": 2, "evaluation.every": "10 rounds", "privacy.epsilon": 40 },
        ...{ "privacy.noiseMultiplier": 2, "evaluation.epsilon": 20, "audit.gates": { maxAttackAucUpper: 1 } },
      },
    });
    for (const site of SITES) {
      await consortium.enrol(site, {
        records: recordsOf("tcga-brca", site),
        dataset: "times",
        epsilon: 40,
        delta: 1e-3,
      });
      await consortium.startSite(site);
    }
    await consortium.beginStudy(file, "times", "times", SITES);
    const { state, reason } = await consortium.reached("times", ["released", "rejected", "paused"]);
    expect([state, reason]).toEqual(["released", "the audit passed the study's gate"]);
  }, 120_000);

  afterAll(async () => {
    await consortium.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("the consortium sees its concordance index with an interval, and the model card says it", async () => {
    const { points } = await consortium.view("/api/studies/times/metrics");
    expect(points).toHaveLength(1);
    expect(points[0]).toMatchObject({ round: 10, auc: null, accuracy: null, concordance: { state: "resolved" } });
    const { low, value, high } = points[0].concordance;
    expect(low).toBeLessThan(value);
    expect(value).toBeLessThan(high);
    const card = readFileSync(join(consortium.coordinatorFolder, "releases", "times", "README.md"), "utf8");
    expect(card).toContain("Concordance index, by intervals");
  });

  test("the release verifies, and predicts a falling curve and a risk from a table without any interval", async () => {
    const release = join(consortium.coordinatorFolder, "releases", "times");
    const table = join(folder, "new.csv");
    const [header = "", ...lines] = readFileSync(recordsOf("tcga-brca", "canada"), "utf8").trim().split("\n");
    // Without times, events and split: nobody has them yet.
    const known = (line: string) => line.split(",").slice(0, -3).join(",");
    writeFileSync(table, `${[header, ...lines.slice(0, 5)].map(known).join("\n")}\n`);
    const out = join(folder, "risks.csv");
    const args = ["predict", "--release", release, "--in", table, "--out", out, "--key", consortium.publicKey];
    expect(await consortium.processes.run("consilium-site", args)).toMatchObject({ code: 0 });
    const rows: Record<string, string>[] = parse(readFileSync(out), { columns: true });
    expect(rows).toHaveLength(5);
    for (const row of rows) {
      const curve = CUTS.map((cut) => Number(row[`survives_${cut}`]));
      expect(curve).toEqual([...curve].sort((a, b) => b - a));
      expect(curve.every((share) => share > 0 && share < 1)).toBe(true);
      expect(Number(row.risk)).toBeCloseTo(1 - curve.reduce((sum, share) => sum + share, 0) / CUTS.length, 9);
    }
  });
});
