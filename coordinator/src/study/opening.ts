import { Part } from "@consilium/shared/ledger/entry";
import type { RoundKey, RoundSpec } from "@consilium/shared/protocol/messages";
import { spentCharges } from "@consilium/shared/release/statement";
import type { Approval } from "@consilium/shared/study/approval";
import { chargeId } from "@consilium/shared/study/charges";
import type { StudyDocument } from "@consilium/shared/study/document";
import { ruleText, type StopReason, stopReason, stopRound, stopText } from "@consilium/shared/study/earlyStop";
import type { ScheduledRound } from "@consilium/shared/study/schedule";
import type { Digest, SiteName, StudyName } from "@consilium/shared/units/identity";
import { announcementBodies } from "../ledger/bookings.ts";
import { madeFor } from "../storage/generators.ts";
import type { ModelRecord } from "../storage/models.ts";
import { metricsOf, normalisationKept, shadowOf } from "../storage/results.ts";
import { insertRound, nextAttempt } from "../storage/rounds.ts";
import { approvalsGiven, findStudy, movesOf, repliesTo } from "../storage/studies.ts";
import { type CohortChoice, chooseCohort, shortages } from "./cohort.ts";
import { finishedReferences } from "./lines.ts";
import { BY_SCHEDULE, type Motive, move } from "./moves.ts";
import type { LedgerBook, StudyWorld } from "./world.ts";

/** Where a study stands between two rounds. */
export interface Position {
  readonly document: StudyDocument;
  readonly digest: Digest;
  readonly done: ScheduledRound | null;
  /** Sites that declined a round and have not come back since. */
  readonly declined: ReadonlySet<SiteName>;
  readonly model: ModelRecord;
  /** Whether a shortage was not told of yet. */
  readonly isNews: (short: string) => boolean;
}

export type Opening =
  | { readonly kind: "opened"; readonly spec: RoundSpec }
  /** What generators made must be written first. */
  | { readonly kind: "make"; readonly purpose: "choose" | "audit" }
  | Exclude<CohortChoice, { kind: "round" }>;

/** In a transaction: chooses the next round and its cohort and reserves every charge, before anyone is told. */
export function openRoundAt(world: StudyWorld, position: Position): Opening {
  const { document, done, declined } = position;
  const { link, ledger, sql } = world;
  const lost = lossText(ledger);
  if (lost !== null) return { kind: "pause", reason: lost };
  const state = findStudy(sql, document.name)?.standing.state;
  const stop = stopOf(sql, document);
  const input = {
    document,
    stopAfter: (stop === null ? undefined : stopRound(stop)) ?? null,
    approvals: approvalsOf(world, document.name),
    declined,
    isPresent: (site: SiteName) => link.isConnected(site),
    shortOf: (...[site, dataset, charges]: Shortage) => ledger.shortOf(site, dataset, document, charges),
  };
  const choice = chooseCohort(input, done, state !== "training");
  if (choice.kind !== "round") return choice;
  const { purpose } = choice.step;
  if (document.generator !== undefined && (purpose === "choose" || purpose === "audit"))
    if (madeFor(sql, document.name, purpose) === undefined) return { kind: "make", purpose };
  noteShortages(world, position, choice);
  if (choice.step.purpose !== "audit") return { kind: "opened", spec: reserve(world, position, choice) };
  const why = whyTrained(
    document,
    choice.step.round,
    stop,
    shortages(input, { purpose: "train", round: choice.step.round + 1 }),
  );
  if (state === "training") move(world, document.name, { type: "trained" }, why);
  if (state !== "auditing") move(world, document.name, { type: "audit-started" }, why);
  return { kind: "opened", spec: reserve(world, position, choice, stop) };
}

/** An exhausted site leaves the cohort: whoever reads log or ledger learns when, and under which limit. */
function noteShortages(
  { ledger, logger }: StudyWorld,
  { document: { name: study }, isNews }: Position,
  { step: { purpose, round }, short }: Extract<CohortChoice, { kind: "round" }>,
): void {
  for (const limit of short.filter(isNews)) {
    logger.warn("sites-exhausted", { study, purpose, round, limit });
    const detail = `From ${purpose} round ${round} on study ${study} goes without those that would pass ${limit}.`;
    ledger.append([
      { kind: "refusal-noted", party: "coordinator", code: "budget/exhausted", detail: detail.slice(0, 500) },
    ]);
  }
}

/** What our ledger lost that a site holds: nothing is begun or released before that is taken over. */
export function lossText(ledger: Pick<LedgerBook, "lost">): string | null {
  const [lost] = ledger.lost().values();
  return lost?.message.slice(0, 500) ?? null;
}

/** Why training ends early, if it does: again the same after a restart, from the metrics in the database. */
export function stopOf(sql: StudyWorld["sql"], { name, training }: StudyDocument): StopReason | null {
  const { earlyStop, rounds } = training;
  const reason = earlyStop === undefined ? null : stopReason(earlyStop, metricsOf(sql, name));
  // At the last round nothing is left out: that is the schedule's end.
  return reason === null || stopRound(reason) === rounds ? null : reason;
}

