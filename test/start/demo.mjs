/**
 * The main job, end to end, on this machine: four hospitals train one private model, which is audited, gated, released
 * and verified offline. `npm run demo -- --help` says more. Node built-ins only: it installs what the rest needs.
 */
import { copyFile, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Consortium } from "./consortium.mjs";
import { openScreen } from "./demoScreen.mjs";
import { prepare } from "./prepare.mjs";
import { CommandFailed } from "./processes.mjs";

const HELP = `Usage: npm run demo -- [--headless] [--json] [--keep]

Makes a consortium of four hospitals in a temporary folder, each its own process with its own keys and ledger, trains a
private model on the real heart disease data of the four, audits it, releases it and verifies the release offline.

  --keep       leave everything running, with the dashboard's address and a one-time login; Ctrl-C ends it
  --headless   plain lines instead of a live screen
  --json       print one JSON object as the last line
  --help       this text

Exit codes: 0 released and verified, 1 a fault, 2 a wrong option, 6 the gate refused the release, 130 interrupted.`;

const STUDY = "heart-disease";
const DATASET = "heart";
const STUDY_FOLDER = fileURLToPath(new URL("../../shared/studies/heart/", import.meta.url));
const SITES = ["cleveland", "hungarian", "switzerland", "va"];
const CAP = { epsilon: 4, delta: 1e-4 };
const POLL_MS = 250;
const EXIT = { fault: 1, usage: 2, gate: 6, interrupted: 130 };

const options = readOptions();
if (options.help) {
  console.log(HELP);
  process.exit(0);
}
const screen = openScreen({ live: !options.headless && process.stderr.isTTY === true });
let consortium = null;
let isInterrupted = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => void interrupted());
process.once("exit", () => consortium?.processes.killAll());

try {
  await prepare();
  process.exitCode = await demo();
} catch (error) {
  // Whatever fails while the processes are being stopped fails because of that.
  if (isInterrupted) await new Promise(() => undefined);
  screen.close();
  console.error(error instanceof CommandFailed ? error.message : error);
  if (consortium !== null) console.error(`Logs: ${consortium.logs}`);
  process.exitCode = EXIT.fault;
} finally {
  await consortium?.stop();
}

async function demo() {
  const started = performance.now();
  consortium = new Consortium(await mkdtemp(join(tmpdir(), "consilium-demo-")));
  await screen.task("Certificate authority and coordinator", () => consortium.createCoordinator());
  await screen.task("Four hospitals enrolled, each with keys of its own making", () => enrolAll());
  screen.note(`  ${[...consortium.sites].map(([name, { pid }]) => `${name}: process ${pid}`).join(", ")}`);
  await screen.task("Study proposed", () =>
    consortium.consilium(["study", "propose", join(STUDY_FOLDER, "study.yaml")]),
  );
  await screen.task("Study approved by four stewards", () => approveAll());
  await consortium.consilium(["study", "start", STUDY]);
  const state = await watch();
  const outcome = await conclude(state, started);
  screen.close();
  await writeTooLoud();
  report(outcome);
  if (options.keep) await keep();
  if (options.json) console.log(JSON.stringify(outcome));
  return outcome.release.verified && outcome.audit.passed ? 0 : outcome.audit.passed ? EXIT.fault : EXIT.gate;
}

/** Two at a time: enrolment is short, and a laptop may have two cores. */
async function enrolAll() {
  const waiting = [...SITES];
  const worker = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      await consortium.enrol(name, { records: join(STUDY_FOLDER, "data", `${name}.csv`), dataset: DATASET, ...CAP });
      await consortium.startSite(name);
    }
  };
  await Promise.all([worker(), worker()]);
}

async function approveAll() {
  for (const name of SITES) await consortium.approve(name, STUDY, DATASET);
}

