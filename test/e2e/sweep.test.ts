import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LedgerEntry } from "@consilium/shared/ledger/entry";
import { RunResult } from "@consilium/simulation/result";
import { parse } from "csv-parse/sync";
import { afterAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { COMMANDS, Processes } from "../../simulation/processes/processes.mjs";
import { recordsOf, writeStudy } from "../support/studyFile.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-sweep-e2e-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SITES = ["cleveland", "hungarian"];
const out = join(folder, "results");

function sweepFile(records: Readonly<Record<string, string>>, more: object = {}): string {
  const short = { "training.rounds": 2, "training.minSites": 2, "evaluation.every": "2 rounds" };
  const set = { ...short, "audit.gates.maxAttackAucUpper": 1 };
  const study = writeStudy("heart", folder, { name: "small", sites: SITES, set });
  const path = join(folder, "sweep.yaml");
  const head = { apiVersion: "consilium/v1", kind: "Sweep", name: "small", question: "Does it go on?" };
  const vary = [{ name: "σ", path: "privacy.noiseMultiplier", values: [4, 5] }];
  const plots = [{ title: "ε and accuracy", x: "epsilon", y: ["heldAccuracy"] }];
  writeFileSync(path, stringify({ ...head, study, records, vary, plots, ...more }));
  return path;
}

const sweep = (path: string, ...more: string[]) =>
  new Processes().run("consilium", ["study", "sweep", path, "--out", out, ...more]);
const POINT = "01-study-sigma-4-r1";

async function resultOf(path: string, name: string, ...flags: string[]): Promise<RunResult> {
  const { code } = await sweep(path, "--out", join(out, name), "--only", "sigma-4", ...flags);
  expect(code).toBe(0);
  return RunResult.parse(JSON.parse(readFileSync(join(out, name, "runs", POINT, "result.json"), "utf8")));
}

/** A folder for temporary files of its own, so that no other test's processes are taken for this one's. */
const temporary = join(folder, "tmp");
mkdirSync(temporary);
process.env.TMPDIR = temporary;
const workFolders = () => readdirSync(temporary).filter((name) => name.startsWith("consilium-run-"));

/** A study that hospitals don't finish at once, and that one of them alone may go on with. */
function longStudy(): string {
  const set = { "training.rounds": 400, "training.minSites": 1, "evaluation.every": "400 rounds" };
  return writeStudy("heart", folder, { name: "long", sites: SITES, set: { ...set, "privacy.epsilon": 20 } });
}

/** Those whose command names a run's folder. */
function processes(): readonly { readonly pid: number; readonly args: string }[] {
  const { stdout } = spawnSync("ps", ["-eo", "pid,args"], { encoding: "utf8" });
  return stdout.split("\n").flatMap((line) => {
    const [, pid = "", args = ""] = /^\s*(\d+) (.*)$/.exec(line) ?? [];
    return args.includes(join(temporary, "consilium-run-")) ? [{ pid: Number(pid), args }] : [];
  });
}

/** What a hospital's process of the one run under way has logged. */
function logOf(site: string): string {
  const [work] = workFolders();
  const path = join(temporary, work ?? "", "logs", `${site}.log`);
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

function leftRunning(): readonly string[] {
  return processes().map(({ args }) => args);
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 300) throw new Error("waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

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
    const refused = await sweep(sweepFile({ ...right, hungarian: unfit }), "--only", "sigma-5");
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(/unfit\.csv, the records of hungarian, don't meet/);
    expect(existsSync(join(out, "runs", "02-study-sigma-5-r1"))).toBe(false);
    const keyed = { name: "keyed", vary: false, set: { "data.patient": "nobody" } };
    const failing = await sweep(sweepFile(right, { variants: [{ name: "study" }, keyed] }));
    expect(failing.code).toBe(1);
    expect(failing.stderr).toMatch(/03-keyed, repetition 1, failed: .*records of cleveland, don't meet/);
    expect(readFileSync(join(out, "index.html"), "utf8")).toContain("no run ended");
    const later = await sweep(sweepFile(right), "--only", "sigma-4");
    expect(later).toMatchObject({ code: 0 });
    expect(later.stderr).toContain("1 of 1 runs, 1 kept");
    expect(statSync(kept).mtimeMs).toBe(madeAt);
    // The page keeps what was run before.
    const rows: Record<string, string>[] = parse(readFileSync(join(out, "results.csv")), { columns: true });
    expect(rows.map((row) => [row.σ, row.rounds])).toEqual([
      ["4", "2"],
      ["5", "2"],
    ]);
    const [less, more] = rows.map(({ trainingEpsilon }) => Number(trainingEpsilon));
    expect(less).toBeGreaterThan(more ?? Number.NaN);
  });

  test("[SIM10] with real processes: the same charges and ε as simulated, and nothing is left running", async () => {
    const path = sweepFile(right);
    const simulated = await resultOf(path, "simulated");
    const real = await resultOf(path, "real", "--real");
    expect([simulated.processes, real.processes]).toEqual(["simulated", "real"]);
    expect(["released", "rejected"]).toContain(real.state);
    expect(real.rounds).toBe(2);
    for (const [index, site] of simulated.sites.entries()) {
      expect(real.sites[index]?.trainingEpsilon).toBe(site.trainingEpsilon);
      expect(real.sites[index]?.epsilon).toBeCloseTo(site.epsilon, 12);
    }
    const kinds = (name: string) => {
      const lines = readFileSync(join(out, name, "runs", POINT, "ledger.jsonl"), "utf8")
        .trim()
        .split("\n");
      return new Set(lines.map((line) => LedgerEntry.parse(JSON.parse(line)).body.kind));
    };
    expect(kinds("real")).toEqual(kinds("simulated"));
    expect(leftRunning()).toEqual([]);
  }, 120_000);

  test("[SIM10] a hospital's process that is lost fails the run by name, though the study would go on", async () => {
    const path = sweepFile(right);
    writeFileSync(path, readFileSync(path, "utf8").replace(/^study: .*$/m, `study: ${longStudy()}`));
    const args = ["study", "sweep", path, "--out", join(out, "lost"), "--only", "sigma-4", "--real"];
    const child = spawn(process.execPath, [COMMANDS.consilium, ...args], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    const ended = once(child, "exit");
    const agent = () => processes().find(({ args: line }) => /consilium-site\.js start .*sites\/hungarian/.test(line));
    await until(() => logOf("hungarian").includes('"event":"round-closed"'));
    process.kill(agent()?.pid ?? 0, "SIGKILL");
    expect((await ended)[0]).toBe(1);
    expect(said).toContain("A process ended before the study did: hungarian (SIGKILL)");
    expect(readdirSync(join(out, "lost", "runs", POINT, "logs"))).toContain("hungarian.log");
    expect([leftRunning(), workFolders()]).toEqual([[], []]);
  }, 120_000);

  test("a study that is paused midway is a failed run with its reason, and is run again", async () => {
    const path = sweepFile(right);
    const study = writeStudy("heart", folder, {
      name: "hurried",
      sites: SITES,
      set: {
        ...{ "training.rounds": 2, "training.minSites": 2, "evaluation.every": "2 rounds" },
        ...{ "training.answerAfter": "1ms", "training.deadline": "2ms" },
      },
    });
    writeFileSync(path, readFileSync(path, "utf8").replace(/^study: .*$/m, `study: ${study}`));
    for (const _ of [1, 2]) {
      const paused = await sweep(path, "--out", join(out, "paused"), "--only", "sigma-4");
      expect(paused.code).toBe(1);
      expect(paused.stderr).toMatch(/01-study-sigma-4, repetition 1, failed: hurried ended paused: train round 1/);
      expect(paused.stderr).toContain("1 of 1 runs, 1 failed");
    }
  });

  test("[SIM10] ended in the midst of a run, it takes its processes and their keys with it", async () => {
    const args = ["study", "sweep", sweepFile(right), "--out", join(out, "ended"), "--only", "sigma-4", "--real"];
    const child = spawn(process.execPath, [COMMANDS.consilium, ...args], { stdio: "ignore" });
    await until(() => leftRunning().length > 0);
    expect(workFolders()).toHaveLength(1);
    child.kill("SIGTERM");
    await until(() => leftRunning().length === 0 && workFolders().length === 0);
  }, 60_000);

  test("a fault anywhere in the grid is found before anything is run", async () => {
    const path = sweepFile(right);
    writeFileSync(path, readFileSync(path, "utf8").replace("- 5", "- 0.01"));
    const refused = await sweep(path, "--out", join(folder, "none"));
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain("Point 02-study-sigma-0.01");
    expect(() => statSync(join(folder, "none"))).toThrow("ENOENT");
  });
});
