/**
 * The main job, end to end, on this machine: four hospitals train one private model, which is audited, gated, released
 * and verified offline. `npm run demo -- --help` says more. Node built-ins only: it installs what the rest needs.
 */
import { readdirSync, rmSync } from "node:fs";
import { copyFile, cp, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Consortium } from "../../simulation/processes/consortium.mjs";
import { CommandFailed } from "../../simulation/processes/processes.mjs";
import { openScreen, roundedUp } from "./demoScreen.mjs";
import { studiesToTry } from "./demoStudies.mjs";
import { prepare } from "./prepare.mjs";

const HELP = `Usage: npm run demo -- [--headless] [--json] [--keep]

Makes a consortium of four hospitals in a temporary folder, each its own process with its own keys and ledger, trains a
private model on the real heart disease data of the four, audits it, releases it and verifies the release offline. Keys,
ledgers and logs are removed at the end; the release stays where the summary says.

  --keep       leave everything running, with the dashboard's address and a one-time login; Ctrl-C ends and removes it
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
const temporary = new Set();
let consortium = null;
let isInterrupted = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => void interrupted());
process.once("exit", (code) => {
  consortium?.processes.killAll();
  removeFolders(code);
});

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
  consortium = new Consortium(await temporaryFolder("consilium-demo-"));
  await screen.task("Certificate authority and coordinator", () => consortium.createCoordinator());
  await screen.task("Four hospitals enrolled, each with keys of its own making", enrolAll);
  screen.note(`  ${[...consortium.sites].map(([name, { pid }]) => `${name}: process ${pid}`).join(", ")}`);
  await screen.task("Study proposed", () =>
    consortium.consilium(["study", "propose", join(STUDY_FOLDER, "study.yaml")]),
  );
  await screen.task("Study approved by four stewards", approveAll);
  await consortium.consilium(["study", "start", STUDY]);
  const state = await watch();
  const outcome = await conclude(state, started);
  screen.close();
  if (options.keep) await writeStudiesToTry();
  report(outcome);
  // The one folder that stays.
  if (outcome.release.path !== null && !options.keep) temporary.delete(dirname(outcome.release.path));
  if (options.keep) await keep();
  if (options.json) console.log(JSON.stringify(outcome));
  return outcome.release.verified && outcome.audit.passed ? 0 : outcome.audit.passed ? EXIT.fault : EXIT.gate;
}

/** Two at a time: enrolment is short, and a laptop may have two cores. */
async function enrolAll(tell) {
  const waiting = [...SITES];
  let enrolled = 0;
  const worker = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      await consortium.enrol(name, { records: join(STUDY_FOLDER, "data", `${name}.csv`), dataset: DATASET, ...CAP });
      tell(`${name} joined, has its records and its cap; its agent starts`);
      await consortium.startSite(name);
      enrolled += 1;
      tell(`${name} is enrolled and runs (${enrolled} of ${SITES.length})`);
    }
  };
  await Promise.all([worker(), worker()]);
}

async function approveAll(tell) {
  for (const name of SITES) {
    await consortium.approve(name, STUDY, DATASET);
    tell(`${name} approved`);
  }
}

/** Shows each committed round until the study ends. Resolves to its last state. */
async function watch() {
  for (;;) {
    const [study, round, metrics, budgets, sites] = await Promise.all([
      consortium.view(`/api/studies/${STUDY}`),
      consortium.view(`/api/studies/${STUDY}/round`),
      consortium.view(`/api/studies/${STUDY}/metrics`),
      consortium.view(`/api/studies/${STUDY}/budgets`),
      consortium.view("/api/sites"),
    ]);
    screen.progress({ study, round, metrics, budgets, sites });
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
  const made = releases.releases.find((release) => release.study === STUDY)?.path ?? null;
  const path = made === null || options.keep ? made : await takeAway(made);
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
    release: { path, verified, epsilon: audit.claimedEpsilon, by: audit.claimedBy },
  };
}

function publicKey() {
  return join(consortium.coordinatorFolder, "consortium.pub");
}

/** A copy that outlives the demo, with the public key that it is verified by beside it. */
async function takeAway(made) {
  const folder = await temporaryFolder("consilium-demo-release-");
  await cp(made, join(folder, STUDY), { recursive: true });
  await copyFile(publicKey(), join(folder, "consortium.pub"));
  return join(folder, STUDY);
}

async function verify(path) {
  const { code, stdout, stderr } = await consortium.processes.run("consilium", ["verify", path, "--key", publicKey()]);
  if (code !== 0) screen.note(`${stdout}${stderr}`.trim());
  return code === 0;
}

function report(outcome) {
  const { bestAuc, passed } = outcome.audit;
  screen.note("");
  for (const site of outcome.sites) {
    screen.note(
      `  ${site.name.padEnd(12)} ε ${roundedUp(site.epsilon)} of ${site.cap} at δ ${site.delta} for the patients ` +
        `that pay most (training alone ${roundedUp(site.trainingEpsilon)})`,
    );
  }
  screen.note(
    `  AUC ${figure(outcome.metrics.auc)}, accuracy ${figure(outcome.metrics.accuracy)} (noised, on validation patients)`,
  );
  const attack = bestAuc.value === null ? "best attack's AUC not resolvable" : `best attack's AUC ${range(bestAuc)}`;
  screen.note(
    `  ${attack}: gate ${passed ? "passed" : "refused"}; release ${outcome.release.verified ? "verified" : "not verified"}`,
  );
  const { epsilon, by } = outcome.release;
  const how =
    by === "signed-schedule" ? "the same run, by the tighter accountant of a signed schedule" : `by what was ${by}`;
  screen.note(`  The release promises each patient ε ${roundedUp(epsilon)} (${how})`);
  screen.note(`  Release:  ${outcome.release.path ?? "withheld"}`);
  if (options.keep) {
    screen.note(
      `  Ledgers, logs and keys of this demo: ${consortium.folder}, until Ctrl-C removes it, release and all`,
    );
  } else {
    if (outcome.release.path !== null) {
      const key = join(dirname(outcome.release.path), "consortium.pub");
      screen.note(`  It is yours to keep; verify it again with:`);
      screen.note(`       npx --no-install consilium verify ${outcome.release.path} --key ${key}`);
    }
    screen.note("  Ledgers, logs and keys of this demo are removed as it ends.");
  }
  screen.note(threeThings());
}

