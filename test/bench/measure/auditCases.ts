import { loadNetwork } from "@consilium/engine/network";
import { predictWith } from "@consilium/engine/predict";
import { offlineScores, shadowParameters } from "@consilium/shared/attack/likelihoodRatio";
import { offlineRelativeScores } from "@consilium/shared/attack/relativeMembership";
import { auditReportOf } from "@consilium/shared/audit/evaluate";
import { attacksHtml, aucHtml } from "@consilium/shared/audit/html";
import { SiteAuditHistograms } from "@consilium/shared/audit/report";
import { digestOf } from "@consilium/shared/encoding/digest";
import { initialParameters, publicUniform } from "@consilium/shared/model/initial";
import { modelSpecOf } from "@consilium/shared/model/preset";
import { featureCount, type ModelSpec } from "@consilium/shared/model/spec";
import { AttackName } from "@consilium/shared/study/audit";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { SiteName, StudyName } from "@consilium/shared/units/identity";
import { Epsilon } from "@consilium/shared/units/privacy";
import { PART_CODE, type PreparedPatients } from "@consilium/site-agent/contract/preparedPatients";
import { score } from "@consilium/site-agent/engine/score";
import { quantile } from "./quantile.ts";
import type { Repeats } from "./repeats.ts";
import { repeated } from "./repeats.ts";
import { type BenchCase, timedCase } from "./report.ts";
import { SHADOW, shadowCase } from "./shadowCase.ts";

/** Of the model's outputs alone: the others need reference models. */
const ATTACKS = AttackName.exclude(["relative-membership", "likelihood-ratio"]).options;
/** Patients of a site, half of them members; one record each. */
const PATIENTS = 10_000;
const BINS = 100;
const SITES = 20;
/** Records, reference models and public records of the attacks on figures. */
const [RECORDS, MODELS, POPULATION] = [1000, 64, 1000];
const REPEATS: Repeats = { warmUp: 2, least: 5, most: 50, seconds: 5 };

const PERCEPTRON = `scoring ${PATIENTS} patients by ${ATTACKS.length} attacks, perceptron 20-64-32`;
const DEEPTYPE = `scoring ${PATIENTS} patients by ${ATTACKS.length} attacks, perceptron 2000-2×512-10`;
const REPORT = `report of ${SITES} sites, ${ATTACKS.length} attacks, ${BINS} bins`;
const PAGE = `figures and pictures of that report, as HTML`;
const LIRA = `LiRA offline, ${RECORDS} records, ${MODELS} reference models`;
const RMIA = `RMIA offline, ${RECORDS} records, ${MODELS} reference models, ${POPULATION} public records`;
export const CASES = [PERCEPTRON, DEEPTYPE, REPORT, PAGE, LIRA, RMIA, SHADOW] as const;

export async function auditCases(wanted: readonly string[], backend: string): Promise<BenchCase[]> {
  const cases: BenchCase[] = [];
  const add = async (name: string, make: () => Promise<BenchCase>): Promise<void> => {
    if (!wanted.includes(name)) return;
    process.stderr.write(`audit: ${name}\n`);
    cases.push(await make());
  };
  await add(PERCEPTRON, () => scoring(PERCEPTRON, perceptron(20, [64, 32], 2), backend));
  await add(DEEPTYPE, () => scoring(DEEPTYPE, perceptron(2000, [512, 512], 10), backend));
  await add(REPORT, reporting);
  await add(PAGE, drawing);
  await add(LIRA, likelihoodRatio);
  await add(RMIA, relativeMembership);
  await add(SHADOW, shadowCase);
  return cases;
}

function perceptron(features: number, hidden: number[], classes: number): ModelSpec {
  return modelSpecOf({ preset: "mlp", hidden, activation: "relu" }, features, classes);
}

/** Milliseconds of each run. */
function timed(step: () => unknown): Promise<number[]> {
  return repeated(async () => {
    const start = performance.now();
    step();
    return performance.now() - start;
  }, REPEATS);
}

const peakMiB = (): number => process.resourceUsage().maxRSS / 1024;

