import type { AuditReport, GateResult } from "@consilium/shared/audit/report";
import type { ShadowReport } from "@consilium/shared/audit/shadow";
import { gradientCanaryReport } from "@consilium/shared/canary/gradientCanaries";
import { digestOfJson } from "@consilium/shared/encoding/digest";
import type { GeneratorChoice } from "@consilium/shared/generator/choice";
import { type Evaluation, studyEvaluation } from "@consilium/shared/metric/evaluation";
import type { Normalisation } from "@consilium/shared/normalisation/columnScales";
import type { BlobReference, RoundPurpose } from "@consilium/shared/protocol/messages";
import { releaseGate, studyAudit } from "@consilium/shared/release/build";
import type { GuaranteeBasis } from "@consilium/shared/release/guarantee";
import { privacyStatementOf } from "@consilium/shared/release/statement";
import type { Approval } from "@consilium/shared/study/approval";
import type { StudyDocument } from "@consilium/shared/study/document";
import type { Digest, SiteName, StudyName } from "@consilium/shared/units/identity";
import { fileChunks } from "@consilium/storage/fileChunks";
import { PooledChoices } from "../aggregate/pooledChoices.ts";
import { PooledHistograms } from "../aggregate/pooledHistograms.ts";
import { PooledShadows } from "../aggregate/pooledShadows.ts";
import { PooledStatistics } from "../aggregate/pooledStatistics.ts";
import type { ModelLine } from "../model/modelLine.ts";
import type { Accumulator, ContributionSource } from "../round/run.ts";
import { generatorsOf, madeFor, saveChoice, saveGenerator } from "../storage/generators.ts";
import { insertModel } from "../storage/models.ts";
import { saveAudit, saveMetric, saveNormalisation, saveShadow, shadowOf } from "../storage/results.ts";
import { findStudy } from "../storage/studies.ts";
import type { ModelLines, Stepped } from "./lines.ts";
import { approvalsCharged } from "./opening.ts";
import type { ChangeTopic, StudyWorld } from "./world.ts";

/** Confidence of each metric's interval. */
const METRIC_CONFIDENCE = 0.95;

/** What a round's contributions became. */
export type Outcome =
  | { readonly purpose: "normalise"; readonly normalisation: Normalisation }
  | ({ readonly purpose: "train" | "reference" } & Stepped)
  | { readonly purpose: "evaluate"; readonly round: number; readonly metric: Evaluation }
  | { readonly purpose: "shadow"; readonly shadow: ShadowReport }
  | { readonly purpose: "choose"; readonly choice: GeneratorChoice }
  | { readonly purpose: "audit"; readonly report: AuditReport };

/** What looks different to people once an outcome is committed. */
export const CHANGED_BY: Record<RoundPurpose, readonly ChangeTopic[]> = {
  normalise: ["budgets", "ledger"],
  reference: ["budgets", "ledger"],
  train: ["budgets", "ledger"],
  evaluate: ["metrics", "budgets", "ledger"],
  shadow: ["budgets", "ledger"],
  choose: ["budgets", "ledger"],
  audit: ["audit", "budgets", "ledger"],
};

/** What one round's contributions go into, and how that becomes its outcome. */
export interface Collector extends Accumulator {
  /** Bytes that a contribution of this round may measure. */
  fits(bytes: number): boolean;
  fold(contributors: readonly SiteName[]): Promise<Outcome>;
}

/** 65,536 integers of up to 16 characters, in JSON. */
const STATISTICS_BYTES_MAX = 2 * 1024 * 1024;
const CHOICE_BYTES_MAX = 1024;
/** Room for the histograms of 8 attacks over 1,000 classes and 200 bins, in JSON. */
const HISTOGRAMS_BYTES_MAX = 32 * 1024 * 1024;

export function collectorOf(
  purpose: RoundPurpose,
  round: number,
  document: StudyDocument,
  lines: ModelLines,
  world: Pick<StudyWorld, "sql">,
): Collector {
  if (purpose === "normalise") return statisticsCollector(document);
  if (purpose === "train" || purpose === "reference") return sumCollector(purpose, lines, document);
  if (purpose === "shadow") return shadowCollector(document);
  if (purpose === "choose") return choiceCollector(round, document, world);
  const carried = { made: madeFor(world.sql, document.name, "audit"), shadow: shadowOf(world.sql, document.name) };
  return histogramCollector(purpose, round, document, lines.current, carried);
}

/** The digest by which ledger and sites know an outcome. */
export function resultOf(outcome: Outcome): Digest {
  switch (outcome.purpose) {
    case "normalise":
      return digestOfJson(outcome.normalisation);
    case "train":
    case "reference":
      return outcome.model.digest;
    case "evaluate":
      return digestOfJson(outcome.metric);
    case "shadow":
      return digestOfJson(outcome.shadow);
    case "choose":
      return digestOfJson(outcome.choice);
    case "audit":
      return digestOfJson(outcome.report);
  }
}

