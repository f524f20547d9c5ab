/** A run without privacy beside a study's: trained openly, held against the same audit and the same gate. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { PUBLIC_FILE_MODE, writeFileAtomically } from "@consilium/certs/files";
import { SOFTWARE_VERSION } from "@consilium/coordinator/version";
import { loadNetwork } from "@consilium/engine/network";
import { epsilonOfEvents } from "@consilium/shared/accountant/convert";
import { AuditContribution } from "@consilium/shared/audit/contribution";
import { gate } from "@consilium/shared/audit/gate";
import { auditShape } from "@consilium/shared/audit/histogram";
import type { AuditReport } from "@consilium/shared/audit/report";
import { Failure } from "@consilium/shared/failure/failure";
import { releasedTable } from "@consilium/shared/generator/released";
import { modelDigest } from "@consilium/shared/model/modelDigest";
import type { Weights } from "@consilium/shared/model/weights";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import { studyAudit } from "@consilium/shared/release/build";
import { jsonBytes } from "@consilium/shared/release/manifest";
import { csvText } from "@consilium/shared/release/synthetic";
import { studyDigest } from "@consilium/shared/study/digest";
import type { StudyDocument } from "@consilium/shared/study/document";
import { modelSpecOfStudy } from "@consilium/shared/study/network";
import type { SiteName } from "@consilium/shared/units/identity";
import { NoiseMultiplier } from "@consilium/shared/units/privacy";
import type { PreparedPatients } from "@consilium/site-agent/contract/preparedPatients";
import { score } from "@consilium/site-agent/engine/score";
import { trainOpenly } from "./baseline.ts";
import { type CurvePoint, curvePoint } from "./curve.ts";
import { askedBy, exactFigures, outputAttacks } from "./exact.ts";
import { OpenGenerator } from "./openGenerator.ts";
import { patientsOfSite, recordsOf, splitKeyOf } from "./records.ts";
import { RunResult } from "./result.ts";
import { brokenRules, intervalOf, type RunOptions } from "./run.ts";
import type { UnprovenNoise } from "./sweepFile.ts";
import { syntheticFigures } from "./syntheticFigures.ts";

export interface OpenRunOptions extends RunOptions {
  readonly unproven?: UnprovenNoise;
}

interface SiteModel {
  readonly name: SiteName;
  readonly patients: PreparedPatients;
  readonly weights: Weights;
}

/** `pooled`: one model of all sites' patients; `local`: each site's own, of its patients alone. */
export async function simulateOpenly(options: OpenRunOptions, who: "pooled" | "local"): Promise<RunResult> {
  const { document, folder } = options;
  const generator = document.generator === undefined ? undefined : new OpenGenerator(document);
  if (generator !== undefined && who === "local") throw noGenerator(document);
  if (generator === undefined && options.unproven?.clips === "pairs") throw noPairs(document);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const started = performance.now();
  const curve: CurvePoint[] = [];
  const sites = await trained({ ...options, ...(generator === undefined ? {} : { generator }) }, who, curve);
  const seconds = Math.round(performance.now() - started) / 1000;
  const patients = sites.map((site) => site.patients);
  const table = generator === undefined ? null : releasedTable(document, generator.chosen(patients));
  const audit = auditOf(document, sites, options.random);
  const spec = modelSpecOfStudy(document);
  const verdict = gate({
    ...{ report: audit, gates: document.audit.gates, minSites: document.training.minSites },
    // Nothing is proven of it, so that no cap holds.
    ...{ provenEpsilon: Number.POSITIVE_INFINITY, trainingEpsilon: Number.POSITIVE_INFINITY },
    epsilonCap: document.privacy.epsilon,
  });
  const result = RunResult.parse({
    ...{ formatVersion: 1, study: document.name, studyDigest: studyDigest(document), state: "not-private" },
    ...{ reason: null, rounds: document.training.rounds, seconds, epsilon: null, delta: document.privacy.delta },
    ...{ recordEpsilon: null, idealEpsilon: idealEpsilonOf(options), sites: [] },
    noised: {
      ...{ auc: null, accuracy: null, bestAttackAuc: intervalOf(audit.best), gatePassed: verdict.passed },
    },
    limit: document.audit.gates.maxAttackAucUpper,
    broken: brokenRules(verdict),
    exact: {
      ...exactFigures(
        askedBy(document),
        sites.map(({ name, weights, patients }) => ({ name, model: { spec, weights, scales: [] }, patients })),
      ),
      ...(table === null ? {} : { synthetic: syntheticFigures(document, table, patients) }),
      ...(curve.length === 0 ? {} : { curve }),
    },
    ...{ ledger: null, softwareVersion: SOFTWARE_VERSION },
  });
  await writeFileAtomically(join(folder, "study.json"), jsonBytes(document), PUBLIC_FILE_MODE);
  await writeFileAtomically(join(folder, "audit.json"), jsonBytes(audit), PUBLIC_FILE_MODE);
  if (table !== null)
    await writeFileAtomically(join(folder, "synthetic.csv"), Buffer.from(csvText(table)), PUBLIC_FILE_MODE);
  await writeFileAtomically(join(folder, "result.json"), jsonBytes(result), PUBLIC_FILE_MODE);
  return result;
}

