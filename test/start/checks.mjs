/** What `npm run check` and `npm test` have in common: checks of the sources, then test runs, counted together. */
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { root, tool } from "./prepare.mjs";
import { say } from "./progress.mjs";

/** Format and lint, types, arrows between folders, dead code: each counts as one test. */
export async function checkSources() {
  const pages = [join("shared", "page"), join("coordinator", "dashboard"), join("site-agent", "dashboard")];
  const checks = [
    ["format and lint", [tool.biome, "check", "--error-on-warnings", "."]],
    ["types", [tool.tsc, "-p", "tsconfig.test.json", "--noEmit"]],
    ...pages.map((folder) => [`types of ${folder}`, [tool.tsc, "-p", join(folder, "tsconfig.json"), "--noEmit"]]),
    ["arrows between folders", [tool.dependencyCruiser, "--config", ".dependency-cruiser.cjs", ...FOLDERS]],
    ["dead files and exports", [tool.knip, "--no-progress", "--no-config-hints"]],
  ];
  const count = { passed: 0, failed: 0, skipped: 0 };
  const left = [...checks];
  const checker = async () => {
    for (let check = left.shift(); check !== undefined; check = left.shift()) {
      const passed = await checkSource(...check);
      count[passed ? "passed" : "failed"] += 1;
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, checker));
  return count;
}

/** Whether a checker found nothing; what it found is shown once it is through, so that no two mix their lines. */
async function checkSource(title, args) {
  const { error, stdout, stderr } = await new Promise((resolve) => {
    const options = { cwd: root, maxBuffer: OUTPUT_BYTES_MAX };
    execFile(process.execPath, args, options, (error, stdout, stderr) => resolve({ error, stdout, stderr }));
  });
  if (error === null) process.stdout.write(`✓ ${title}\n`);
  else process.stdout.write(`${stdout}${stderr}✗ ${title}: ${howItEnded(endOf(error))}\n`);
  return error === null;
}

/** What `execFile` calls an error: a program that said no, that a signal ended, or that never ran to its end. */
function endOf(error) {
  if (typeof error.code === "number") return { status: error.code, signal: null };
  return error.signal === null || error.signal === undefined ? { error } : { status: null, signal: error.signal };
}

/** A checker that has this much to say is told in full. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Of a program that `spawnSync` started: its exit code, or why it has none. */
export function howItEnded({ status, signal, error }) {
  if (error !== undefined) return `it could not be run to its end (${error.message})`;
  return signal === null ? `exit code ${status}` : `it was ended by ${signal}`;
}

/** Ends the process where a command that takes no arguments was given some; `--help` says what it does. */
export function takeNoArguments(usage) {
  const [first] = process.argv.slice(2);
  if (first === undefined) return;
  if (first !== "--help") say(`Unknown argument: ${first}`);
  say(usage);
  process.exit(first === "--help" ? 0 : 2);
}

const FOLDERS = ["shared", "certs", "coordinator", "site-agent", "simulation", "test"];

/** Runs one of the projects in vitest.config.ts. A run that ends without a result is a failure. */
export function runTests(project, args = []) {
  const folder = mkdtempSync(join(tmpdir(), "consilium-test-"));
  const file = join(folder, "result.json");
  const options = ["--project", project, "--reporter=default", "--reporter=json", `--outputFile.json=${file}`, ...args];
  const ended = spawnSync(process.execPath, [tool.vitest, "run", ...options], { cwd: root, stdio: "inherit" });
  if (ended.error !== undefined || ended.signal !== null) say(`The ${project} tests: ${howItEnded(ended)}`);
  try {
    const result = JSON.parse(readFileSync(file, "utf8"));
    const failed = result.numFailedTests;
    return {
      passed: result.numPassedTests,
      failed: failed === 0 && ended.status !== 0 ? 1 : failed,
      skipped: result.numPendingTests + result.numTodoTests,
    };
  } catch (error) {
    say(`The ${project} tests ended without a result (${howItEnded(ended)}): ${error.message}`);
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
