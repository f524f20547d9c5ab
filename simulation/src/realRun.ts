/** One study with real processes on this machine: keys, certificates, sockets, databases, and people's own commands. */
import type { ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readKeys } from "@consilium/coordinator/consortium/dataFolder";
import { dataPaths } from "@consilium/coordinator/consortium/paths";
import { Failure } from "@consilium/shared/failure/failure";
import type { StudyDocument } from "@consilium/shared/study/document";
import type { SiteName } from "@consilium/shared/units/identity";
import { dataFolder } from "@consilium/site-agent/storage/folder";
import { readKeys as readSiteKeys } from "@consilium/site-agent/storage/keys";
import { Consortium } from "../processes/consortium.mjs";
import { SimulatedCoordinator } from "./coordinator.ts";
import { patientsOfSite, recordsOf } from "./records.ts";
import type { RunResult } from "./result.ts";
import { type Ended, keep, type RunOptions, resultOf, SILENT, type SiteOfRun } from "./run.ts";
import { capFor, type SanitizeRule, sanitizedEnding } from "./sanitizeRule.ts";

export interface RealRunOptions extends RunOptions {
  /** Writes the study's file and what it names into a folder; returns its path. */
  readonly writeStudy: (folder: string) => string;
}

const DATASET = "records";
const END_STATES = ["signing", "released", "rejected", "aborted", "paused"];
/** Rounds come at a study's own public times, however long that takes. */
const TIMEOUT_MS = 7 * 24 * 3_600_000;

/**
 * As `simulate`, with everything that a hospital runs. Processes end with this one, unless it is killed outright; a
 * process that ends by itself fails the run. Of a run that failed the logs stay.
 */
export async function runForReal(options: RealRunOptions): Promise<RunResult> {
  const { folder } = options;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  // A socket's path may have some hundred letters: that of a run's folder can be longer.
  const work = await mkdtemp(join(tmpdir(), "consilium-run-"));
  const consortium = new Consortium(work);
  // No process and no key outlives this one, unless it is killed outright.
  const killAll = (): void => {
    consortium.processes.killAll();
    rmSync(work, { recursive: true, force: true });
  };
  process.once("exit", killAll);
  const losses = new Losses();
  try {
    const started = performance.now();
    const state = await carriedOut(consortium, options, losses);
    const seconds = (performance.now() - started) / 1000;
    losses.over();
    await consortium.stop();
    return await lookedInto(consortium, options, { processes: "real", state, seconds, points: undefined });
  } catch (error) {
    await cp(consortium.logs, join(folder, "logs"), { recursive: true }).catch(() => undefined);
    // Of a process that is gone others tell in their own ways, after a while.
    losses.throwIfAny();
    throw error;
  } finally {
    await consortium.stop();
    process.off("exit", killAll);
    await rm(work, { recursive: true, force: true });
    options.onProgress?.();
  }
}

/** What it came to, by the databases that the processes left. */
async function lookedInto(consortium: Consortium, options: RealRunOptions, ended: Ended): Promise<RunResult> {
  const { document, folder, random, records } = options;
  const { signer } = await readKeys(dataPaths(consortium.coordinatorFolder));
  const from = { folder: consortium.coordinatorFolder, random, logger: SILENT, signer };
  const coordinator = await SimulatedCoordinator.open(from);
  try {
    const sites: SiteOfRun[] = [];
    for (const { name } of document.sites) {
      const { splitKey } = await readSiteKeys(dataFolder(consortium.siteFolder(name)));
      const own = { path: recordsOf(records, name), splitKey, random };
      sites.push({ name, patients: await patientsOfSite(document, name, own) });
    }
    const result = await resultOf(coordinator, sites, options, ended);
    await keep(folder, coordinator, document, result);
    return result;
  } finally {
    await coordinator.close();
  }
}

/** From the first key to the study's end; resolves to how it ended. */
async function carriedOut(consortium: Consortium, options: RealRunOptions, losses: Losses): Promise<string> {
  const { document, records, sanitize, writeStudy, onProgress } = options;
  const study = writeStudy(join(consortium.folder, "study"));
  await consortium.createCoordinator();
  losses.watch("the coordinator", consortium.coordinator);
  const cap = capFor(document, sanitize?.rule);
  const sanitized = new Map<SiteName, string>();
  for (const { name } of document.sites) {
    await consortium.enrol(name, { records: recordsOf(records, name), dataset: DATASET, ...cap });
    losses.watch(name, await consortium.startSite(name));
    if (sanitize === undefined) continue;
    sanitized.set(name, await sanitizedAt(consortium, name, { rule: sanitize.rule, study, document }));
  }
  await consortium.consilium(["study", "propose", study]);
  for (const { name } of document.sites) {
    await consortium.approve(name, document.name, DATASET, sanitized.get(name));
  }
  await consortium.consilium(["study", "start", document.name]);
  let rounds = 0;
  const { state } = await consortium.reached(document.name, END_STATES, TIMEOUT_MS, ({ committedRounds }) => {
    losses.throwIfAny();
    for (; rounds < committedRounds; rounds++) onProgress?.();
  });
  losses.throwIfAny();
  return state;
}

/** Processes that ended while a study ran: a study may go on without a site, and would be another one. */
class Losses {
  readonly #lost: string[] = [];
  #isOver = false;

  watch(name: string, child: ChildProcess): void {
    child.once("exit", (code, signal) => {
      if (!this.#isOver) this.#lost.push(`${name} (${signal ?? `exit code ${code}`})`);
    });
  }

  /** Whoever ends from here on is told to. */
  over(): void {
    this.#isOver = true;
  }

  throwIfAny(): void {
    if (this.#lost.length === 0) return;
    throw new Failure({
      code: "sweep/process-lost",
      kind: "fault",
      what: `A process ended before the study did: ${this.#lost.join(", ")}.`,
      remedy: "Its log lies in the run's folder, under logs/.",
    });
  }
}

/** `consilium-site sanitize`, as the site's stewards type it; returns the file's path. */
async function sanitizedAt(
  consortium: Consortium,
  site: SiteName,
  told: { readonly rule: SanitizeRule; readonly study: string; readonly document: StudyDocument },
): Promise<string> {
  const { rule, study, document } = told;
  const out = join(consortium.folder, `${site}.sanitized.${sanitizedEnding(document.data)}`);
  const { method, epsilon, promise, coefficients, clip, firstClip, dimensions, sampler, labels } = rule;
  const flags = Object.entries({
    ...{ in: DATASET, out, schema: study, method, epsilon, promise, coefficients, clip, labels },
    ...{ "first-clip": firstClip, dimensions, sampler },
  }).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]));
  const isDisclosure = labels === "public" || method === "pixel-laplace" || sampler === "floating-point";
  if (isDisclosure) await consortium.addSecondSteward(site);
  await consortium.steward(site, ["sanitize", ...flags, ...(isDisclosure ? consortium.bothStewards(site) : [])]);
  return out;
}
