import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { epsilonOfEvents } from "@consilium/shared/accountant/convert";
import { GuaranteeBasis } from "@consilium/shared/release/guarantee";
import { RELEASE_PATHS } from "@consilium/shared/release/manifest";
import { plannedEvents } from "@consilium/shared/study/charges";
import { readStudyFile } from "@consilium/storage/studyFile";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Processes } from "../../simulation/processes/processes.mjs";
import { recordsOf } from "../support/studyFile.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const Outcome = z.strictObject({
  study: z.string(),
  rounds: z.number().int(),
  seconds: z.number(),
  metrics: z.strictObject({ auc: z.number().nullable(), accuracy: z.number().nullable() }),
  sites: z.array(
    z.strictObject({
      name: z.string(),
      epsilon: z.number(),
      trainingEpsilon: z.number(),
      delta: z.number(),
      cap: z.number(),
    }),
  ),
  audit: z.strictObject({
    bestAuc: z.strictObject({ low: z.number().nullable(), value: z.number().nullable(), high: z.number().nullable() }),
    passed: z.boolean(),
  }),
  release: z.strictObject({
    path: z.string(),
    verified: z.boolean(),
    epsilon: z.number(),
    by: GuaranteeBasis,
  }),
});

describe("npm run demo -- --headless --json", () => {
  const processes = new Processes();
  const scratch = mkdtempSync(join(tmpdir(), "consilium-e2e-"));
  /** What the demo takes for the system's temporary folder. */
  const temporary = join(scratch, "tmp");
  mkdirSync(temporary);
  let outcome: z.infer<typeof Outcome>;
  let key = "";

  beforeAll(async () => {
    const { code, stdout, stderr } = await endOf(startDemo(temporary));
    expect(code, stderr).toBe(0);
    outcome = Outcome.parse(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
    key = readFileSync(join(outcome.release.path, "..", "consortium.pub"), "utf8").trim();
  });

  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  test("trains to the end at four hospitals, each within its cap, audited, gated, released, verified", () => {
    expect(outcome).toMatchObject({
      study: "heart-disease",
      rounds: 60,
      audit: { passed: true },
      release: { verified: true },
    });
    expect(outcome.sites.map(({ name }) => name).sort()).toEqual(["cleveland", "hungarian", "switzerland", "va"]);
    for (const { epsilon, cap } of outcome.sites) expect(epsilon).toBeLessThanOrEqual(cap);
  });

  test("[ACC12] ε is what the accountant says of what was done: 60 steps at q = .2, σ = 2.2, then three histograms", async () => {
    const steps = { mechanism: "poisson-gaussian", samplingRate: 0.2, noiseMultiplier: 2.2, steps: 60 };
    const histograms = { mechanism: "discrete-laplace", sensitivity: 1, scale: 1 / 0.3, count: 3 };
    const plans = [[steps], [steps, histograms]].map((segments) => ({ delta: 1e-4, segments }));
    const { stdout } = await processes.run("consilium", ["budget", "epsilon", "--from", "-", "--json"], {
      input: JSON.stringify(plans),
    });
    const [idealTraining, ideal] = z.array(z.object({ rdp: z.number() })).parse(JSON.parse(stdout));
    const { document } = readStudyFile(join(ROOT, "shared", "studies", "heart", "study.yaml"));
    const events = plannedEvents(document).flatMap(({ part, event }) => (part === "train" ? [event] : []));
    const gaussian = events.filter(({ kind }) => kind === "poisson-gaussian");
    for (const site of outcome.sites) {
      expect(site.trainingEpsilon).toBeCloseTo(epsilonOfEvents(gaussian, 1e-4), 9);
      expect(site.epsilon).toBeCloseTo(epsilonOfEvents(events, 1e-4), 9);
      // Drawn on the integers, noise costs a little more than the continuous noise that is asked about; never less.
      expect(site.trainingEpsilon - (idealTraining?.rdp ?? 0)).toBeGreaterThan(0);
      expect(site.trainingEpsilon - (idealTraining?.rdp ?? 0)).toBeLessThan(0.02);
      expect(Math.abs(site.epsilon - (ideal?.rdp ?? 0))).toBeLessThan(0.02);
    }
  });

  test("[REL1] [REL3] verifies elsewhere by the public key alone; one altered byte in any file is refused", async () => {
    const elsewhere = join(scratch, "release");
    cpSync(outcome.release.path, elsewhere, { recursive: true });
    expect((await verify(elsewhere)).code).toBe(0);
    for (const file of filesOf(elsewhere)) {
      const whole = readFileSync(file);
      const altered = Buffer.from(whole);
      const at = Math.floor(altered.length / 2);
      altered[at] = (altered[at] ?? 0) ^ 1;
      writeFileSync(file, altered);
      expect((await verify(elsewhere)).code, relative(elsewhere, file)).not.toBe(0);
      writeFileSync(file, whole);
    }
    expect((await verify(elsewhere)).code).toBe(0);
  });

  test("predicts for a hospital's table, after verifying; refuses an altered release and writes nothing", async () => {
    const out = join(scratch, "predictions.csv");
    const args = ["predict", "--release", outcome.release.path, "--in", recordsOf("heart", "va"), "--key", key];
    const { code, stderr } = await processes.run("consilium-site", [...args, "--out", out]);
    expect(code, stderr).toBe(0);
    expect(readFileSync(out, "utf8").trim().split("\n").length).toBe(
      readFileSync(recordsOf("heart", "va"), "utf8").trim().split("\n").length,
    );
    const broken = join(scratch, "broken");
    cpSync(outcome.release.path, broken, { recursive: true });
    writeFileSync(join(broken, "README.md"), "another card\n");
    const refused = join(scratch, "refused.csv");
    const { code: refusal } = await processes.run("consilium-site", [
      ...["predict", "--release", broken, "--in", recordsOf("heart", "va"), "--key", key, "--out", refused],
    ]);
    expect(refusal).toBe(1);
    expect(() => statSync(refused)).toThrow();
  });

  test("leaves its release and the public key, and none of its keys, ledgers or logs", () => {
    const left = filesOf(temporary).map((file) => relative(temporary, file));
    expect(left.every((file) => /^consilium-demo-release-\w+\/(heart-disease\/|consortium\.pub$)/.test(file))).toBe(
      true,
    );
    expect(left.length).toBe(Object.values(RELEASE_PATHS).length + 1);
  });

  test("after Ctrl-C nothing stays: no file, no process", async () => {
    const folder = join(scratch, "interrupted");
    mkdirSync(folder);
    const demo = startDemo(folder);
    const ended = endOf(demo);
    await new Promise<void>((resolve) => {
      demo.stderr.on("data", (text: string) => text.includes("process ") && resolve());
      demo.once("close", () => resolve());
    });
    expect(readdirSync(folder).length).toBe(1);
    demo.kill("SIGINT");
    const { code, stderr } = await ended;
    expect(code, stderr).toBe(130);
    expect(readdirSync(folder)).toEqual([]);
    for (const [, pid] of stderr.matchAll(/process (\d+)/g))
      expect(() => process.kill(Number(pid), 0)).toThrow(/ESRCH/);
  });

  function verify(path: string) {
    return processes.run("consilium", ["verify", path, "--key", key, "--json"]);
  }
});

function startDemo(temporary: string): ChildProcessWithoutNullStreams {
  const demo = join(ROOT, "test", "start", "demo.mjs");
  const env = { ...process.env, TMPDIR: temporary };
  return spawn(process.execPath, [demo, "--headless", "--json"], { cwd: ROOT, env });
}

function endOf(
  child: ChildProcessWithoutNullStreams,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, stdout, stderr })));
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
