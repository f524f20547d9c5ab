import { epsilonOf } from "../accountant/convert.ts";
import { addCurves, curveOf } from "../accountant/rdp.ts";
import { zeroOutCurveOf } from "../accountant/zeroOut.ts";
import type { RecordEvent } from "../event/recordEvent.ts";
import { Failure } from "../failure/failure.ts";
import type { PlannedCharge } from "../study/charges.ts";
import type { StudyDocument } from "../study/document.ts";
import { epsilonText } from "../units/epsilonText.ts";
import type { DatasetId, SiteName } from "../units/identity.ts";
import { within } from "./budget.ts";
import { bookedUnder, type CapFilter, capFilters, epsilonUnder, filterText } from "./capFilter.ts";
import { Part } from "./entry.ts";
import type { CapUse } from "./notice.ts";
import type { LedgerState, ReservedBody, SanitizingBody } from "./state.ts";

/** Whose budget is asked, and for which study. */
export interface Purse {
  readonly site: SiteName;
  readonly dataset: DatasetId;
  readonly document: StudyDocument;
}

/** A cap, or the ε that a study was signed with: what it plans is held against both. */
export interface Limit extends Omit<CapFilter, "of"> {
  readonly of: CapFilter["of"] | "signed";
}

/** A limit that charges would pass, by the part that would pay most. */
export interface Passed {
  readonly limit: Limit;
  readonly part: Part;
  readonly epsilon: number;
}

/** Every limit that a study keeps to on a data set; none where its steward set no cap: then nothing may be done. */
export function limitsOn(state: LedgerState, { site, dataset, document }: Purse): readonly Limit[] {
  const filters: readonly CapFilter[] = capFilters(state, site, dataset, document.name);
  if (filters.length === 0) return [];
  const { epsilon, delta } = document.privacy;
  return [...filters, { of: "signed", study: document.name, period: null, epsilon, delta }];
}

/** The first limit that these charges, all together, would pass; null where all hold. */
export function passedLimit(
  state: LedgerState,
  purse: Purse,
  charges: readonly PlannedCharge[],
  day: number,
): Passed | null {
  const { site, dataset } = purse;
  const parts = Part.options.flatMap((part) => {
    const events = charges
      .filter((charge) => charge.part === part && charge.event.kind !== "post-processing")
      .map(({ event }) => event);
    return events.length === 0 ? [] : [{ part, cost: events.map(curveOf).reduce(addCurves) }];
  });
  for (const limit of limitsOn(state, purse)) {
    const would = parts.map(({ part, cost }) => ({
      part,
      epsilon: epsilonOf(addCurves(cost, bookedUnder(state, limit, { site, dataset, part }, day)), limit.delta),
    }));
    const [most] = would.sort((a, b) => b.epsilon - a.epsilon);
    if (most !== undefined && !within(most.epsilon, limit.epsilon)) return { limit, ...most };
  }
  return null;
}

/** For people: "the data set's cap over all studies (ε = 4 at δ = 0.0001)". */
export function limitText({ of, period, epsilon, delta }: Limit): string {
  const which = of === "signed" ? "the ε that the study was signed with" : filterText({ of, period });
  return `${which} (ε = ${epsilon} at δ = ${delta})`;
}

/**
 * Throws `ledger/no-cap` or `ledger/budget-exceeded` unless every cap holds with it; what is booked under each then.
 * A ledger knows no study's document: the ε that one was signed with is checked before.
 */
export function checkAffordable(state: LedgerState, body: ReservedBody, day: number): readonly CapUse[] {
  const filters = capFilters(state, body.site, body.dataset, body.study);
  if (filters.length === 0) throw noCap(body);
  // Where a cap was lowered below what is spent, what costs nothing passes all the same.
  const isFree = body.event.kind === "post-processing";
  const cost = curveOf(body.event);
  return filters.map((filter) => {
    const epsilon = epsilonOf(addCurves(bookedUnder(state, filter, body, day), cost), filter.delta);
    if (!isFree && !within(epsilon, filter.epsilon)) throw exceeded(body, epsilon, filter);
    // A period lets go of what it counted: whether it did is told by the part that booked most, not by this one alone.
    const others = filter.period === null ? 0 : epsilonUnder(state, filter, body, day);
    return { filter, epsilon: Math.max(epsilon, others) };
  });
}

/** The same for what a sanitizer does to all parts of a data set at once; caps of single studies don't count it. */
export function checkWholeAffordable(state: LedgerState, body: SanitizingBody, day: number): void {
  if (body.events.length === 0) return;
  const filters = capFilters(state, body.site, body.dataset, null);
  if (filters.length === 0) throw noCap(body);
  const passed = passedByWhole(state, body, body.events, day);
  if (passed !== null) throw wholeExceeded(body, passed);
}

/** The first cap that these events would pass on a whole data set; null where all hold. */
export function passedByWhole(...asked: Parameters<typeof usesByWhole>): Passed | null {
  return usesByWhole(...asked).find(({ limit, epsilon }) => !within(epsilon, limit.epsilon)) ?? null;
}

/** What each cap would have booked with these events on a whole data set, by the part that would have most. */
export function usesByWhole(
  state: LedgerState,
  { site, dataset }: Pick<SanitizingBody, "site" | "dataset">,
  events: readonly RecordEvent[],
  day: number,
): readonly Passed[] {
  const cost = zeroOutCurveOf(events);
  return capFilters(state, site, dataset, null).flatMap((limit) => {
    const booked = (part: Part) => addCurves(cost, bookedUnder(state, limit, { site, dataset, part }, day));
    const uses = Part.options.map((part) => ({ limit, part, epsilon: epsilonOf(booked(part), limit.delta) }));
    return uses.sort((a, b) => b.epsilon - a.epsilon).slice(0, 1);
  });
}

function wholeExceeded({ site, dataset }: SanitizingBody, { limit, part, epsilon }: Passed): Failure {
  return new Failure({
    code: "ledger/budget-exceeded",
    kind: "refused",
    what:
      `Sanitizing ${site}'s data set ${dataset} would bring its ${part} part to ε = ${epsilonText(epsilon)} under ` +
      `${limitText(limit)}.`,
    remedy: "Ask for a smaller ε, or have the site's stewards raise the cap.",
    fields: { site, dataset, part, wouldSpend: epsilon, cap: limit.epsilon },
  });
}

function noCap(body: Pick<SanitizingBody, "site" | "dataset">): Failure {
  return new Failure({
    code: "ledger/no-cap",
    kind: "refused",
    what: `Site ${body.site} has set no cap for its data set ${body.dataset}: nothing may be done to it.`,
    remedy: "Let the site's steward set a cap for the data set.",
    fields: { site: body.site, dataset: body.dataset },
  });
}

function exceeded(body: ReservedBody, wouldSpend: number, filter: CapFilter): Failure {
  return new Failure({
    code: "ledger/budget-exceeded",
    kind: "refused",
    what:
      `Round ${body.round} of study ${body.study} would bring ${body.site}'s data set ${body.dataset} ` +
      `(${body.part} part) to ε = ${epsilonText(wouldSpend)} under ${limitText(filter)}.`,
    remedy: "Release the current model, or have the site's stewards raise the cap.",
    fields: {
      site: body.site,
      dataset: body.dataset,
      part: body.part,
      study: body.study,
      wouldSpend,
      cap: filter.epsilon,
    },
  });
}
