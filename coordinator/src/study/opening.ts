import type { RoundKey, RoundSpec } from "@consilium/shared/protocol/messages";
import type { Approval } from "@consilium/shared/study/approval";
import type { StudyDocument } from "@consilium/shared/study/document";
import type { ScheduledRound } from "@consilium/shared/study/schedule";
import type { Digest, SiteName, StudyName } from "@consilium/shared/units/identity";
import { announcementBodies } from "../ledger/bookings.ts";
import type { ModelRecord } from "../storage/models.ts";
import { insertRound, nextAttempt } from "../storage/rounds.ts";
import { findStudy, repliesTo } from "../storage/studies.ts";
import { type CohortChoice, chooseCohort } from "./cohort.ts";
import { BY_SCHEDULE, move } from "./moves.ts";
import type { StudyWorld } from "./world.ts";

/** Where a study stands between two rounds. */
export interface Position {
  readonly document: StudyDocument;
  readonly digest: Digest;
  readonly done: ScheduledRound | null;
  /** Sites that declined a round and have not come back since. */
  readonly declined: ReadonlySet<SiteName>;
  readonly model: ModelRecord;
}

export type Opening = { readonly kind: "opened"; readonly spec: RoundSpec } | Exclude<CohortChoice, { kind: "round" }>;

/** In a transaction: chooses the next round and its cohort and reserves every charge, before anyone is told. */
export function openRoundAt(world: StudyWorld, position: Position): Opening {
  const { document, done, declined } = position;
  const { link, ledger, sql } = world;
  const state = findStudy(sql, document.name)?.standing.state;
  const input = {
    document,
    approvals: approvalsOf(world, document.name),
    declined,
    isPresent: (site: SiteName) => link.isConnected(site),
    affords: (...[site, dataset, charges]: Affording) => ledger.affords(site, dataset, document, charges),
  };
  const choice = chooseCohort(input, done, state !== "training");
  if (choice.kind !== "round") return choice;
  if (choice.step.purpose === "audit" && state === "training")
    move(world, document.name, { type: "trained" }, BY_SCHEDULE);
  if (choice.step.purpose === "audit" && state !== "auditing") {
    move(world, document.name, { type: "audit-started" }, BY_SCHEDULE);
  }
  return { kind: "opened", spec: reserve(world, position, choice) };
}

/** Sites that approved this exact study, in the order of their names. */
export function approvalsOf(world: StudyWorld, study: StudyName): readonly Approval[] {
  return repliesTo(world.sql, study).flatMap((reply) => (reply.answer === "approved" ? [reply.approval] : []));
}

type Affording = Parameters<Parameters<typeof chooseCohort>[0]["affords"]>;

function reserve(world: StudyWorld, position: Position, choice: Extract<CohortChoice, { kind: "round" }>): RoundSpec {
  const { document, digest: studyDigest, model } = position;
  const { step, cohort } = choice;
  const { digest, bytes, update, roundNorm } = model;
  const { answerAfterMs, deadlineMs } = document.training;
  const key: RoundKey = {
    study: document.name,
    ...step,
    attempt: nextAttempt(world.sql, { study: document.name, ...step }),
  };
  const spec: RoundSpec = {
    key,
    studyDigest,
    cohort: [...cohort.keys()],
    model: { digest, bytes },
    ...(update === null ? {} : { update }),
    ...(step.purpose === "train" && roundNorm !== null ? { roundNorm } : {}),
    answerAfterMs,
    deadlineMs,
  };
  world.ledger.append(announcementBodies(document, key, cohort));
  insertRound(world.sql, spec, world.clock.now().toISOString());
  return spec;
}
