/** One study from proposal to release or refusal, at simulated sites, and what it came to. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { PUBLIC_FILE_MODE, writeFileAtomically } from "@consilium/certs/files";
import { auditOf, metricsOf, normalisationKept } from "@consilium/coordinator/storage/results";
import { approvalsCharged } from "@consilium/coordinator/study/opening";
import { SOFTWARE_VERSION } from "@consilium/coordinator/version";
import type { Backend } from "@consilium/engine/backend";
import type { Figure, GateResult } from "@consilium/shared/audit/report";
import { networkOfSite } from "@consilium/shared/model/siteHeads";
import { featureScales } from "@consilium/shared/normalisation/columnScales";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import { releaseGate } from "@consilium/shared/release/build";
import { ledgerBytes } from "@consilium/shared/release/ledgerLines";
import { jsonBytes } from "@consilium/shared/release/manifest";
import { type PrivacyStatement, privacyStatementOf, spentCharges } from "@consilium/shared/release/statement";
import { csvText } from "@consilium/shared/release/synthetic";
import { studyDigest } from "@consilium/shared/study/digest";
import type { StudyDocument } from "@consilium/shared/study/document";
import { featureCount } from "@consilium/shared/study/features";
import { headsOfStudy } from "@consilium/shared/study/siteHeads";
import type { Logger } from "@consilium/shared/system/logger";
import type { SiteName } from "@consilium/shared/units/identity";
import { SimulatedCoordinator } from "./coordinator.ts";
import { type CurvePoint, curvePoint, LearningCurve } from "./curve.ts";
import { askedBy, exactFigures, type ModelOfSite, type TrainedModel } from "./exact.ts";
import { recordsOf, splitKeyOf } from "./records.ts";
import { type Interval, RunResult } from "./result.ts";
import { recordEpsilonOf, type SanitizeRule } from "./sanitizeRule.ts";
import { SimulatedSite } from "./site.ts";
import { syntheticFigures, syntheticOf } from "./syntheticFigures.ts";

export interface RunOptions {
  readonly document: StudyDocument;
  /** The weights file that the study names. */
  readonly weights: Uint8Array | null;
  /** Each site's table, or its data set's file. */
  readonly records: ReadonlyMap<SiteName, string>;
  /** Patients are split by it; noise and samples are drawn anew whatever it is. */
  readonly repetition: number;
  /** What every site does to its data set beforehand; `schema`: the study's file. */
  readonly sanitize?: { readonly rule: SanitizeRule; readonly schema: string };
  /** Made anew: databases while it runs; its result, study, audit and ledger afterwards. */
  readonly folder: string;
  /** Exact accuracy every so many rounds. */
  readonly curveEvery?: number;
  readonly backend: Backend;
  readonly random: RandomSource;
  readonly logger?: Logger;
  readonly onProgress?: () => void;
}

