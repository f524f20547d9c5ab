import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Plan } from "@consilium/shared/plan/plan";
import { Command } from "commander";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { registerPlan } from "./plan.ts";
import { validate } from "./validate.ts";

const repository = fileURLToPath(new URL("../../..", import.meta.url));
const HEART = join(repository, "shared/studies/heart/study.yaml");
const folder = mkdtempSync(join(tmpdir(), "consilium-plan-"));
const siteFolder = join(folder, "site");
mkdirSync(siteFolder);
writeFileSync(join(siteFolder, "site.yaml"), "name: cleveland\n");

afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

async function run(...args: string[]): Promise<string> {
  const printed: string[] = [];
  vi.spyOn(process.stdout, "write").mockImplementation((text) => printed.push(String(text)) > 0);
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  registerPlan(program);
  await program.parseAsync(["plan", HEART, ...args], { from: "user" });
  vi.restoreAllMocks();
  return printed.join("");
}

describe("consilium plan", () => {
  test("prints what docs/planning.md shows", async () => {
    const page = readFileSync(join(repository, "docs/planning.md"), "utf8");
    const shown = /\$ consilium plan study\.yaml\n([\s\S]*?)```/.exec(page)?.[1];
    expect(await run()).toBe(shown);
  });

  test("[STU50] costs what validate says that the study costs", async () => {
    const plan = Plan.parse(JSON.parse(await run("--json")));
    expect(plan.epsilon).toEqual(validate(HEART).epsilon);
    expect(plan.noiseMultiplier).toBe(2.2);
  });

  test("turns ε into σ, and holds it against caps by hand: a site's own before all sites'", async () => {
    const plan = Plan.parse(JSON.parse(await run("--epsilon", "3.8", "--cap", "va=3@1e-5", "--cap", "4", "--json")));
    expect(plan).toMatchObject({ noiseWasAuto: true, cap: 3.8, fits: true });
    expect(plan.budgets.map(({ site, cap, delta, fits }) => [site, cap, delta, fits])).toEqual([
      ["cleveland", 4, 1e-4, true],
      ["hungarian", 4, 1e-4, true],
      ["switzerland", 4, 1e-4, true],
      ["va", 3, 1e-5, false],
    ]);
  });

  test("sweeps, and draws what it swept", async () => {
    const file = join(folder, "sweep.svg");
    const text = await run("--sweep", "q=0.1,0.2", "--sweep", "sigma=2,3", "--svg", file);
    expect(text.split("\n").filter((line) => /^0\.\d/.test(line))).toHaveLength(4);
    expect(readFileSync(file, "utf8")).toContain("sigma 3");
  });

  test.each([
    [["--cap", "nowhere=4"], { code: "plan/unknown-site" }],
    [["--cap", "va=4@2"], { code: "commander.invalidArgument" }],
    [["--cap", "x"], { code: "commander.invalidArgument" }],
    [["--sigma", "0"], { code: "commander.invalidArgument" }],
    [["--q", "2"], { code: "commander.invalidArgument" }],
    [["--rounds", "1.5"], { code: "commander.invalidArgument" }],
    [["--sweep", "q=0.1,0.2", "--sweep", "q=0.3"], { code: "plan/bad-sweep" }],
    [["--cap", "4", "--data", "x"], { code: "commander.conflictingOption" }],
    [["--data", join(tmpdir(), "no-coordinator-here")], { code: "coordinator/not-running" }],
    [["--data", siteFolder], { code: "coordinator/not-its-folder" }],
  ])("%j is refused", async (args, refusal) => {
    await expect(run(...args)).rejects.toMatchObject(refusal);
  });

  test("its help teaches by examples that are true of its options", () => {
    const help = execFileSync(process.execPath, [join(repository, "coordinator/bin/consilium.js"), "plan", "--help"], {
      encoding: "utf8",
    });
    const [options = "", teaching = ""] = help.split("What it answers:");
    const used = new Set(teaching.match(/--[a-z-]+/g));
    expect(used.size).toBeGreaterThan(5);
    expect([...used].filter((option) => !options.includes(option))).toEqual([]);
  });
});