function whyTrained(
  { training, again }: StudyDocument,
  last: number,
  stop: StopReason | null,
  short: readonly string[],
): Motive {
  if (again !== undefined) return { by: "coordinator", reason: `Audited again: ${again.reason}`.slice(0, 500) };
  if (stop !== null) return { by: "coordinator", reason: stopText(stop) };
  if (last >= training.rounds) return BY_SCHEDULE;
  const paid = `a further round with the audit would pass ${short.join("; ")}`;
  return { by: "coordinator", reason: `Ended early, after round ${last} of ${training.rounds}: ${paid}.` };
}

/** Why training ended before its last signed round, with the rule that ended it; null where it didn't, or goes on. */
export function whyEndedEarly(sql: StudyWorld["sql"], document: StudyDocument): string | null {
  const trained = movesOf(sql, document.name).findLast(({ to }) => to === "trained");
  if (trained === undefined || trained.reason === BY_SCHEDULE.reason) return null;
  const { earlyStop } = document.training;
  return earlyStop === undefined || stopOf(sql, document) === null
    ? trained.reason
    : `${trained.reason} ${ruleText(earlyStop)}`;
}

/** Sites that approved this exact study, in the order of their names. */
export function approvalsOf(world: StudyWorld, study: StudyName): readonly Approval[] {
  return repliesTo(world.sql, study).flatMap((reply) => (reply.answer === "approved" ? [reply.approval] : []));
}

/**
 * The same for what is told of a study: sites that withdrew after they were charged are among them, for their patients
 * paid, and no figure may leave them out.
 */
export function approvalsCharged({ sql, ledger }: StudyWorld, study: StudyName): readonly Approval[] {
  const standing = new Set(repliesTo(sql, study).flatMap(({ site, answer }) => (answer === "approved" ? [site] : [])));
  const charged = new Set(spentCharges(ledger.state(), study).map(({ site }) => site));
  return approvalsGiven(sql, study).filter(({ statement: { site } }) => standing.has(site) || charged.has(site));
}

type Shortage = Parameters<Parameters<typeof chooseCohort>[0]["shortOf"]>;

function reserve(
  world: StudyWorld,
  position: Position,
  choice: Extract<CohortChoice, { kind: "round" }>,
  stop: StopReason | null = null,
): RoundSpec {
  const { document, digest: studyDigest, model } = position;
  const { step, cohort } = choice;
  const { digest, bytes, update, roundNorm } = model;
  const { answerAfterMs, deadlineMs } = document.training;
  const isStep = step.purpose === "train" || step.purpose === "reference";
  const key: RoundKey = {
    study: document.name,
    ...step,
    attempt: freshAttempt(world, { study: document.name, ...step }, cohort),
  };
  const spec: RoundSpec = {
    key,
    studyDigest,
    cohort: [...cohort.keys()],
    model: { digest, bytes },
    ...(update === null ? {} : { update }),
    ...(isStep && roundNorm !== null ? { roundNorm } : {}),
    ...scalesOf(world.sql, document),
    ...(stop === null ? {} : { stop }),
    ...(step.purpose === "audit" || step.purpose === "shadow" ? referencesOf(world.sql, document, step.purpose) : {}),
    ...(step.purpose === "audit" ? learntOf(world.sql, document) : {}),
    ...(step.purpose === "choose" || step.purpose === "audit" ? madeOf(world.sql, document, step.purpose) : {}),
    answerAfterMs,
    deadlineMs,
  };
  world.ledger.append(announcementBodies(document, key, cohort));
  insertRound(world.sql, spec, world.clock.now().toISOString());
  return spec;
}

/** Attacks that the study's shadow round taught, if it has one. */
function learntOf(sql: StudyWorld["sql"], { name }: StudyDocument): Pick<RoundSpec, "shadow"> {
  const report = shadowOf(sql, name);
  return report === undefined ? {} : { shadow: report.attacks };
}

/** All of them for the audit, the last one as the shadow. */
function referencesOf(
  sql: StudyWorld["sql"],
  document: StudyDocument,
  purpose: "audit" | "shadow",
): Pick<RoundSpec, "references"> {
  const finished = finishedReferences(sql, document);
  const references = purpose === "audit" ? finished : finished.slice(-1);
  return references.length === 0 ? {} : { references };
}

function madeOf(sql: StudyWorld["sql"], { name }: StudyDocument, purpose: "choose" | "audit"): Pick<RoundSpec, "made"> {
  const made = madeFor(sql, name, purpose);
  return made === undefined ? {} : { made };
}

/** What every round after a study's normalisation announces. */
export function scalesOf(sql: StudyWorld["sql"], { name, again }: StudyDocument): Pick<RoundSpec, "scales"> {
  const kept = normalisationKept(sql, again?.study ?? name);
  return kept === undefined ? {} : { scales: kept.scales };
}

/** A database put back from an older copy knows fewer attempts than the sites' ledgers, whose charges count. */
function freshAttempt(
  { sql, ledger }: StudyWorld,
  key: Omit<RoundKey, "attempt">,
  cohort: ReadonlyMap<SiteName, unknown>,
): number {
  const { charges } = ledger.state();
  const isCharged = (attempt: number): boolean =>
    [...cohort.keys()].some((site) =>
      Part.options.some((part) => charges.has(chargeId({ ...key, attempt }, site, part))),
    );
  let attempt = nextAttempt(sql, key);
  while (isCharged(attempt)) attempt += 1;
  return attempt;
}
