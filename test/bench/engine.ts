/**
 * `npm run bench -- engine [--json]`: one private step against the same engine's step without privacy, per backend.
 * Each measurement has a process of its own, so that peak memory is its own.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type BackendName, nativeInstalled, startBackend } from "@consilium/engine/backend";
import { NATIVE_ENVIRONMENT } from "@consilium/site-agent/engine/nativeEnvironment";
import { z } from "zod";
import { type ModelName, STEPS, type StepKind, timeSteps } from "./measure/engineSteps.ts";
import { type BenchCase, printReport, quantile, skippedCase } from "./measure/report.ts";

const BACKENDS = ["tensorflow-gpu", "tensorflow", "wasm"] as const satisfies readonly BackendName[];

const PLANS: readonly { model: ModelName; batch: number; runs: number }[] = [
  { model: "deeptype 20000-1024-512-6", batch: 64, runs: 9 },
  { model: "deeptype 20000-1024-512-6", batch: 256, runs: 5 },
  { model: "logistic 21", batch: 64, runs: 200 },
];

const Order = z.strictObject({
  backend: z.enum(BACKENDS),
  model: z.enum(["deeptype 20000-1024-512-6", "logistic 21"]),
  batch: z.number(),
  runs: z.number(),
  kind: z.enum(STEPS),
});
type Order = z.infer<typeof Order>;

const Outcome = z.union([
  z.strictObject({ times: z.array(z.number()), peakRssMiB: z.number() }),
  z.strictObject({ skipped: z.string() }),
]);
type Outcome = z.infer<typeof Outcome>;

export async function run({ json }: { json: boolean }): Promise<void> {
  const cases = BACKENDS.flatMap((backend) => PLANS.flatMap((plan) => casesOf(backend, plan)));
  printReport("engine", cases, json);
}

function casesOf(backend: BackendName, plan: (typeof PLANS)[number]): BenchCase[] {
  const name = `${plan.model}, batch ${plan.batch}`;
  let reference: BenchCase["reference"] = null;
  const cases: BenchCase[] = [];
  for (const kind of STEPS) {
    const outcome = measure({ backend, ...plan, kind });
    if ("skipped" in outcome) return [skippedCase(name, backend, outcome.skipped)];
    const { times, peakRssMiB } = outcome;
    const median = quantile(times, 0.5);
    const figures = { median, p10: quantile(times, 0.1), p90: quantile(times, 0.9), runs: times.length, peakRssMiB };
    const compared = reference && { ...reference, ratio: median / reference.median };
    cases.push({ name: `${name}, ${kind}`, backend, unit: "ms", ...figures, reference: compared, skipped: null });
    reference ??= { name: kind, median, ratio: 1 };
  }
  return cases;
}

function measure(order: Order): Outcome {
  const native = order.backend !== "wasm";
  if (native && !nativeInstalled()) return { skipped: "not installed: consilium-site engine install" };
  process.stderr.write(`engine: ${order.backend}, ${order.model}, batch ${order.batch}, ${order.kind}\n`);
  const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), "--measure", JSON.stringify(order)], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...(native ? NATIVE_ENVIRONMENT : {}) },
  });
  if (child.status !== 0) throw new Error(`the measuring process ended with ${child.status ?? child.signal}`);
  return Outcome.parse(JSON.parse(child.stdout.trim().split("\n").at(-1) ?? ""));
}

async function measureHere(order: Order): Promise<Outcome> {
  const backend = await startBackend(order.backend);
  if (backend.name !== order.backend) {
    return { skipped: backend.notUsed.find((line) => line.startsWith(`${order.backend}:`)) ?? "not in use" };
  }
  const kind: StepKind = order.kind;
  const times = await timeSteps(order.model, order.batch, kind, order.runs);
  return { times, peakRssMiB: process.resourceUsage().maxRSS / 1024 };
}

const [first, order] = process.argv.slice(2);
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (first === "--measure") {
    const outcome = await measureHere(Order.parse(JSON.parse(order ?? "")));
    process.stdout.write(`${JSON.stringify(outcome)}\n`);
    process.exit(0);
  }
  await run({ json: process.argv.includes("--json") });
}
