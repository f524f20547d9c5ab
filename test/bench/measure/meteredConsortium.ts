/** A consortium of real processes that trains on random sums, and what a round of it costs. */
import { readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LedgerEntry } from "@consilium/shared/ledger/entry";
import { z } from "zod";
import { Consortium } from "#processes/consortium";
import { cpuSeconds, loopbackBytes, peakRssMiB, processTree } from "./machine.ts";
import { CAP, DATASET, type RoundPlan, SITES, writeStudy } from "./roundStudy.ts";

export interface Measured {
  /** Seconds between the commits of successive rounds, in order. */
  readonly seconds: readonly number[];
  /** Site and round without an answer before the deadline. */
  readonly absences: number;
  /** Answers that were not ready at the fixed public time. */
  readonly misses: number;
  /** Bytes over the loopback interface, a round. */
  readonly bytes: number | null;
  readonly coordinatorPeakMiB: number | null;
  /** The largest site: agent and engine together. */
  readonly sitePeakMiB: number | null;
  /** Processor seconds a round: of the coordinator, of all agents, of all engines. */
  readonly cpuSeconds: { readonly coordinator: number; readonly agents: number; readonly engines: number } | null;
  /** Load of this machine before the consortium was made. */
  readonly loadBefore: number;
}

const SITE_PROGRAM = fileURLToPath(new URL("./randomSite.js", import.meta.url));
const POLL_MS = 500;
const Progress = z.object({ state: z.string(), committedRounds: z.number(), reason: z.string().nullable() });
const Page = z.object({ entries: z.array(LedgerEntry), olderBefore: z.number().nullable() });
const History = z.object({
  rounds: z.array(
    z.object({
      key: z.object({ purpose: z.string(), round: z.number() }),
      sites: z.array(z.object({ answer: z.string() })),
    }),
  ),
});

/** Leaves no process behind, whatever happens. */
export async function measureRounds(folder: string, plan: RoundPlan): Promise<Measured> {
  const loadBefore = loadavg()[0] ?? 0;
  const consortium = new Consortium(folder);
  const kill = (): void => consortium.processes.killAll();
  process.once("exit", kill);
  try {
    await begin(consortium, plan);
    const first = await reached(consortium, plan, plan.warmUp);
    const before = counters(consortium);
    const last = await reached(consortium, plan, plan.rounds);
    const after = counters(consortium);
    const [coordinator, ...sites] = childrenOf(consortium).map(treePeakMiB);
    return {
      seconds: await secondsOf(consortium, plan),
      absences: await absencesOf(consortium, plan),
      misses: missesOf(consortium, plan),
      bytes: perRound(before.bytes, after.bytes, last - first),
      coordinatorPeakMiB: coordinator ?? null,
      sitePeakMiB: sites.reduce<number | null>((most, peak) => Math.max(most ?? 0, peak ?? 0) || null, null),
      cpuSeconds: cpuPerRound(before.cpu, after.cpu, last - first),
      loadBefore,
    };
  } finally {
    await consortium.stop();
    process.off("exit", kill);
  }
}

async function begin(consortium: Consortium, plan: RoundPlan): Promise<void> {
  const { study, records } = writeStudy(consortium.folder, plan);
  await consortium.createCoordinator();
  for (const site of SITES) {
    await consortium.enrol(site, { records, dataset: DATASET, ...CAP });
    await consortium.startSite(site, {}, SITE_PROGRAM);
  }
  await consortium.beginStudy(study, plan.name, DATASET, SITES);
}

/** Waits until so many training rounds are committed; how many there are. */
async function reached(consortium: Consortium, { name }: RoundPlan, rounds: number): Promise<number> {
  for (;;) {
    const { state, committedRounds, reason } = Progress.parse(await consortium.view(`/api/studies/${name}`));
    if (committedRounds >= rounds) return committedRounds;
    if (state !== "training" && state !== "approved") throw new Error(`${name} is ${state}: ${reason ?? ""}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The coordinator's process, then the sites'. */
function childrenOf(consortium: Consortium): number[] {
  return [consortium.coordinator, ...consortium.sites.values()].map(({ pid }) => pid ?? 0);
}

function treePeakMiB(pid: number): number | null {
  const peaks = processTree(pid).map(peakRssMiB);
  return peaks.reduce((sum, peak) => (sum === null || peak === null ? null : sum + peak), 0);
}

type Cpu = Measured["cpuSeconds"];

function counters(consortium: Consortium): { bytes: number | null; cpu: Cpu } {
  const [coordinator, ...sites] = childrenOf(consortium).map((pid) => processTree(pid).map(cpuSeconds));
  const bytes = loopbackBytes();
  const times = [...(coordinator ?? []), ...sites.flat()];
  if (times.some((time) => time === null)) return { bytes, cpu: null };
  const sum = (of: readonly (number | null | undefined)[]): number => of.reduce<number>((a, b) => a + (b ?? 0), 0);
  const agents = sum(sites.map(([agent]) => agent));
  return { bytes, cpu: { coordinator: sum(coordinator ?? []), agents, engines: sum(sites.flat()) - agents } };
}

function cpuPerRound(before: Cpu, after: Cpu, rounds: number): Cpu {
  if (before === null || after === null || rounds < 1) return null;
  return {
    coordinator: (after.coordinator - before.coordinator) / rounds,
    agents: (after.agents - before.agents) / rounds,
    engines: (after.engines - before.engines) / rounds,
  };
}

function perRound(before: number | null, after: number | null, rounds: number): number | null {
  return before === null || after === null || rounds < 1 ? null : (after - before) / rounds;
}

/** From the coordinator's ledger: when each round's charges were committed. */
async function secondsOf(consortium: Consortium, plan: RoundPlan): Promise<number[]> {
  const committedAt = new Map<number, number>();
  for (let before: number | null = Number.MAX_SAFE_INTEGER; before !== null; ) {
    const page = Page.parse(await consortium.view(`/api/ledger/entries?before=${before}&limit=200`));
    for (const { at, body } of page.entries) {
      const round = body.kind === "committed" ? /\/train-(\d+)\./.exec(body.charge)?.[1] : undefined;
      if (round !== undefined) committedAt.set(Number(round), Date.parse(at));
    }
    before = page.olderBefore;
  }
  const times = [...committedAt].sort(([a], [b]) => a - b);
  return times.flatMap(([round, at], index) => {
    const previous = times[index - 1];
    return previous !== undefined && round > plan.warmUp && round <= plan.rounds ? [(at - previous[1]) / 1000] : [];
  });
}

async function absencesOf(consortium: Consortium, { name, warmUp, rounds: last }: RoundPlan): Promise<number> {
  const { rounds } = History.parse(await consortium.view(`/api/studies/${name}/rounds`));
  const counted = rounds.filter(({ key }) => key.purpose === "train" && key.round > warmUp && key.round <= last);
  return counted.flatMap(({ sites }) => sites).filter(({ answer }) => answer !== "answered").length;
}

/** As the sites' own logs tell them. */
function missesOf(consortium: Consortium, { warmUp, rounds }: RoundPlan): number {
  const lines = SITES.flatMap((site) => readFileSync(join(consortium.logs, `${site}.log`), "utf8").split("\n"));
  return lines.filter((line) => {
    if (!line.includes('"answer-overdue"')) return false;
    const { round } = Overdue.parse(JSON.parse(line));
    return round > warmUp && round <= rounds;
  }).length;
}

const Overdue = z.object({ round: z.number() });
