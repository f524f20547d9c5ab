/** What a sweep came to, for people: one page, its drawings, and a table that any program reads. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { PUBLIC_FILE_MODE, writeFileAtomically } from "@consilium/certs/files";
import { htmlPage, htmlSection, htmlTable } from "@consilium/shared/html/page";
import { escaped } from "@consilium/shared/plot/escaped";
import { intervalPlotSvg } from "@consilium/shared/plot/intervalPlot";
import { drawingOf, pointName } from "./drawing.ts";
import { MEASURES, type Measure, spreadOf } from "./measure.ts";
import type { RunResult } from "./result.ts";
import type { PointResult } from "./sweep.ts";
import type { Sweep } from "./sweepFile.ts";

/** How the sweep was made. */
export interface SweepFacts {
  readonly command: string;
  readonly software: string;
  readonly machine: string;
  readonly wallSeconds: number;
  /** Runs that were there already. */
  readonly kept: number;
  /** What is odd about the records. */
  readonly odd: readonly string[];
}

/** Writes index.html, results.csv and a file for each drawing; returns their names. */
export async function writeReport(
  { file }: Sweep,
  results: readonly PointResult[],
  facts: SweepFacts,
  out: string,
): Promise<readonly string[]> {
  await mkdir(out, { recursive: true });
  // A plot that the file no longer has is drawn no more.
  for (const name of await readdir(out)) if (/^figure-\d+\.svg$/.test(name)) await rm(join(out, name));
  const drawings = file.plots.map((plot, index) => ({
    name: `figure-${index + 1}.svg`,
    title: plot.title,
    svg: drawingOf(plot, results, file),
  }));
  const written: [string, string][] = [
    ...drawings.map(({ name, svg }): [string, string] => [name, svg]),
    ["results.csv", csvOf(file.vary, results, out)],
    ["index.html", pageOf({ file }, results, facts, drawings)],
  ];
  for (const [name, text] of written) await writeFileAtomically(join(out, name), text, PUBLIC_FILE_MODE);
  return written.map(([name]) => name);
}

const SHOWN: readonly Measure[] = [
  "epsilon",
  "trainingEpsilon",
  "recordEpsilon",
  "idealEpsilon",
  "heldAccuracy",
  "heldAccuracyOfSites",
  "heldBalancedAccuracy",
  "heldAuc",
  "heldConcordance",
  "heldConcordanceOfSites",
  "trainAccuracy",
  "syntheticOnReal",
  "realOnReal",
  "attackAuc",
];

function pageOf(
  { file }: Pick<Sweep, "file">,
  results: readonly PointResult[],
  facts: SweepFacts,
  drawings: readonly { readonly name: string; readonly title: string; readonly svg: string }[],
): string {
  const failures = results.flatMap(({ point, failures: own }) =>
    own.map(({ repetition, why }) => [escaped(`${point.id}, repetition ${repetition}`), escaped(why)]),
  );
  const audits = auditDrawing(results);
  return htmlPage(`${file.name}: ${file.question}`, [
    `<p class="quiet">${howRun(results)} Exact figures exist because whoever runs a sweep holds all records; a study ` +
      `shows noised ones alone.</p>`,
    ...drawings.map(({ title, svg }) => htmlSection(title, svg)),
    ...(audits === null ? [] : [htmlSection("What each study's own audit says: the best attack's AUC", audits)]),
    ...file.notes.map((note) => `<p>${escaped(note)}</p>`),
    htmlSection("All points", tableOf(file, results)),
    ...(facts.odd.length === 0 ? [] : [htmlSection("What is odd about the records", listOf(facts.odd))]),
    ...(failures.length === 0 ? [] : [htmlSection("Runs that failed", htmlTable(["run", "why"], failures))]),
    htmlSection("How it was made", factsOf(file, results, facts)),
  ]);
}

function listOf(sentences: readonly string[]): string {
  return `<ul>${sentences.map((sentence) => `<li>${escaped(sentence)}</li>`).join("")}</ul>`;
}

function howRun(results: readonly PointResult[]): string {
  const isReal = results.some(({ runs }) => runs.some(({ result }) => result.processes === "real"));
  if (!isReal) return "Simulated on one machine, by the code that sites and coordinator run below their sockets.";
  return (
    "Run on one machine with real processes: coordinator and sites each with keys, database and mutually authenticated " +
    "sockets of their own. Training without privacy is one process."
  );
}

/** Beside others only where a plot asks for it: a table is to fit a screen. */
const ON_REQUEST: readonly Measure[] = ["heldBalancedAccuracy"];

function tableOf({ vary, plots }: Sweep["file"], results: readonly PointResult[]): string {
  const columns = vary.map(({ name }) => name);
  const asked = plots.flatMap(({ y }) => y);
  const shown = SHOWN.filter((measure) => !ON_REQUEST.includes(measure) || asked.includes(measure)).filter((measure) =>
    results.some(({ runs }) => spreadOf(measure, resultsOf(runs)) !== null),
  );
  const head = ["variant", ...columns, ...shown.map((measure) => MEASURES[measure].name), "the study's audit", "gate"];
  const rows = results.map(({ point, runs }) => {
    const all = resultsOf(runs);
    const passed = all.filter(({ noised }) => noised.gatePassed).length;
    return [
      escaped(point.variant),
      ...columns.map((column) => escaped(point.columns[column] ?? "–")),
      ...shown.map((measure) => escaped(spreadText(measure, all))),
      auditText(all),
      gateText(point, all.length, passed),
    ];
  });
  const how = [
    "Medians over repetitions, the least and the largest beside them; where the data name no split, each repetition has its own.",
    shown.includes("recordEpsilon")
      ? "ε of a patient is what a release promises; where records were sanitized it is of metrics and audit alone, and what " +
        "sanitizing promised is ε of a sanitized record."
      : "ε of a patient is what a release promises, training, metrics and audit together, by privacy loss distributions.",
    "That of training alone is by Rényi orders, as caps count: a looser bound, so that it may be the larger.",
    "The study's audit: ends of the best attack's noised intervals, over all repetitions.",
  ].join(" ");
  return `<p class="quiet">${how}</p>${htmlTable(head.map(escaped), rows)}`;
}

