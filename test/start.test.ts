import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readStudyFile } from "@consilium/storage/studyFile";
import { describe, expect, test } from "vitest";
import { howItEnded } from "./start/checks.mjs";
import { openScreen, type Progress, progressRow } from "./start/demoScreen.mjs";
import { studiesToTry } from "./start/demoStudies.mjs";

const starter = (name: string) => fileURLToPath(new URL(`start/${name}.mjs`, import.meta.url));

describe("the starters refuse what they don't know, before anything is installed or run", () => {
  test.each([
    ["check", ["--nope"]],
    ["test", ["unit"]],
    ["bench", ["round", "--nope"]],
    ["bench", ["--nope"]],
    ["bench", ["heart", "--only", "wasm"]],
    ["bench", ["round", "--write"]],
    ["bench", ["round", "--charges"]],
    ["demo", ["--nope"]],
    ["demo", ["somewhere"]],
  ])("%s %j", (name, args) => {
    const { status, stderr } = spawnSync(process.execPath, [starter(name), ...args], { encoding: "utf8" });
    expect([status, stderr]).toEqual([2, expect.stringMatching(/Usage: npm/)]);
    expect(stderr).toContain(args.at(-1) === "wasm" ? "--only" : args.at(-1));
  });
});

describe("a step that did not end by itself says so", () => {
  test("killed, not to be started, or with an exit code", () => {
    const killed = spawnSync(process.execPath, ["-e", "process.kill(process.pid, 'SIGKILL')"]);
    expect(howItEnded(killed)).toBe("it was ended by SIGKILL");
    expect(howItEnded(spawnSync("/no/such/program"))).toMatch(/could not be run to its end \(.*ENOENT/);
    expect(howItEnded(spawnSync(process.execPath, ["-e", "process.exit(3)"]))).toBe("exit code 3");
  });
});

describe("the demo's studies to try", () => {
  test("both are valid; one has less noise than a site's policy allows", () => {
    const folder = mkdtempSync(join(tmpdir(), "consilium-try-"));
    const heart = fileURLToPath(new URL("../shared/studies/heart/", import.meta.url));
    copyFileSync(join(heart, "schema.yaml"), join(folder, "schema.yaml"));
    const documentOf = (name: "heart-again" | "too-loud") => {
      const file = join(folder, `${name}.yaml`);
      writeFileSync(file, studiesToTry(readFileSync(join(heart, "study.yaml"), "utf8"))[name]);
      return readStudyFile(file).document;
    };
    expect(documentOf("heart-again")).toMatchObject({ name: "heart-again", privacy: { noiseMultiplier: 2.2 } });
    expect(documentOf("too-loud")).toMatchObject({ name: "too-loud", privacy: { noiseMultiplier: 0.45 } });
    rmSync(folder, { recursive: true });
  });
});

describe("the demo's live row", () => {
  const names = ["cleveland", "hungarian", "switzerland", "va"];
  const views = (changes: Partial<Progress> = {}): Progress => ({
    study: { state: "training", committedRounds: 37, rounds: 60 },
    round: { running: null },
    metrics: { points: [{ auc: { state: "resolved", value: 0.8971 } }] },
    budgets: { budgets: names.map((site) => ({ site, spentEpsilon: 2.5366, cap: 4 })) },
    sites: { sites: names.map((name) => ({ name, connected: true })) },
    ...changes,
  });

  test("fits 80 columns, and any other", () => {
    expect(progressRow(views(), 79)).toBe(
      "training 37/60 │ AUC 0.90 │ ε of 4: cleve 2.54, hunga 2.54, switz 2.54, va 2.54",
    );
    for (const columns of [20, 40, 79, 120]) expect(progressRow(views(), columns).length).toBeLessThanOrEqual(columns);
    expect(progressRow(views(), Number.POSITIVE_INFINITY)).toContain("switzerland 2.54");
  });

  test("an AUC that noise hides is told as such", () => {
    const row = progressRow(views({ metrics: { points: [{ auc: { state: "not-resolvable" } }] } }), 120);
    expect(row).toContain("│ AUC hidden by noise │");
  });

  test("a site that was killed is away, also between rounds; one that missed its time is late", () => {
    const sites = { sites: names.map((name) => ({ name, connected: name !== "va" })) };
    const running = { sites: names.map((site) => ({ site, answer: site === "hungarian" ? "late" : "answered" })) };
    const row = progressRow(views({ sites, round: { running } }), 79);
    expect(row).toContain("va away");
    expect(row).toContain("hunga late");
    expect(row.length).toBeLessThanOrEqual(79);
  });

  test("without a terminal there is a line every three seconds, whatever goes on, and one at each new state", () => {
    const lines: string[] = [];
    let seconds = 0;
    const screen = openScreen({ live: false, write: (text) => lines.push(text), now: () => 1000 * seconds });
    // Rounds come four a second, then none, then slowly; the coordinator is looked at every half second.
    const rounds = [0, 2, 4, 6, 8, 10, 12, 14, 16, 16, 16, 16, 16, 16, 17, 17, 17, 17, 17];
    for (const committedRounds of rounds) {
      screen.progress(views({ study: { state: "training", committedRounds, rounds: 60 } }));
      seconds += 0.5;
    }
    screen.progress(views({ study: { state: "auditing", committedRounds: 17, rounds: 60 } }));
    const shown = lines.map((line) => line.split(" │")[0]);
    expect(shown).toEqual(["training 0/60", "training 12/60", "training 16/60", "training 17/60", "auditing 17/60"]);
  });

  test("caps that differ are told by site", () => {
    const budgets = { budgets: names.map((site, i) => ({ site, spentEpsilon: 1, cap: 4 + i })) };
    expect(progressRow(views({ budgets }), 120)).toContain("va 1.00/7");
  });
});