/** What a site does in an audit round, from its prepared patients to the noised bytes; beside the outputs alone. */
async function scoring(name: string, spec: ModelSpec, backend: string): Promise<BenchCase> {
  const patients = madePatients(spec);
  const network = loadNetwork(spec, initialParameters(spec, 1));
  const epsilon = { members: Epsilon.parse(1), nonMembers: Epsilon.parse(1) };
  const attacks = ATTACKS.map((attack) => {
    return { attack, shape: { classes: 1, bins: attack === "correctness" ? 2 : BINS } };
  });
  try {
    const what = { purpose: "audit", attacks, epsilon } as const;
    const times = await timed(() =>
      score({ released: network, first: () => network, references: [] }, patients, what, operatingSystemRandom),
    );
    const outputs = await timed(() => predictWith(network, patients.features));
    return timedCase(
      { name, backend, times, peakRssMiB: peakMiB() },
      besides("the model's outputs alone", times, outputs),
    );
  } finally {
    network.dispose();
  }
}

function besides(name: string, times: readonly number[], reference: readonly number[]) {
  const median = quantile(reference, 0.5);
  return { name, median, ratio: quantile(times, 0.5) / median };
}

function madePatients(spec: ModelSpec): PreparedPatients {
  const next = publicUniform(3);
  const width = featureCount(spec);
  return {
    featureCount: width,
    features: Float32Array.from({ length: PATIENTS * width }, () => 2 * next() - 1),
    labels: Int32Array.from({ length: PATIENTS }, () => (next() < 0.5 ? 0 : 1)),
    recordStart: Int32Array.from({ length: PATIENTS + 1 }, (_, i) => i),
    parts: Uint8Array.from({ length: PATIENTS }, (_, i) => (i % 2 === 0 ? PART_CODE.train : PART_CODE.audit)),
  };
}

/** As the coordinator makes it, and `verify` again; beside reading what the sites sent. */
async function reporting(): Promise<BenchCase> {
  const histograms = madeHistograms();
  const texts = histograms.map((one) => JSON.stringify(one));
  const times = await timed(() => reportOf(histograms));
  const read = await timed(() => texts.map((text) => SiteAuditHistograms.parse(JSON.parse(text))));
  const of = { name: REPORT, backend: "node", times, peakRssMiB: peakMiB() };
  return timedCase(of, besides("reading what the sites sent", times, read));
}

async function drawing(): Promise<BenchCase> {
  const report = reportOf(madeHistograms());
  const times = await timed(() => [aucHtml(report), attacksHtml(report)]);
  return timedCase({ name: PAGE, backend: "node", times, peakRssMiB: peakMiB() }, null);
}

function reportOf(histograms: readonly SiteAuditHistograms[]) {
  const digest = digestOf("bench");
  return auditReportOf({
    ...{ study: StudyName.parse("bench"), studyDigest: digest, modelDigest: digest, round: 1, modelClasses: 2 },
    ...{ limit: 0.6, histograms: [...histograms], studySites: histograms.map(({ site }) => site) },
  });
}

function madeHistograms(): readonly SiteAuditHistograms[] {
  const next = publicUniform(5);
  return Array.from({ length: SITES }, (_, i) => SiteName.parse(`site-${i + 1}`)).flatMap((site) =>
    ATTACKS.map((attack) => {
      const bins = attack === "correctness" ? 2 : BINS;
      const counts = () => Array.from({ length: bins }, () => Math.round(50 * next()));
      const histogram = () => ({ classes: 1, bins, counts: counts(), scale: 1 });
      return SiteAuditHistograms.parse({ site, attack, members: histogram(), nonMembers: histogram() });
    }),
  );
}

async function likelihoodRatio(): Promise<BenchCase> {
  const next = publicUniform(7);
  const logits = (): number[] => Array.from({ length: RECORDS }, () => 4 * next() - 2);
  const shadow = Array.from({ length: MODELS }, logits);
  const isIn = shadow.map((row) => row.map(() => next() < 0.5));
  const target = logits();
  const times = await timed(() => offlineScores(target, shadowParameters({ target, shadow, isIn }), "fixed"));
  return timedCase({ name: LIRA, backend: "node", times, peakRssMiB: peakMiB() }, null);
}

async function relativeMembership(): Promise<BenchCase> {
  const next = publicUniform(9);
  const probabilities = (count: number): number[] => Array.from({ length: count }, () => 0.01 + 0.98 * next());
  const references = Array.from({ length: MODELS }, () => probabilities(RECORDS));
  const ofFigures = {
    target: probabilities(RECORDS),
    targetOfPopulation: probabilities(POPULATION),
    references,
    isIn: references.map((row) => row.map(() => next() < 0.5)),
    referencesOfPopulation: Array.from({ length: MODELS }, () => probabilities(POPULATION)),
  };
  const times = await timed(() => offlineRelativeScores(ofFigures, 0.3, 1));
  return timedCase({ name: RMIA, backend: "node", times, peakRssMiB: peakMiB() }, null);
}