function gateText({ train }: PointResult["point"], runs: number, passed: number): string {
  if (train === "cox") return "none: no privacy, Cox, pooled";
  if (runs === 0) return '<span class="bad">no run ended</span>';
  return `<span class="${passed === runs ? "good" : "bad"}">passed ${passed} of ${runs}</span>`;
}

function resultsOf(runs: PointResult["runs"]): readonly RunResult[] {
  return runs.map(({ result }) => result);
}

function auditText(runs: readonly RunResult[]): string {
  const around = auditedOf(runs);
  return around === null ? "–" : `${around.low.toFixed(2)} to ${around.high.toFixed(2)}`;
}

/** What covers the intervals of all repetitions. */
function auditedOf(runs: readonly RunResult[]): { low: number; value: number; high: number } | null {
  const intervals = runs.flatMap(({ noised }) => noised.bestAttackAuc ?? []);
  const middle = spreadOf("noisedAttackAuc", runs);
  if (middle === null) return null;
  const low = Math.min(...intervals.map((interval) => interval.low));
  return { low, value: middle.median, high: Math.max(...intervals.map((interval) => interval.high)) };
}

/** Every point's audit beside the gate's limit; of more points than a screen holds the table alone tells. */
function auditDrawing(results: readonly PointResult[]): string | null {
  const limits = new Set(results.flatMap(({ runs }) => runs.map(({ result }) => result.limit)));
  const [limit] = limits;
  // A Cox model isn't audited at all, which is another thing than an audit that noise hides.
  const audited = results.filter(({ point }) => point.train !== "cox");
  if (audited.length === 0 || audited.length > ROWS_MAX || limits.size !== 1 || limit === undefined) return null;
  const rows = audited.map(({ point, runs }) => {
    return { name: pointName({ point }), interval: auditedOf(resultsOf(runs)), isDecisive: false };
  });
  const marks = [
    { name: "a coin", at: 0.5, isLimit: false },
    { name: "gate", at: limit, isLimit: true },
  ];
  return intervalPlotSvg({ label: "best attack's AUC as each study's own audit tells it", rows, marks });
}

const ROWS_MAX = 16;

function spreadText(measure: Measure, runs: readonly RunResult[]): string {
  const spread = spreadOf(measure, runs);
  if (spread === null) return "–";
  const { median, low, high } = spread;
  return low === high ? figure(median) : `${figure(median)} (${figure(low)} to ${figure(high)})`;
}

function figure(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(3);
}

function factsOf(
  file: Sweep["file"],
  results: readonly PointResult[],
  { command, software, machine, wallSeconds, kept }: SweepFacts,
): string {
  const all = results.flatMap(({ runs }) => resultsOf(runs));
  const [runs, seconds] = [all.length, all.reduce((sum, result) => sum + result.seconds, 0)];
  const took = `this command took ${wallSeconds.toFixed(0)} s${kept === 0 ? "" : ` and found ${kept} of them made before`}`;
  const rows = [
    ["command", `<code>${escaped(command)}</code>`],
    ["study", `<code>${escaped(file.study)}</code>`],
    ["runs", `${runs}, ${file.repetitions} of each point`],
    ["time", `${seconds.toFixed(0)} s of all runs together; ${took}`],
    ["program", escaped(software)],
    ["machine", escaped(machine)],
    ["each run", "<code>runs/</code>: its study, its ledger, its audit; results.csv names ledger heads by hash"],
  ];
  return htmlTable(["", ""], rows);
}

/** A line for each run. */
function csvOf(vary: Sweep["file"]["vary"], results: readonly PointResult[], out: string): string {
  const columns = vary.map(({ name }) => name);
  const measures = Object.entries(MEASURES);
  const head = ["point", "variant", ...columns, "repetition", "processes", "state", "gatePassed", "rounds", "delta"];
  const rows = results.flatMap(({ point, runs }) =>
    runs.map(({ repetition, folder, result }) => [
      ...[point.id, point.variant, ...columns.map((column) => point.columns[column] ?? "")],
      ...[repetition, result.processes, result.state, result.noised.gatePassed, result.rounds, result.delta],
      ...measures.map(([, { of }]) => of(result) ?? ""),
      ...[result.noised.bestAttackAuc?.low ?? "", result.noised.bestAttackAuc?.high ?? ""],
      ...[result.studyDigest, result.ledger?.sequence ?? "", result.ledger?.hash ?? "", relative(out, folder)],
    ]),
  );
  const tail = ["noisedAttackAucLow", "noisedAttackAucHigh", "study", "ledgerEntries", "ledgerHash", "folder"];
  const lines = [[...head, ...measures.map(([name]) => name), ...tail], ...rows];
  return lines.map((cells) => `${cells.map(csvCell).join(",")}\n`).join("");
}

/** RFC 4180, §2. */
function csvCell(cell: string | number | boolean): string {
  const text = String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
