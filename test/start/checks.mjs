/** What `npm run check` and `npm test` have in common: checks of the sources, then test runs, counted together. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, say, tool } from "./prepare.mjs";

/** Format and lint, types, arrows between folders, dead code: each counts as one test. */
export function checkSources() {
  const dashboard = join("coordinator", "dashboard", "tsconfig.json");
  const checks = [
    ["format and lint", [tool.biome, "check", "--error-on-warnings", "."]],
    ["types", [tool.tsc, "-p", "tsconfig.test.json", "--noEmit"]],
    ["types of the dashboard", [tool.tsc, "-p", dashboard, "--noEmit"]],
    ["arrows between folders", [tool.dependencyCruiser, "--config", ".dependency-cruiser.cjs", ...FOLDERS]],
    ["dead files and exports", [tool.knip, "--no-progress", "--no-config-hints"]],
  ];
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const [title, args] of checks) {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
    if (status !== 0) process.stdout.write(`${stdout}${stderr}`);
    process.stdout.write(`${status === 0 ? "✓" : "✗"} ${title}\n`);
    count[status === 0 ? "passed" : "failed"] += 1;
  }
  return count;
}

const FOLDERS = ["shared", "certs", "coordinator", "site-agent", "test"];

/** Runs one of the projects in vitest.config.ts. A run that ends without a result is a failure. */
export function runTests(project, args = []) {
  const folder = mkdtempSync(join(tmpdir(), "consilium-test-"));
  const file = join(folder, "result.json");
  const options = ["--project", project, "--reporter=default", "--reporter=json", `--outputFile.json=${file}`, ...args];
  const { status } = spawnSync(process.execPath, [tool.vitest, "run", ...options], { cwd: root, stdio: "inherit" });
  try {
    const result = JSON.parse(readFileSync(file, "utf8"));
    const failed = result.numFailedTests;
    return {
      passed: result.numPassedTests,
      failed: failed === 0 && status !== 0 ? 1 : failed,
      skipped: result.numPendingTests + result.numTodoTests,
    };
  } catch (error) {
    say(`The ${project} tests ended without a result: ${error.message}`);
    return { passed: 0, failed: 1, skipped: 0 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The closing line, and the exit code that goes with it. */
export function conclude(counts) {
  const sum = (name) => counts.reduce((total, count) => total + count[name], 0);
  process.stdout.write(`${sum("passed")} passed, ${sum("failed")} failed, ${sum("skipped")} skipped\n`);
  process.exitCode = sum("failed") === 0 && sum("passed") > 0 ? 0 : 1;
}