async function writeStudiesToTry() {
  const heart = await readFile(join(STUDY_FOLDER, "study.yaml"), "utf8");
  for (const [name, text] of Object.entries(studiesToTry(heart))) {
    await writeFile(join(consortium.folder, `${name}.yaml`), text);
  }
  await copyFile(join(STUDY_FOLDER, "schema.yaml"), join(consortium.folder, "schema.yaml"));
}

function threeThings() {
  const site = `--data ${consortium.siteFolder("va")}`;
  const steward = `${site} --password-file ${join(consortium.folder, "va.steward-password")}`;
  const lead = `--data ${consortium.coordinatorFolder}`;
  const command = (text) => (options.keep ? `\n       npx --no-install ${text}` : "");
  const approve = (study) => command(`consilium-site study approve ${study} --dataset ${DATASET} ${steward}`);
  const propose = (study) => command(`consilium study propose ${join(consortium.folder, `${study}.yaml`)} ${lead}`);
  return `
Three things to try${options.keep ? ", in another terminal" : ": npm run demo -- --keep prints their commands"}:
  1. Lower a cap and see it refuse another study on the same patients.${
    command(`consilium-site budget cap ${DATASET} --epsilon 1 --delta 1e-4 ${steward}`) +
    propose("heart-again") +
    approve("heart-again")
  }
  2. Ask for a σ below a site's policy and see it refuse (σ = 0.45; the site wants 0.5 at least).${
    propose("too-loud") + approve("too-loud")
  }
  3. Kill a site and see the study go on: run the demo once more and, while it trains, kill -9 the process of a hospital
     that it shows; the other three go on without it.`;
}

async function keep() {
  const { link } = await consortium.consilium(["account", "invite", "demo-lead", "--role", "lead"]);
  screen.note(`\nDashboard: ${link}  (works once)\nEverything keeps running. Ctrl-C ends and removes it.`);
  await new Promise(() => setInterval(() => {}, 60_000));
}

async function interrupted() {
  isInterrupted = true;
  screen.close();
  console.error("Interrupted: stopping every process.");
  await consortium?.stop();
  process.exit(EXIT.interrupted);
}

/** This run's folders. Each goes as the process ends, whatever ends it; a summary's release is taken from here before. */
async function temporaryFolder(prefix) {
  const folder = await mkdtemp(join(tmpdir(), prefix));
  temporary.add(folder);
  return folder;
}

/** After a fault the logs stay, which were named; keys and records never do. */
function removeFolders(code) {
  for (const folder of temporary) {
    const isNeeded = code === EXIT.fault && folder === consortium?.folder;
    const gone = isNeeded ? readdirSync(folder).filter((name) => name !== "logs") : ["."];
    for (const name of gone) rmSync(join(folder, name), { recursive: true, force: true, maxRetries: 3 });
  }
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