export const SILENT: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Databases, keys and records go; what shows how the result came about stays. */
export async function simulate(options: RunOptions): Promise<RunResult> {
  const { document, folder, random, logger = SILENT, onProgress, curveEvery } = options;
  const work = join(folder, "work");
  await rm(folder, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  const started = performance.now();
  const sites: SimulatedSite[] = [];
  let curve: LearningCurve | null = null;
  const coordinator: SimulatedCoordinator = await SimulatedCoordinator.open({
    ...{ folder: join(work, "coordinator"), random, logger },
    onProgress: () => {
      onProgress?.();
      curve?.reached(coordinator.modelsMade(document));
    },
  });
  try {
    for (const { name } of document.sites) {
      const site = await openSite(name, coordinator, options);
      sites.push(site);
      coordinator.join(site);
    }
    if (curveEvery !== undefined) curve = curveOf(coordinator, sites, document, curveEvery);
    const state = await coordinator.carryOut(document, options.weights);
    const seconds = (performance.now() - started) / 1000;
    const result = await resultOf(coordinator, sites, options, {
      ...{ processes: "simulated", state, seconds },
      points: await curve?.whole(),
    });
    await keep(folder, coordinator, document, result);
    return result;
  } finally {
    await Promise.all(sites.map((site) => site.close()));
    await coordinator.close();
    await rm(work, { recursive: true, force: true });
  }
}

function openSite(name: SiteName, { side, world }: SimulatedCoordinator, options: RunOptions): Promise<SimulatedSite> {
  const { records, folder, backend, random, repetition, sanitize } = options;
  return SimulatedSite.open({
    ...{ name, folder: join(folder, "work", "sites", name), records: recordsOf(records, name), coordinator: side },
    ...{ splitKey: splitKeyOf(repetition, name), backend, random, logger: world.logger },
    ...(sanitize === undefined ? {} : { sanitize }),
  });
}

export type SiteOfRun = Pick<SimulatedSite, "name" | "patients">;

export interface Ended {
  readonly processes: RunResult["processes"];
  readonly state: string;
  readonly seconds: number;
  readonly points: readonly CurvePoint[] | undefined;
}

/** The newest model whenever it is looked at; before the first round, the initial one. */
function curveOf(
  coordinator: SimulatedCoordinator,
  sites: readonly SimulatedSite[],
  document: StudyDocument,
  every: number,
): LearningCurve {
  const classes = document.data.label.values.length;
  return new LearningCurve(every, async () => {
    const model = await modelOf(coordinator, document);
    return curvePoint(model.round, classes, modelsAt(sites, document, model));
  });
}

async function modelOf(
  coordinator: SimulatedCoordinator,
  document: StudyDocument,
): Promise<TrainedModel & { readonly round: number }> {
  const line = await coordinator.model(document);
  const scales = featureScales(document, normalisationKept(coordinator.world.sql, document.name)?.scales);
  return { spec: line.spec, weights: line, scales, round: line.newest.version };
}

/** The model as each site has it, beside whom it scores: one for all, or with the site's own head. */
function modelsAt(sites: readonly SiteOfRun[], document: StudyDocument, model: TrainedModel): readonly ModelOfSite[] {
  const heads = headsOfStudy(document);
  const { frozen, parameters: all } = model.weights;
  return sites.flatMap(({ name, patients }) => {
    if (patients === null) return [];
    if (heads === undefined) return [{ name, model, patients }];
    const place = document.sites.findIndex((site) => site.name === name);
    const weights = { frozen, parameters: networkOfSite(all, heads, place) };
    return [{ name, model: { ...model, weights }, patients }];
  });
}

/** What a study that ended came to, by what its coordinator holds and by its sites' patients. */
export async function resultOf(
  coordinator: SimulatedCoordinator,
  sites: readonly SiteOfRun[],
  { document, sanitize }: Pick<RunOptions, "document" | "sanitize">,
  { state, seconds, points, processes }: Ended,
): Promise<RunResult> {
  const { world } = coordinator;
  const { name } = document;
  const isCharged = spentCharges(world.ledger.state(), name).length > 0;
  const privacy = isCharged ? privacyStatementOf(document, world.ledger.state(), approvalsCharged(world, name)) : null;
  const { head } = world.ledger.head();
  return RunResult.parse({
    formatVersion: 1,
    processes,
    study: name,
    studyDigest: studyDigest(document),
    state,
    reason: coordinator.reason(name),
    seconds: Math.round(seconds * 1000) / 1000,
    epsilon: privacy?.guarantee.epsilon ?? null,
    delta: document.privacy.delta,
    recordEpsilon: sanitize === undefined ? null : recordEpsilonOf(sanitize.rule, featureCount(document.data)),
    sites: (privacy?.sites ?? []).map(({ site, epsilon, trainingEpsilon }) => ({ site, epsilon, trainingEpsilon })),
    ...(await figuresOf(coordinator, sites, document, { privacy, points })),
    ledger: { sequence: head.sequence, hash: head.hash },
    softwareVersion: SOFTWARE_VERSION,
  });
}

/** The study's own noised figures, and beside them the exact ones. */
async function figuresOf(
  coordinator: SimulatedCoordinator,
  sites: readonly SiteOfRun[],
  document: StudyDocument,
  { privacy, points }: { readonly privacy: PrivacyStatement | null } & Pick<Ended, "points">,
): Promise<Pick<RunResult, "rounds" | "noised" | "limit" | "broken" | "exact">> {
  const { sql } = coordinator.world;
  const { round: rounds, ...model } = await modelOf(coordinator, document);
  const metric = metricsOf(sql, document.name).at(-1)?.metric;
  const audit = auditOf(sql, document.name)?.report;
  const gate = audit === undefined || privacy === null ? null : releaseGate(document, audit, privacy);
  const exact = exactFigures(askedBy(document), modelsAt(sites, document, model));
  const table = syntheticOf(sql, document);
  const patients = sites.flatMap((site) => (site.patients === null ? [] : [site.patients]));
  const synthetic = table === null ? {} : { synthetic: syntheticFigures(document, table, patients) };
  return {
    rounds,
    noised: {
      auc: intervalOf(metric?.auc),
      accuracy: intervalOf(metric?.accuracy),
      ...(metric?.concordance === undefined ? {} : { concordance: intervalOf(metric.concordance) }),
      bestAttackAuc: intervalOf(audit?.best),
      ...(audit?.utility === undefined ? {} : { utility: intervalOf(audit.utility.evaluation.auc) }),
      gatePassed: gate?.passed ?? false,
    },
    limit: document.audit.gates.maxAttackAucUpper,
    broken: brokenRules(gate),
    exact: { ...exact, ...synthetic, ...(points === undefined ? {} : { curve: [...points] }) },
  };
}

export function brokenRules(gate: GateResult | null): string[] {
  const broken = gate?.rules.filter(({ passed }) => !passed) ?? [];
  return broken.map(({ rule, found, required }) => `${rule}: ${found}, required ${required}`);
}

export function intervalOf(figure: Figure | undefined): Interval {
  if (figure?.state !== "resolved") return null;
  const { low, value, high } = figure;
  return { low, value, high };
}

/** The result last: where it stands, the rest does. */
export async function keep(
  folder: string,
  { world }: SimulatedCoordinator,
  document: StudyDocument,
  result: RunResult,
): Promise<void> {
  const audit = auditOf(world.sql, document.name)?.report;
  await writeFileAtomically(join(folder, "study.json"), jsonBytes(document), PUBLIC_FILE_MODE);
  await writeFileAtomically(join(folder, "ledger.jsonl"), ledgerBytes(world.ledger.entries()), PUBLIC_FILE_MODE);
  if (audit !== undefined) await writeFileAtomically(join(folder, "audit.json"), jsonBytes(audit), PUBLIC_FILE_MODE);
  const table = syntheticOf(world.sql, document);
  if (table !== null)
    await writeFileAtomically(join(folder, "synthetic.csv"), Buffer.from(csvText(table)), PUBLIC_FILE_MODE);
  await writeFileAtomically(join(folder, "result.json"), jsonBytes(result), PUBLIC_FILE_MODE);
}
