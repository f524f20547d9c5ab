/** The benchmark "engine" as a part of docs/benchmarks.md. */
import { chooseEngine } from "@consilium/site-agent/device/engineChoice";
import { verdicts, verdictText } from "./aim.ts";
import { STEADY } from "./enginePlans.ts";
import { caseOf, type EngineCase, type MeasuredPlan } from "./engineReport.ts";
import { figure, table } from "./page.ts";
import type { TimedCase } from "./report.ts";
import type { SteadyCase } from "./steadyReport.ts";

export const WHOLE_STEP = "private, noise made alongside";

const ENGINE_NAME: Readonly<Record<string, string>> = {
  "tensorflow-gpu": "libtensorflow, GPU",
  tensorflow: "libtensorflow",
  wasm: "WebAssembly",
  pytorch: "PyTorch",
  opacus: "Opacus",
};

export function enginePage(facts: string, plans: readonly MeasuredPlan[], steady: readonly SteadyCase[]): string {
  return [facts, summary(plans), "Every step that was timed:", everyStep(plans), steadyText(steady)].join("\n\n");
}

function summary(plans: readonly MeasuredPlan[]): string {
  const head = [
    "private step, noise made alongside",
    "libtensorflow",
    "aim",
    "PyTorch, no privacy",
    "Opacus, ghost clipping",
    "WebAssembly, × libtensorflow",
    "a site takes",
  ];
  return table(head, plans.map(summaryRow));
}

function summaryRow(measured: MeasuredPlan): string[] {
  const native = caseOf(measured, "tensorflow", WHOLE_STEP);
  const pytorch = caseOf(measured, "pytorch", "non-private");
  const wasm = caseOf(measured, "wasm", WHOLE_STEP);
  const { name, aim } = measured.plan;
  const said = aim === null || native === null ? [] : verdicts(aim, native, pytorch?.median ?? null);
  return [
    name,
    native === null ? "not measured" : `**${figure(native.median)} ms**, ${figure(Math.round(native.peakRssMiB))} MiB`,
    said.map(verdictText).join("; "),
    briefly(pytorch),
    briefly(caseOf(measured, "opacus", "private, ghost clipping")),
    wasm === null || native === null ? briefly(wasm) : `${briefly(wasm)}, ${times(wasm.median / native.median)}`,
    taken(measured),
  ];
}

/** What a site with both engines computes such a study with. */
function taken({ plan }: MeasuredPlan): string {
  const { engine } = chooseEngine("auto", true, plan.spec(), plan.batch);
  return engine === "wasm" ? "WebAssembly" : "libtensorflow";
}

function briefly(one: TimedCase | null): string {
  return one === null ? "" : `${figure(one.median)} ms`;
}

function times(ratio: number): string {
  return `${ratio.toFixed(2)} ×`;
}

function everyStep(plans: readonly MeasuredPlan[]): string {
  const head = [
    "case",
    "engine",
    "ms, median (p10 to p90)",
    "runs",
    "× PyTorch",
    "× same engine, no privacy",
    "peak MiB",
  ];
  return table(
    head,
    plans.flatMap(({ cases }) => cases.map(stepRow)),
  );
}

function stepRow(one: EngineCase): string[] {
  const engine = ENGINE_NAME[one.backend] ?? one.backend;
  if (one.skipped !== null) return [one.name, engine, `not measured: ${one.skipped}`, "", "", "", ""];
  const against = (name: string): string => {
    const ratio = one.comparisons.find((other) => other.name === name)?.ratio;
    return ratio === undefined ? "" : ratio.toFixed(2);
  };
  return [
    one.name,
    engine,
    `${figure(one.median)} (${figure(one.p10)} to ${figure(one.p90)})`,
    String(one.runs),
    against("PyTorch, non-private"),
    one.backend === "pytorch" ? "" : against(`${one.backend}, non-private`),
    figure(Math.round(one.peakRssMiB)),
  ];
}

function steadyText(steady: readonly SteadyCase[]): string {
  const { name, batch, steps, every } = STEADY;
  const lines = steady.map((one) => {
    const engine = ENGINE_NAME[one.backend] ?? one.backend;
    if (one.skipped !== null) return `- ${engine}: not measured: ${one.skipped}`;
    const { first, last } = one.held;
    const memory = `${figure(Math.round(first.rssMiB))} and ${figure(Math.round(last.rssMiB))} MiB in RAM`;
    const tensors = `${first.tensors} and ${last.tensors} tensors of ${first.tensorMiB.toFixed(2)} and`;
    return `- ${engine}: ${memory}; ${tensors} ${last.tensorMiB.toFixed(2)} MiB.`;
  });
  const title = `What the process holds after ${every} and after ${figure(steps)} private steps of the ${name}, batch ${batch}:`;
  return [title, "", ...lines].join("\n");
}
