import { assert } from "@consilium/shared/failure/failure";
import { REASON_LENGTH_MAX } from "@consilium/shared/ledger/entry";
import { ATTEMPT_LOST_CODE } from "@consilium/shared/protocol/messages";
import type { SiteName, StudyName } from "@consilium/shared/units/identity";
import type { Abandoned } from "../round/state.ts";
import { findStudy, saveMove, saveStanding } from "../storage/studies.ts";
import { moveStudy, type StudyEvent, type StudyStanding } from "./study.ts";
import type { StudyWorld } from "./world.ts";

/** Who moved a study, and why: kept in the ledger for ever. */
export interface Motive {
  /** An account, a site, or `coordinator` for the schedule's own moves. */
  readonly by: string;
  readonly reason: string;
}

export const BY_SCHEDULE: Motive = { by: "coordinator", reason: "by the study's schedule" };

/** Moves a study, durably, and tells sites and people once that is done. Joins the caller's transaction. */
export function move(world: StudyWorld, study: StudyName, event: StudyEvent, motive: Motive): StudyStanding {
  const to = world.sql.transaction(() => {
    const record = findStudy(world.sql, study);
    assert(record !== undefined, "a study that moves exists");
    const next = moveStudy(study, record.standing, event);
    const { by } = motive;
    const reason = cut(motive.reason);
    const moved = { from: record.standing.state, to: next.state, by, reason };
    world.ledger.append([{ kind: "study-moved", study, ...moved }]);
    saveMove(world.sql, study, world.ledger.state().tip.sequence, { ...moved, at: world.clock.now().toISOString() });
    saveStanding(world.sql, study, next, motive === BY_SCHEDULE ? null : reason);
    return next;
  });
  // A transaction is one synchronous stretch: by then it is committed, or the database says the old state.
  queueMicrotask(() => tellStanding(world, study));
  return to;
}

function tellStanding(world: StudyWorld, study: StudyName): void {
  const record = findStudy(world.sql, study);
  if (record === undefined) return;
  const { state } = record.standing;
  world.logger.info("study-moved", { study, state });
  world.changed("studies", study);
  for (const { name } of record.document.sites) {
    if (!world.link.isConnected(name)) continue;
    world.link.send(name, { type: "study-moved", study, state }).catch(() => {
      world.logger.warn("study-move-not-told", { study, site: name });
    });
  }
}

/** Names of many sites may be longer than what the ledger takes. */
function cut(reason: string): string {
  return reason.length > REASON_LENGTH_MAX ? `${reason.slice(0, REASON_LENGTH_MAX - 1)}…` : reason;
}

/** For people: what was missing, from whom and, where a site said so by its refusal's code, why. */
export function whyAbandoned(
  { key, cohort, contributors, declined, minSites }: Abandoned,
  refusals: ReadonlyMap<SiteName, string>,
): string {
  const which = `${key.purpose} round ${key.round}, attempt ${key.attempt}`;
  const silent = [...cohort].filter((site) => !contributors.has(site) && !declined.has(site));
  const missing = [
    ...[...declined].map((site) => {
      const code = refusals.get(site);
      if (code === ATTEMPT_LOST_CODE) return `${site} lost its contribution, and can join the next attempt`;
      return code === undefined ? `${site} declined` : `${site} declined (${code})`;
    }),
    ...(silent.length === 0 ? [] : [`${silent.join(", ")} did not answer in time`]),
  ];
  return `${which}: ${contributors.size} of ${cohort.size} sites contributed, ${minSites} are needed; ${missing.join("; ")}`;
}
