import os from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { SOFTWARE_VERSION } from "@consilium/coordinator/version";
import { FAILURE_EXIT_CODE, Failure } from "@consilium/shared/failure/failure";
import { systemFailure } from "@consilium/shared/system/errno";
import { Command, CommanderError } from "commander";
import { takeOutFolder } from "./outFolder.ts";
import { writeReport } from "./report.ts";
import { type PointResult, runSweep, type SweepProgress } from "./sweep.ts";
import { readSweep, type Sweep } from "./sweepFile.ts";

const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

interface SweepFlags {
  readonly out?: string;
  readonly jobs?: string;
  readonly only?: string;
  readonly real?: boolean;
  readonly json?: boolean;
}

/** `consilium study sweep` runs this program: the one place where both sides of a consortium are in one process. */
const program = new Command("consilium study sweep")
  .description("run a grid of a study on this machine, simulated, and draw what came of it")
  .argument("<file>", "the sweep's file")
  .option("--out <folder>", "where results go (default: NAME-results beside the file)")
  .option("--jobs <n>", "runs at once (default: one for each processor core; with --real one)")
  .option("--only <text>", "run points whose name contains this; the page keeps what others came to before")
  .option("--real", "coordinator and sites in a process each, with TLS, databases and commands as hospitals use them")
  .option("--json", "print every run's figures as JSON")
  .exitOverride()
  .addHelpText(
    "after",
    `
Every run is a whole consortium on this machine: proposal, approvals, rounds, ledgers, audit, gate, by the code that
coordinator and sites run below their sockets; with --real it is processes, sockets and all, and takes a study's own
time. A command that was interrupted goes on where it stopped; what is changed
is run again. Records are read here, and exact figures of them are shown: for data that you may see.

  apiVersion: consilium/v1
  kind: Sweep
  name: noise
  question: What does noise cost in accuracy?
  study: ./study.yaml              # its sites' records: data/SITE.csv beside it, unless named under records:
  repetitions: 3                   # on another split each
  set: { training.rounds: 40 }     # changes of the study for every run
  vary:
    - { name: σ, path: privacy.noiseMultiplier, values: [2, 4, 8] }
  variants:
    - { name: private }
    - { name: without privacy, train: pooled, vary: false }   # or local: each site by itself
  plots:
    - { title: Accuracy and ε, x: epsilon, y: [heldAccuracy, attackAuc], logX: true }

Exit codes: 0 all runs have a result, 1 some failed, 2 wrong usage, 3 a file or data don't fit, 4 refused,
130 interrupted.`,
  )
  .action(sweep);

async function sweep(path: string, flags: SweepFlags): Promise<void> {
  const started = performance.now();
  const read = readSweep(resolve(path));
  const out = flags.out ?? join(dirname(read.path), `${read.file.name}-results`);
  const show = progressOn(process.stderr);
  let kept = 0;
  const odd: string[] = [];
  const onProgress = (progress: SweepProgress): void => {
    kept = progress.kept;
    show.step(progress);
  };
  const options = {
    sweep: read,
    out,
    jobs: jobsOf(flags),
    only: flags.only,
    isReal: flags.real === true,
    onProgress,
    onResolved: () => void process.once("exit", takeOutFolder(out, read.file.name)),
    onOddity: (what: string) => {
      odd.push(what);
      process.stderr.write(`warning: ${what}\n`);
    },
  };
  const results = await runSweep(options).finally(() => show.end());
  const wallSeconds = (performance.now() - started) / 1000;
  const written = await writeReport(read, results, { ...factsOf(path, flags, wallSeconds), kept, odd }, out);
  tell(read, results, { out, written, isJson: flags.json === true });
}

function factsOf(path: string, { real = false, only, jobs }: SweepFlags, wallSeconds: number) {
  const cpus = os.cpus();
  const flags = [
    ...(real ? ["--real"] : []),
    ...(only === undefined ? [] : ["--only", JSON.stringify(only)]),
    ...(jobs === undefined ? [] : ["--jobs", jobs]),
  ];
  const processor = cpus[0]?.model ?? "unknown processor";
  return {
    command: ["consilium study sweep", path, ...flags].join(" "),
    software: `consilium ${SOFTWARE_VERSION}`,
    machine: `${processor}, ${cpus.length} cores, Node ${process.version}`,
    wallSeconds,
  };
}

interface Told {
  readonly out: string;
  readonly written: readonly string[];
  readonly isJson: boolean;
}

function tell({ file }: Sweep, results: readonly PointResult[], { out, written, isJson }: Told): void {
  const failed = results.flatMap(({ point, failures }) => failures.map((failure) => ({ point: point.id, ...failure })));
  if (isJson) process.stdout.write(`${JSON.stringify({ sweep: file.name, out, results })}\n`);
  else process.stdout.write(`${written.map((name) => join(relative(process.cwd(), out) || ".", name)).join("\n")}\n`);
  for (const { point, repetition, why } of failed) {
    process.stderr.write(`${point}, repetition ${repetition}, failed: ${why}\n`);
  }
  if (failed.length > 0) process.exitCode = FAILURE_EXIT_CODE.fault;
}

/** A line that changes in place on a terminal; elsewhere a line now and then. */
function progressOn(stream: NodeJS.WriteStream): { step(progress: SweepProgress): void; end(): void } {
  let shownDone = -1;
  return {
    step: ({ runs, done, kept, failed, running }) => {
      const now = [...running].map(([name, steps]) => `${name} (step ${steps})`).join(", ");
      const head = `${done} of ${runs} runs${kept > 0 ? `, ${kept} kept` : ""}${failed > 0 ? `, ${failed} failed` : ""}`;
      if (stream.isTTY)
        stream.write(`\r\u001b[K${`${head}${now === "" ? "" : `: ${now}`}`.slice(0, stream.columns - 1)}`);
      else if (done !== shownDone) stream.write(`${head}\n`);
      shownDone = done;
    },
    end: () => {
      if (stream.isTTY) stream.write("\r\u001b[K");
    },
  };
}

function jobsOf({ jobs: text, real = false }: SweepFlags): number {
  if (text === undefined) return real ? 1 : os.availableParallelism();
  const jobs = Number(text);
  if (Number.isInteger(jobs) && jobs >= 1 && jobs <= 256) return jobs;
  throw new Failure({
    code: "sweep/bad-jobs",
    kind: "usage",
    what: `--jobs ${text} is no number of processes.`,
    remedy: "Give a whole number from 1 to 256.",
  });
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    process.stderr.write("\nInterrupted. What is finished is kept: the same command goes on from there.\n");
    process.exit(EXIT_INTERRUPTED);
  });
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
  else process.exitCode = reported(error);
}

function reported(error: unknown): number {
  const failure = error instanceof Failure ? error : systemFailure(error);
  if (failure === null) throw error;
  const { code, kind, message, remedy, fields, exitCode } = failure;
  const isJson = process.argv.includes("--json");
  const text = isJson
    ? JSON.stringify({ error: { code, kind, what: message, remedy, fields } })
    : `error: ${message}\n  next: ${remedy}\n  (${code})`;
  process.stderr.write(`${text}\n`);
  return exitCode;
}
