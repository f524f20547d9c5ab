import { unreachable } from "@consilium/shared/failure/failure";
import type { RoundKey } from "@consilium/shared/protocol/messages";
import type { SiteName } from "@consilium/shared/units/identity";
import type {
  Abandoned,
  AbandonReason,
  Aggregated,
  Announced,
  Collecting,
  Committed,
  Round,
  RoundEffect,
  RoundEvent,
  RoundPlan,
  RoundRefusal,
  SiteEvent,
  Step,
} from "./state.ts";

/** A site whose bytes fail this often in one attempt counts as silent. */
export const CONTRIBUTION_FAILURES_MAX = 3;

export function planned(plan: RoundPlan): Announced {
  return { ...plan, state: "announced" };
}

/** The only place where a round changes state. No clock, socket or database: callers run the effects. */
export function advance(round: Round, event: RoundEvent): Step {
  switch (round.state) {
    case "announced":
      return whileAnnounced(round, event);
    case "collecting":
      return whileCollecting(round, event);
    case "aggregated":
      return whileAggregated(round, event);
    case "committed":
    case "abandoned":
      return whileClosed(round, event);
    default:
      return unreachable(round);
  }
}

function whileAnnounced(round: Announced, event: RoundEvent): Step {
  switch (event.type) {
    case "announced":
      return { round: collecting(round), effects: [{ type: "arm-deadline" }] };
    case "restarted":
      return restart(round);
    case "stopped":
      return abandon(round, "stopped");
    case "contribution-offered":
    case "contribution-received":
    case "contribution-failed":
    case "declined":
      return refuse(round, event.site, "round/not-announced");
    default:
      return { round, effects: [] };
  }
}

function whileCollecting(round: Collecting, event: RoundEvent): Step {
  switch (event.type) {
    case "contribution-offered":
    case "contribution-received":
    case "contribution-failed":
    case "declined":
      return fromSite(round, event);
    case "site-lost":
      return isAwaited(round, event.site)
        ? unchanged(round, { type: "notice", notice: "site-lost", sites: [event.site] })
        : unchanged(round);
    case "site-returned":
      return isAwaited(round, event.site)
        ? unchanged(round, { type: "ask-again", site: event.site })
        : unchanged(round);
    case "deadline-passed":
      return atDeadline(round);
    case "stopped":
      return abandon(round, "stopped");
    case "spoiled":
      return spoiled(round, event.site);
    case "restarted":
      return restart(round);
    default:
      return unchanged(round);
  }
}

function fromSite(round: Collecting, event: SiteEvent): Step {
  const { site } = event;
  const refusal = refusalFor(round, event);
  if (refusal !== null) return refuse(round, site, refusal);
  switch (event.type) {
    case "contribution-offered":
      return unchanged(
        { ...round, offered: new Map(round.offered).set(site, event.content) },
        { type: "accept", site },
      );
    case "contribution-received": {
      const received = new Map(round.received).set(site, event.digest);
      return closeIfComplete({ ...round, received }, [
        { type: "accept", site },
        { type: "add", site },
      ]);
    }
    case "contribution-failed": {
      const failures = (round.failures.get(site) ?? 0) + 1;
      const next = { ...round, failures: new Map(round.failures).set(site, failures) };
      return failures < CONTRIBUTION_FAILURES_MAX
        ? unchanged(next, { type: "ask-again", site })
        : closeIfComplete(next, []);
    }
    case "declined": {
      const declined = new Set(round.declined).add(site);
      return closeIfComplete({ ...round, declined }, [
        { type: "accept", site },
        { type: "notice", notice: "site-declined", sites: [site] },
      ]);
    }
    default:
      return unreachable(event);
  }
}

/** Order matters: a stranger learns nothing of the round, and a late attempt is told so before anything else. */
function refusalFor(round: Collecting, event: SiteEvent): RoundRefusal | null {
  const { site } = event;
  if (!round.cohort.has(site)) return "round/not-in-cohort";
  if (!sameKey(round.key, event.key)) return "round/wrong-attempt";
  if (round.received.has(site)) return "round/duplicate";
  if (round.declined.has(site)) return "round/declined";
  if ((round.failures.get(site) ?? 0) >= CONTRIBUTION_FAILURES_MAX) return "round/too-many-failures";
  const offered = round.offered.get(site);
  if (event.type === "contribution-offered") {
    return offered === undefined || offered.digest === event.content.digest ? null : "round/not-identical";
  }
  if (event.type === "declined") return offered === undefined ? null : "round/not-identical";
  if (offered === undefined) return "round/not-offered";
  return event.type === "contribution-received" && event.digest !== offered.digest ? "round/not-identical" : null;
}