/** Shows each committed round until the study ends. Resolves to its last state. */
async function watch() {
  for (;;) {
    const [study, round, metrics, budgets] = await Promise.all([
      consortium.view(`/api/studies/${STUDY}`),
      consortium.view(`/api/studies/${STUDY}/round`),
      consortium.view(`/api/studies/${STUDY}/metrics`),
      consortium.view(`/api/studies/${STUDY}/budgets`),
    ]);
    screen.progress({ study, round, metrics, budgets });
    if (["released", "rejected", "aborted", "paused"].includes(study.state)) return study;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function conclude(study, started) {
  if (study.state === "aborted" || study.state === "paused")
    throw new Error(`The study is ${study.state}: ${study.reason}`);
  const [metrics, budgets, audit, releases] = await Promise.all([
    consortium.view(`/api/studies/${STUDY}/metrics`),
    consortium.view(`/api/studies/${STUDY}/budgets`),
    consortium.view(`/api/studies/${STUDY}/audit`),
    consortium.view("/api/releases"),
  ]);
  const path = releases.releases.find((release) => release.study === STUDY)?.path ?? null;
  const verified = path !== null && (await screen.task("Release verified offline", () => verify(path)));
  const last = metrics.points.at(-1);
  return {
    study: STUDY,
    rounds: study.committedRounds,
    seconds: Math.round((performance.now() - started) / 100) / 10,
    // Noised, of the validation part.
    metrics: { auc: last?.auc?.value ?? null, accuracy: last?.accuracy?.value ?? null },
    sites: budgets.budgets.map(({ site, spentEpsilon, trainingEpsilon, delta, cap }) => ({
      ...{ name: site, epsilon: spentEpsilon, trainingEpsilon, delta, cap },
    })),
    audit: { bestAuc: intervalOf(audit.report.best), passed: audit.gate.passed },
    release: { path, verified },
  };
}

async function verify(path) {
  const { code, stderr } = await consortium.processes.run("consilium", [
    ...["verify", path, "--key", join(consortium.coordinatorFolder, "consortium.pub"), "--json"],
  ]);
  if (code !== 0) screen.note(stderr.trim());
  return code === 0;
}

function report(outcome) {
  const { bestAuc, passed } = outcome.audit;
  screen.note("");
  for (const site of outcome.sites) {
    screen.note(
      `  ${site.name.padEnd(12)} ε ${roundedUp(site.epsilon)} of ${site.cap} at δ ${site.delta} ` +
        `(training ${roundedUp(site.trainingEpsilon)}, the rest metrics and audit)`,
    );
  }
  screen.note(
    `  AUC ${figure(outcome.metrics.auc)}, accuracy ${figure(outcome.metrics.accuracy)} (noised, on validation patients)`,
  );
  const attack = bestAuc.value === null ? "best attack's AUC not resolvable" : `best attack's AUC ${range(bestAuc)}`;
  screen.note(
    `  ${attack}: gate ${passed ? "passed" : "refused"}; release ${outcome.release.verified ? "verified" : "not verified"}`,
  );
  screen.note(`  Release:  ${outcome.release.path ?? "withheld"}`);
  screen.note(`  Ledgers, logs and keys of this demo: ${consortium.folder} (delete it when you are done)`);
  screen.note(threeThings());
}

/** The heart study with less noise than a site's policy allows, for whoever wants to see the refusal. */
async function writeTooLoud() {
  const study = await readFile(join(STUDY_FOLDER, "study.yaml"), "utf8");
  const loud = study
    .replace(/^name: .*/m, "name: too-loud")
    .replace(/noiseMultiplier: \S+/, "noiseMultiplier: 0.45")
    .replace(/^ {2}epsilon: \S+/m, "  epsilon: 60");
  await writeFile(join(consortium.folder, "too-loud.yaml"), loud);
  await copyFile(join(STUDY_FOLDER, "schema.yaml"), join(consortium.folder, "schema.yaml"));
}

function threeThings() {
  const site = `--data ${consortium.siteFolder("va")}`;
  const steward = `${site} --password-file ${join(consortium.folder, "va.steward-password")}`;
  const lead = `--data ${consortium.coordinatorFolder}`;
  const running = options.keep ? "in another terminal" : "after npm run demo -- --keep, with the paths that it prints";
  return `
Three things to try, ${running}:
  1. Lower a cap and see a refusal:
       npx --no-install consilium-site budget cap ${DATASET} --epsilon 1 --delta 1e-4 ${steward}
       npx --no-install consilium-site study approve ${STUDY} --dataset ${DATASET} ${steward}
  2. Ask for a σ below a site's policy and see it refuse (σ = 0.45; the site wants 0.5 at least):
       npx --no-install consilium study propose ${join(consortium.folder, "too-loud.yaml")} ${lead}
       npx --no-install consilium-site study approve too-loud --dataset ${DATASET} ${steward}
  3. Kill a site and see the study go on: run the demo once more and, while it trains, kill -9 the process of a hospital
     that it shows; the other three go on without it.`;
}

async function keep() {
  const { link } = await consortium.consilium(["account", "invite", "demo-lead", "--role", "lead"]);
  screen.note(`\nDashboard: ${link}  (works once)\nEverything keeps running. Ctrl-C ends it.`);
  await new Promise(() => setInterval(() => {}, 60_000));
}

async function interrupted() {
  isInterrupted = true;
  screen.close();
  console.error("Interrupted: stopping every process.");
  await consortium?.stop();
  process.exit(EXIT.interrupted);
}

/** An ε is never shown smaller than it is. */
function roundedUp(epsilon) {
  return (Math.ceil(epsilon * 100) / 100).toFixed(2);
}

/** A figure that nobody can resolve has no numbers. */
function intervalOf(figure) {
  const { low = null, value = null, high = null } = figure;
  return { low, value, high };
}

function range({ low, value, high }) {
  return `${value.toFixed(2)}, between ${low.toFixed(2)} and ${high.toFixed(2)}`;
}

function figure(value) {
  return value === null ? "not resolvable" : value.toFixed(3);
}

function readOptions() {
  const flag = { type: "boolean", default: false };
  try {
    return parseArgs({ options: { headless: flag, json: flag, keep: flag, help: flag } }).values;
  } catch (error) {
    console.error(`${error.message}\n\n${HELP}`);
    process.exit(EXIT.usage);
  }
}
