import { z } from "zod";
import { epsilonOf } from "../accountant/convert.ts";
import { addCurves, type RdpCurve, ZERO_CURVE } from "../accountant/rdp.ts";
import { zeroOutCurveOf } from "../accountant/zeroOut.ts";
import type { LedgerEvent } from "../event/recordEvent.ts";
import { type DatasetId, type SiteName, StudyName } from "../units/identity.ts";
import { Epsilon } from "../units/privacy.ts";
import type { ChargeLog, SpentCharge } from "./chargeLog.ts";
import { ofEachPart, type Part } from "./entry.ts";
import { isTraining } from "./tally.ts";

/** What a charge was for, as people ask it. */
export const ChargePurpose = z.enum(["training", "evaluation", "audit", "references", "sanitizing"]);
export type ChargePurpose = z.infer<typeof ChargePurpose>;

const count = z.number().int().nonnegative();
/** JSON knows no ∞. */
const epsilon = Epsilon.nullable();

/** What one study did for one purpose, and by how much ε rose where it was charged. */
export const EpsilonGroup = z.strictObject({
  /** Null of sanitizing, which is no study's. */
  study: StudyName.nullable(),
  purpose: ChargePurpose,
  charges: count,
  added: epsilon,
  firstAt: z.string(),
  lastAt: z.string(),
});
export type EpsilonGroup = z.infer<typeof EpsilonGroup>;

/** After so many charges: ε of all of them composed, and how the groups' increments up to there make it up. */
export const EpsilonPoint = z.strictObject({
  at: z.string(),
  sequence: count,
  charges: count,
  epsilon,
  added: z.array(Epsilon),
});
export type EpsilonPoint = z.infer<typeof EpsilonPoint>;

/**
 * How ε of one part of a data set's patients grew, at one δ: the filter's own figure, by the same RDP sum that caps are
 * held against. Null from where the accountant proves no bound.
 */
export const EpsilonHistory = z.strictObject({
  charges: count,
  epsilon,
  /** In the order of each one's first charge. */
  groups: z.array(EpsilonGroup),
  points: z.array(EpsilonPoint),
});
export type EpsilonHistory = z.infer<typeof EpsilonHistory>;

/** More points than a plot has columns of pixels tell nobody more. */
export const HISTORY_POINTS_MAX = 240;

/** Whose history, and of one study alone or of all. */
export interface HistoryOf {
  readonly site: SiteName;
  readonly dataset: DatasetId;
  /** Without one: the part that pays most. */
  readonly part?: Part | undefined;
  readonly study?: StudyName | undefined;
}

/** The history of a part, and which part that is. */
export function historyIn(
  log: ChargeLog,
  { site, dataset, part, study }: HistoryOf,
  delta: number,
): { readonly part: Part; readonly history: EpsilonHistory } {
  const of = (one: Part) => {
    const spent = log.spent(site, dataset, one);
    const own = study === undefined ? spent : spent.filter((charge) => charge.study === study);
    return { part: one, history: epsilonHistory(own, delta) };
  };
  if (part !== undefined) return of(part);
  const height = ({ history }: ReturnType<typeof of>) => history.epsilon ?? Number.POSITIVE_INFINITY;
  const { train, ...others } = ofEachPart(of);
  return Object.values(others).reduce((most, one) => (height(one) > height(most) ? one : most), train);
}

/**
 * ε's of studies don't add: composed, they cost less than their sum. So each charge is told the increment of the composed
 * ε when it was booked, after all that were booked before; the increments add up to the composed figure, and only their
 * shares would be others in another order. Where there are more charges than points, a run of charges is one step: in
 * it each group's are booked together, in the order of their first.
 */
export function epsilonHistory(spent: readonly SpentCharge[], delta: number): EpsilonHistory {
  const groups = new Map<string, Group>();
  const points: EpsilonPoint[] = [];
  let curve = ZERO_CURVE;
  let before = 0;
  const step = Math.max(1, Math.ceil(spent.length / HISTORY_POINTS_MAX));
  for (let from = 0; from < spent.length; from += step) {
    const run = spent.slice(from, from + step);
    for (const [group, cost] of costsOf(run, groups)) {
      curve = addCurves(curve, cost);
      const after = epsilonOf(curve, delta);
      group.added += before === Number.POSITIVE_INFINITY ? after : Math.max(0, after - before);
      before = after;
    }
    const last = run.at(-1);
    if (last === undefined) break;
    const added = [...groups.values()].map((group) => Epsilon.parse(Number.isFinite(group.added) ? group.added : 0));
    points.push({
      at: last.at,
      sequence: last.sequence,
      charges: from + run.length,
      epsilon: bounded(before),
      added,
    });
  }
  return {
    charges: spent.length,
    epsilon: bounded(before),
    groups: [...groups.values()].map((group) => ({ ...group, added: bounded(group.added) })),
    points,
  };
}

/** A group as it grows; ∞ where there is no bound. */
interface Group extends Pick<EpsilonGroup, "study" | "purpose" | "firstAt"> {
  charges: number;
  added: number;
  lastAt: string;
}

/** What each group did in a run of charges, by the order of its first; opens the groups that are new. */
function costsOf(run: readonly SpentCharge[], groups: Map<string, Group>): ReadonlyMap<Group, RdpCurve> {
  // Charges of equal rounds are one event, counted: a curve each would take a thousand times as long.
  const events = new Map<Group, Map<string, LedgerEvent>>();
  for (const charge of run) {
    const group = groupOf(groups, charge);
    group.charges += 1;
    group.lastAt = charge.at;
    const own = events.get(group) ?? new Map<string, LedgerEvent>();
    events.set(group, own);
    for (const event of charge.events) {
      const { count: times, ...once } = event;
      const key = JSON.stringify(once);
      own.set(key, { ...event, count: times + (own.get(key)?.count ?? 0) });
    }
  }
  return new Map([...events].map(([group, own]) => [group, zeroOutCurveOf([...own.values()])]));
}

function groupOf(groups: Map<string, Group>, charge: SpentCharge): Group {
  const { study, at } = charge;
  const purpose = purposeOf(charge);
  const key = `${study ?? ""}/${purpose}`;
  const known = groups.get(key);
  if (known !== undefined) return known;
  const group = { study, purpose, charges: 0, added: 0, firstAt: at, lastAt: at };
  groups.set(key, group);
  return group;
}

/** Each part has one use but the training patients: there steps alone are Gaussian, and the rest is the audit's. */
function purposeOf({ part, study, events }: SpentCharge): ChargePurpose {
  if (study === null) return "sanitizing";
  if (part === "train") return events.some(isTraining) ? "training" : "audit";
  if (part === "reference") return "references";
  return part === "validation" ? "evaluation" : "audit";
}

function bounded(value: number): Epsilon | null {
  return Number.isFinite(value) ? Epsilon.parse(value) : null;
}
