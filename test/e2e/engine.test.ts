import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, type TestContext, test } from "vitest";
import { z } from "zod";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const program = join(root, "site-agent/bin/consilium-site.js");
const folder = mkdtempSync(join(tmpdir(), "consilium-engine-"));
/** A download of 274 MB, 0.9 GB to unpack, a compiler: about a minute where nothing else runs. */
const INSTALL_MS = 240_000;

/** What a machine may lack: then there is nothing to install, and WebAssembly alone is tested. */
const UNAVAILABLE = /engine\/(unsupported-machine|no-compiler|no-pip|no-index|no-wheel|no-room|npm-failed)/;

interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly talk: string;
}

const environment = { ...process.env, CONSILIUM_ENGINES: folder };

async function run(args: readonly string[], onTalk?: (talk: string, child: ChildProcess) => void): Promise<Ended> {
  const child = spawn(process.execPath, args, { cwd: root, env: environment, stdio: ["ignore", "pipe", "pipe"] });
  let [out, talk] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    talk += text;
    onTalk?.(talk, child);
  });
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, out, talk })));
}

const engine = (...args: string[]): Promise<Ended> => run([program, "engine", ...args]);

/** Why this machine has no native engine to test; null where it has. */
let missing: string | null = null;
let killed: Ended;
let installed: Ended;

function needsEngine({ skip }: TestContext): void {
  skip(missing !== null, missing ?? undefined);
}

beforeAll(async () => {
  // Killed once libtensorflow is unpacked; nothing but the finished steps may then count.
  killed = await run([program, "engine", "install", "--from-pypi"], (talk, child) => {
    if (talk.includes("3/5")) child.kill("SIGKILL");
  });
  if (killed.status !== null) {
    const reason = killed.talk.trim().split("\n").at(-2) ?? "";
    const again = await engine("install", "--from-pypi", "--json");
    expect(again.talk, "an installation that can't be made says why").toMatch(UNAVAILABLE);
    missing = `no native engine here: ${reason}`;
    console.info(missing);
    return;
  }
  const names = readdirSync(folder);
  expect(names.filter((name) => !name.startsWith("."))).toEqual(["installing.lock"]);
  installed = await engine("install", "--from-pypi");
}, 2 * INSTALL_MS);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a native engine from TensorFlow's wheel", () => {
  beforeEach(needsEngine);

  test("[ENG21] after kill -9 the finished steps aren't repeated, and nothing is left but the engine", () => {
    expect(installed.talk).toContain("1/5 Fetch tensorflow-cpu==2.21.0 by pip: done before");
    expect(installed.talk).toContain("2/5 Unpack libtensorflow and its C headers: done before");
    expect(installed.status, installed.talk).toBe(0);
    expect(installed.out).toContain("Installed: cpu, libtensorflow 2.21.0, proved on the CPU");
    expect(readdirSync(folder)).toEqual(["cpu"]);
  });

  test("[ENG22] is what the next process computes with, and is told so", async () => {
    const { out, status, talk } = await engine("status", "--json");
    expect(status, talk).toBe(0);
    const found = z
      .looseObject({ backend: z.string(), tensorflow: z.string(), device: z.string(), gflops: z.number() })
      .parse(JSON.parse(out));
    expect(found).toMatchObject({ backend: "tensorflow", tensorflow: "2.21.0", device: "CPU" });
    expect(found.gflops).toBeGreaterThan(0.1);
  });

  test("[ENG1] agrees with the slow oracle on every kind of layer", async () => {
    const oracle = ["run", "--project", "unit", "site-agent/src/gradient/layers.test.ts", "-t", "on native"];
    const { out, talk } = await run([join(root, "node_modules/vitest/vitest.mjs"), ...oracle, "--reporter=json"]);
    const assertion = z.looseObject({ fullName: z.string(), failureMessages: z.array(z.string()) });
    const report = z.looseObject({
      numPassedTests: z.number(),
      numFailedTests: z.number(),
      testResults: z.array(z.looseObject({ assertionResults: z.array(assertion) })),
    });
    const { numPassedTests, numFailedTests, testResults } = report.parse(JSON.parse(out.slice(out.indexOf("{"))));
    // A counterexample of the inner run (its seed and case) is worth nothing if this test keeps it to itself.
    const failures = testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .flatMap(({ fullName, failureMessages }) => failureMessages.map((message) => `${fullName}\n${message}`));
    expect(failures, talk).toEqual([]);
    expect(numFailedTests, talk).toBe(0);
    expect(numPassedTests).toBeGreaterThan(20);
  });

  test("[ENG20] a library that isn't the pinned one is refused, and the engine stays", async () => {
    const other = await engine("install", "--from", join(root, "package.json"), "--json");
    expect(other.talk).toContain("engine/no-library");
    expect(existsSync(join(folder, "cpu/engine.json"))).toBe(true);
  });

  test("is removed as a whole; WebAssembly computes from then on", async () => {
    expect((await engine("remove")).out).toContain("Removed: cpu");
    expect(readdirSync(folder)).toEqual([]);
    expect((await engine("status")).out).toMatch(/^backend {4}wasm/);
  });
});