function whileAggregated(round: Aggregated, event: RoundEvent): Step {
  switch (event.type) {
    case "aggregated":
      return unchanged({ ...round, result: event.result }, { type: "commit", result: event.result });
    case "committed":
      // Without a result nothing was committed; the event can only be an echo from before a restart.
      if (round.result === null) return unchanged(round);
      return {
        round: { ...planOf(round), state: "committed", contributors: round.contributors, result: round.result },
        effects: [{ type: "tell-closed" }],
      };
    case "spoiled":
      return spoiled(round, event.site);
    case "restarted":
      return restart(round);
    default:
      return whileClosed(round, event);
  }
}

function whileClosed(round: Aggregated | Committed | Abandoned, event: RoundEvent): Step {
  switch (event.type) {
    case "contribution-offered":
    case "contribution-received":
    case "contribution-failed":
    case "declined":
      return refuse(round, event.site, lateOrStranger(round, event));
    case "restarted":
      // Sites keep their packed files until they hear the signed outcome, so it is told again.
      return unchanged(round, { type: "tell-closed" });
    default:
      return unchanged(round);
  }
}

function lateOrStranger(round: RoundPlan, event: SiteEvent): RoundRefusal {
  if (!round.cohort.has(event.site)) return "round/not-in-cohort";
  return sameKey(round.key, event.key) ? "round/late" : "round/wrong-attempt";
}

/** Under `wait` a round stays open past its deadline; under `continue` late is late for everyone. */
function atDeadline(round: Collecting): Step {
  if (round.onDropout === "continue") return close(round, []);
  const overdue = { ...round, overdue: true };
  return unchanged(overdue, { type: "notice", notice: "waiting", sites: awaited(overdue) });
}

function closeIfComplete(round: Collecting, effects: readonly RoundEffect[]): Step {
  return awaited(round).length === 0 ? close(round, effects) : { round, effects };
}

function close(round: Collecting, effects: readonly RoundEffect[]): Step {
  if (round.received.size < round.minSites) {
    const step = abandon(round, "too-few-sites");
    return { round: step.round, effects: [...effects.filter(({ type }) => type !== "add"), ...step.effects] };
  }
  const { declined, failures, received } = round;
  return {
    round: { ...planOf(round), state: "aggregated", contributors: received, declined, failures, result: null },
    effects: [...effects, { type: "fold", contributors: [...received.keys()] }],
  };
}

function abandon(round: Round, reason: AbandonReason): Step {
  const effects: RoundEffect[] = [{ type: "abandon", reason }, { type: "tell-closed" }];
  const { contributors, declined } = answersIn(round);
  return { round: { ...planOf(round), state: "abandoned", contributors, declined, reason }, effects };
}

function answersIn(round: Round): Pick<Abandoned, "contributors" | "declined"> {
  switch (round.state) {
    case "collecting":
      return { contributors: round.received, declined: round.declined };
    case "aggregated":
    case "abandoned":
      return round;
    case "announced":
    case "committed":
      return { contributors: new Map(), declined: new Set() };
    default:
      return unreachable(round);
  }
}

/** Without the spoiler, and without those before it: two of them must not let each other in again for ever. */
function spoiled(round: Collecting | Aggregated, spoiler: SiteName): Step {
  const failures = new Map(round.failures).set(spoiler, CONTRIBUTION_FAILURES_MAX);
  return startOver({ ...collecting(round), failures });
}

function restart(round: Round): Step {
  return startOver(collecting(round));
}

/** The sum starts from zero: each site is told of the round again and asked for the same bytes. */
function startOver(next: Collecting): Step {
  const sites = awaited(next);
  if (sites.length === 0) return close(next, []);
  const effects: RoundEffect[] = [
    { type: "announce", sites },
    { type: "arm-deadline" },
    ...sites.map((site) => ({ type: "ask-again", site }) as const),
  ];
  return { round: next, effects };
}

function collecting(round: RoundPlan): Collecting {
  return {
    ...planOf(round),
    state: "collecting",
    offered: new Map(),
    received: new Map(),
    declined: new Set(),
    failures: new Map(),
    overdue: false,
  };
}

function planOf({ key, cohort, minSites, onDropout }: RoundPlan): RoundPlan {
  return { key, cohort, minSites, onDropout };
}

/** Sites that may still answer. */
export function awaited(round: Collecting): readonly SiteName[] {
  return [...round.cohort].filter((site) => isAwaited(round, site));
}

function isAwaited(round: Collecting, site: SiteName): boolean {
  const failed = (round.failures.get(site) ?? 0) >= CONTRIBUTION_FAILURES_MAX;
  return round.cohort.has(site) && !round.received.has(site) && !round.declined.has(site) && !failed;
}

export function sameKey(a: RoundKey, b: RoundKey): boolean {
  return a.study === b.study && a.purpose === b.purpose && a.round === b.round && a.attempt === b.attempt;
}

function unchanged(round: Round, ...effects: readonly RoundEffect[]): Step {
  return { round, effects };
}

function refuse(round: Round, site: SiteName, code: RoundRefusal): Step {
  return { round, effects: [{ type: "refuse", site, code }] };
}