async function trained(
  options: OpenRunOptions & { readonly generator?: OpenGenerator },
  who: "pooled" | "local",
  curve: CurvePoint[],
): Promise<readonly SiteModel[]> {
  const { document, records, repetition, random, onProgress = () => {}, curveEvery } = options;
  const sites: { name: SiteName; patients: PreparedPatients }[] = [];
  for (const { name } of document.sites) {
    const from = { path: recordsOf(records, name), splitKey: splitKeyOf(repetition, name), random };
    sites.push({ name, patients: await patientsOfSite(document, name, from) });
  }
  const spec = modelSpecOfStudy(document);
  const classes = document.data.label.values.length;
  const together = async (members: readonly PreparedPatients[]): Promise<Weights> => {
    const onStep = (step: number, weights: Weights): void => {
      const isPoint = curveEvery !== undefined && who === "pooled" && step % curveEvery === 0;
      const model = { spec, weights, scales: [] };
      if (isPoint)
        curve.push(
          curvePoint(
            step,
            classes,
            members.map((patients) => ({ model, patients })),
          ),
        );
    };
    const weights = await trainOpenly({ ...options, sites: members, onStep });
    onProgress();
    return weights;
  };
  if (who === "pooled") {
    const weights = await together(sites.map(({ patients }) => patients));
    return sites.map((site) => ({ ...site, weights }));
  }
  const own: SiteModel[] = [];
  for (const site of sites) own.push({ ...site, weights: await together([site.patients]) });
  return own;
}

/** The study's own audit, by the code that sites run, with its noise. */
function auditOf(document: StudyDocument, sites: readonly SiteModel[], random: RandomSource): AuditReport {
  const spec = modelSpecOfStudy(document);
  const { epsilon } = document.audit;
  const attacks = outputAttacks(document.audit);
  if (attacks.length === 0) throw noAttack(document);
  const shapes = attacks.map((attack) => ({ attack, shape: auditShape(document, attack) }));
  const histograms = sites.flatMap(({ name, patients, weights }) => {
    const network = loadNetwork(spec, weights.parameters, weights.frozen);
    try {
      const networks = { released: network, first: () => network, references: [] };
      const scored = score(networks, patients, { purpose: "audit", attacks: shapes, epsilon }, random);
      const told = AuditContribution.parse(JSON.parse(Buffer.from(scored.value).toString("utf8")));
      return told.attacks.map((attack) => ({ site: name, ...attack }));
    } finally {
      network.dispose();
    }
  });
  const [first] = sites;
  const digest = modelDigest(first?.weights.parameters ?? new Float32Array(0));
  const { canaries, references, ...audit } = document.audit;
  // Canaries test a proof, and there is none; reference models are trained with noise alone.
  const open = { ...audit, attacks: [...attacks] };
  const report = studyAudit({ ...document, audit: open }, { digest, round: document.training.rounds }, { histograms });
  return { ...report, studyDigest: studyDigest(document) };
}

/** Of all steps at the study's sampling rate, had the noise been an ideal Gaussian's; null without noise or a bound. */
function idealEpsilonOf({ document, unproven }: OpenRunOptions): number | null {
  if (unproven === undefined) return null;
  const { samplingRate, delta } = document.privacy;
  const { rounds, localSteps } = document.training;
  const noiseMultiplier = NoiseMultiplier.parse(unproven.noiseMultiplier);
  const step = { kind: "poisson-gaussian", adjacency: "add-remove", samplingRate, noiseMultiplier } as const;
  const epsilon = epsilonOfEvents([{ ...step, count: rounds * localSteps }], delta);
  return Number.isFinite(epsilon) ? epsilon : null;
}

function noGenerator({ name }: StudyDocument): Failure {
  return new Failure({
    code: "sweep/no-local-generator",
    kind: "config",
    what: `${name} makes synthetic records, which a site by itself doesn't.`,
    remedy: "Use train: pooled for that variant, or leave it out.",
  });
}

function noPairs({ name }: StudyDocument): Failure {
  return new Failure({
    code: "sweep/no-pairs",
    kind: "config",
    what: `${name} has no generator, so that no patient's gradient can be paired with a made record's.`,
    remedy: "Leave unproven.clips out.",
  });
}

function noAttack({ name }: StudyDocument): Failure {
  return new Failure({
    code: "sweep/no-open-attack",
    kind: "config",
    what: `All attacks of ${name} need reference models, which a run without privacy has none of.`,
    remedy: "Add an attack on outputs alone to audit.attacks, such as loss, or leave this variant out.",
  });
}
