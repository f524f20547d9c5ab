/**
 * `npm run bench -- accountant [--json]`: processor time of the accountants' tasks after three runs to warm up, beside
 * dp_accounting's where `CONSILIUM_PEERS_PYTHON` (or python3) has it.
 */
import { spawnSync } from "node:child_process";
import { epsilonOf } from "@consilium/shared/accountant/convert";
import { leastPldNoise } from "@consilium/shared/accountant/leastPldNoise";
import { ORDERS } from "@consilium/shared/accountant/orders";
import { pldEpsilon } from "@consilium/shared/accountant/pld";
import { rdpPoissonGaussian } from "@consilium/shared/accountant/poissonGaussian";
import { scaleCurve } from "@consilium/shared/accountant/rdp";
import { PricedEvent } from "@consilium/shared/event/pricedEvent";
import { z } from "zod";
import { PYTHON_VARIABLE } from "./measure/peers.ts";
import { quantile } from "./measure/quantile.ts";
import { type BenchCase, printReport, skippedCase, timedCase } from "./measure/report.ts";

const DELTA = 1e-5;
const RUNS = 7;

const steps = (samplingRate: number, noiseMultiplier: number, count: number): PricedEvent =>
  PricedEvent.parse({ kind: "poisson-gaussian", adjacency: "add-remove", samplingRate, noiseMultiplier, count });

const MIXED = [steps(0.01, 1, 100), steps(0.01, 1.5, 100), steps(0.01, 2, 100), steps(0.01, 4, 100)];

/** Past the cache of curves: what a new plan takes. */
function rdpAnew(): number {
  const values = rdpPoissonGaussian(0.01, 1, ORDERS);
  return epsilonOf(scaleCurve({ values, maxLogRatio: 0, totalVariation: 0 }, 10_000), DELTA);
}

const TASKS = [
  { name: "RDP, q = .01, σ = 1, 10,000 steps", peer: "rdp", run: rdpAnew },
  { name: "PLD, both bounds, the same", peer: "pld", run: () => pldEpsilon([steps(0.01, 1, 10_000)], DELTA) },
  { name: "PLD, both bounds, 1,000 steps", peer: "pld1000", run: () => pldEpsilon([steps(0.01, 1, 1000)], DELTA) },
  { name: "PLD, both bounds, 4 mixed segments", peer: "mixed", run: () => pldEpsilon(MIXED, DELTA) },
  {
    name: "σ for ε = 3, q = .01, 5,000 steps, by PLD",
    peer: "sigma",
    run: () => leastPldNoise((noise) => [steps(0.01, noise, 5000)], 3, DELTA),
  },
] as const;

const peers = peerTimes();
const cases = TASKS.flatMap(({ name, peer, run }): BenchCase[] => {
  const times = timesOf(run);
  const theirs = "times" in peers ? peers.times[peer] : undefined;
  const median = theirs === undefined ? null : quantile(theirs, 0.5);
  const reference = median === null ? null : { name: "dp_accounting", median, ratio: quantile(times, 0.5) / median };
  const peakRssMiB = process.resourceUsage().maxRSS / 1024;
  const own = timedCase({ name, backend: "node", peakRssMiB, times }, reference);
  return "why" in peers ? [own, skippedCase(name, "python", peers.why)] : [own];
});
printReport("accountant", cases, process.argv.includes("--json"));

/** Milliseconds of processor time: other work on the machine doesn't count. */
function timesOf(run: () => unknown): number[] {
  for (let warm = 0; warm < 3; warm++) run();
  return Array.from({ length: RUNS }, () => {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
}

function peerTimes(): { readonly times: Record<string, number[]> } | { readonly why: string } {
  const python = process.env[PYTHON_VARIABLE] || "python3";
  const script = new URL("../peers/accountants.py", import.meta.url).pathname;
  const { status, stdout, stderr, error } = spawnSync(python, ["-W", "ignore", script], { encoding: "utf8" });
  if (error !== undefined) return { why: `${python} can't be started` };
  if (status !== 0) return { why: stderr.trim().split("\n").at(-1)?.slice(0, 200) ?? "it failed" };
  return { times: z.record(z.string(), z.array(z.number())).parse(JSON.parse(stdout)) };
}
