import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Consortium } from "../../simulation/processes/consortium.mjs";
import { recordsOf, writeStudy } from "../support/studyFile.ts";

const SITES = ["dogwood", "elm"];
const Shown = z.object({ state: z.string(), committedRounds: z.number() });

describe("[GEN2, GEN11] synthetic records made by real processes, one of them killed", () => {
  const folder = mkdtempSync(join(tmpdir(), "consilium-synthetic-"));
  const consortium = new Consortium(folder);
  const release = (): string => join(consortium.coordinatorFolder, "releases", "made");
  const verify = (path: string) =>
    consortium.processes.run("consilium", [
      "verify",
      path,
      "--key",
      join(consortium.coordinatorFolder, "consortium.pub"),
    ]);

  beforeAll(async () => {
    await consortium.createCoordinator();
    const file = writeStudy("trial", folder, {
      name: "made",
      sites: SITES,
      set: {
        ...{ "training.rounds": 12, "training.minSites": 2, "evaluation.every": "12 rounds", "privacy.epsilon": 6 },
        ...{ "generator.keepEvery": 4, "generator.best": 2, "generator.records": 120 },
        "audit.gates": { maxAttackAucUpper: 1 },
      },
    });
    for (const site of SITES) {
      await consortium.enrol(site, { records: recordsOf("trial", site), dataset: "trial", epsilon: 12, delta: 1e-4 });
      await consortium.startSite(site);
    }
    await consortium.beginStudy(file, "made", "trial", SITES);
    await reachedRound(6);
    await killed(consortium.coordinator);
    await consortium.startCoordinator();
    await consortium.reached("made", ["released", "rejected", "paused"]);
  }, 120_000);

  afterAll(async () => {
    await consortium.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("the release has them as CSV and Parquet, with a card, and verifies", async () => {
    const lines = readFileSync(join(release(), "synthetic", "records.csv"), "utf8")
      .trim()
      .split("\n");
    expect(lines).toHaveLength(121);
    expect(lines[0]?.split(",").at(-1)).toBe("arm");
    expect(
      readFileSync(join(release(), "synthetic", "records.parquet"))
        .subarray(0, 4)
        .toString(),
    ).toBe("PAR1");
    const card = readFileSync(join(release(), "synthetic", "README.md"), "utf8");
    expect(card).toContain("A logistic regression trained on them alone, tried on real patients");
    const verified = await verify(release());
    expect(verified.stdout).toContain("ok      synthetic");
    expect(verified.code).toBe(0);
  });

  test("a synthetic record that was altered is named", async () => {
    const copy = join(folder, "copy");
    cpSync(release(), copy, { recursive: true });
    const file = join(copy, "synthetic", "records.csv");
    writeFileSync(file, readFileSync(file, "utf8").replace("standard", "intensive"));
    const refused = await verify(copy);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toContain("synthetic/records.csv");
  });

  test("they can be held against a site's own records", async () => {
    const args = [
      "audit",
      "synthetic",
      "--synthetic",
      join(release(), "synthetic", "records.csv"),
      "--label",
      "arm",
      "--json",
    ];
    const tables = ["--members", recordsOf("trial", "elm"), "--non-members", recordsOf("trial", "dogwood")];
    const { code, stdout } = await consortium.processes.run("consilium", [...args, ...tables]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ counts: "exact", records: { synthetic: 120, members: 602 } });
  });

  async function reachedRound(round: number): Promise<void> {
    for (let tries = 0; tries < 200; tries++) {
      const shown = Shown.parse(await consortium.consilium(["study", "show", "made"]));
      if (shown.committedRounds >= round) {
        expect(shown.state).toBe("training");
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`round ${round} wasn't reached`);
  }
});

async function killed(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