/** Keeps an outcome, in the transaction that commits its charges. */
export function saveOutcome(world: StudyWorld, study: StudyName, outcome: Outcome): void {
  switch (outcome.purpose) {
    case "normalise":
      saveNormalisation(world.sql, study, outcome.normalisation);
      return;
    case "train":
    case "reference":
      insertModel(world.sql, { study, line: outcome.line }, outcome.model);
      if (outcome.generator !== undefined) saveGenerator(world.sql, study, outcome.generator);
      return;
    case "evaluate":
      saveMetric(world.sql, study, outcome.round, outcome.metric);
      return;
    case "shadow":
      saveShadow(world.sql, study, outcome.shadow);
      return;
    case "choose":
      saveChoice(world.sql, study, outcome.choice);
      return;
    case "audit":
      saveAudit(world.sql, study, outcome.report, world.clock.now().toISOString());
  }
}

/** What the gate says of an audited model, with the ε that the ledger proves. */
export function gateOf(
  world: StudyWorld,
  document: StudyDocument,
  report: AuditReport,
  approvals: readonly Approval[],
): { gate: GateResult; claimedEpsilon: number; claimedBy: GuaranteeBasis; spentEpsilon: number } {
  const judged = judgedBy(world, document, approvals);
  const privacy = privacyStatementOf(judged.document, world.ledger.state(), judged.approvals);
  const { guarantee, consortium } = privacy;
  const gate = releaseGate(judged.document, report, privacy);
  return {
    gate,
    claimedEpsilon: guarantee.epsilon,
    claimedBy: guarantee.basis,
    spentEpsilon: consortium.disjointEpsilon,
  };
}

/** The study whose gate and promise an audit is held against: its own, or of a second audit the release's. */
function judgedBy(
  world: StudyWorld,
  document: StudyDocument,
  approvals: readonly Approval[],
): { readonly document: StudyDocument; readonly approvals: readonly Approval[] } {
  const first = document.again === undefined ? undefined : findStudy(world.sql, document.again.study);
  if (first === undefined) return { document, approvals };
  return { document: first.document, approvals: approvalsCharged(world, first.name) };
}

function sumCollector(purpose: "train" | "reference", lines: ModelLines, { sites }: StudyDocument): Collector {
  const line = lines.current;
  const place = (site: SiteName): number => sites.findIndex(({ name }) => name === site);
  return {
    reset: () => line.sum.reset(),
    fits: (bytes) => bytes === line.sum.contributionBytes,
    add: async (site, source) =>
      "bytes" in source
        ? line.sum.add(source.bytes, place(site))
        : line.sum.addChunks(fileChunks(source.path), place(site)),
    fold: async (contributors) => ({ purpose, ...(await lines.step(contributors)) }),
  };
}

function statisticsCollector(document: StudyDocument): Collector {
  const pool = new PooledStatistics(document);
  return {
    reset: () => pool.reset(),
    fits: (bytes) => bytes > 0 && bytes <= STATISTICS_BYTES_MAX,
    add: (site, source) => pool.add(site, source),
    fold: async (contributors) => ({ purpose: "normalise", normalisation: pool.normalisation(contributors) }),
  };
}

function shadowCollector(document: StudyDocument): Collector {
  const pool = new PooledShadows(document);
  return {
    reset: () => pool.reset(),
    fits: (bytes) => bytes > 0 && bytes <= HISTOGRAMS_BYTES_MAX,
    add: (site, source) => pool.add(site, source),
    fold: async () => ({ purpose: "shadow", shadow: pool.report() }),
  };
}

function choiceCollector(round: number, document: StudyDocument, { sql }: Pick<StudyWorld, "sql">): Collector {
  const pool = new PooledChoices(
    round,
    document,
    generatorsOf(sql, document.name),
    madeFor(sql, document.name, "choose"),
  );
  return {
    reset: () => pool.reset(),
    fits: (bytes) => bytes > 0 && bytes <= CHOICE_BYTES_MAX,
    add: (site, source) => pool.add(site, source),
    fold: async () => ({ purpose: "choose", choice: pool.choice() }),
  };
}

function histogramCollector(
  purpose: "evaluate" | "audit",
  round: number,
  document: StudyDocument,
  line: ModelLine,
  { made, shadow }: { readonly made: BlobReference | undefined; readonly shadow: ShadowReport | undefined },
): Collector {
  const pool = new PooledHistograms(document, purpose);
  const add = async (site: SiteName, source: ContributionSource): Promise<void> =>
    "bytes" in source ? pool.add(site, source.bytes) : pool.addFile(site, source.path);
  return {
    reset: () => pool.reset(),
    fits: (bytes) => bytes > 0 && bytes <= HISTOGRAMS_BYTES_MAX,
    add,
    fold: async () => {
      if (purpose === "evaluate")
        return { purpose, round, metric: studyEvaluation(document, pool.evaluations(), METRIC_CONFIDENCE) };
      const model = { digest: line.newest.digest, round, made: made?.digest };
      return {
        purpose,
        report: studyAudit(document, model, {
          ...pool.audits(),
          gradientCanaries: directionsFound(document, line),
          shadow,
        }),
      };
    },
  };
}

/** What the run's sums tell of the sites' gradient canaries; undefined where there are none. */
function directionsFound({ audit, sites, privacy }: StudyDocument, { total, newest }: ModelLine) {
  if (audit.gradientCanaries === undefined || total === null) return undefined;
  const names = sites.map(({ name }) => name);
  return gradientCanaryReport(total, newest.version, audit.gradientCanaries, names, privacy.delta);
}
