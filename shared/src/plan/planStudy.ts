import { addCurves, curveOf, type RdpCurve, ZERO_CURVE } from "../accountant/rdp.ts";
import { within } from "../ledger/budget.ts";
import { ofEachPart, Part } from "../ledger/entry.ts";
import { normalisationLines } from "../normalisation/lines.ts";
import type { DpSgdStudy, StudyDocument } from "../study/document.ts";
import { eventsOf } from "../study/noise.ts";
import { overlapFigures } from "../study/overlap.ts";
import { type ScheduleEpsilon, scheduleEpsilons } from "../study/scheduleEpsilon.ts";
import type { DatasetId, SiteName } from "../units/identity.ts";
import { type Limit, leastNoise, leastNoiseUnder, mostRounds } from "./affordable.ts";
import { durationOf, type Pace } from "./duration.ts";
import { epsilonCurve, largest, NOTHING_BEFORE, type SpentCurves } from "./epsilonCurve.ts";
import type { Affordable, BudgetPlan, PartEpsilons, Plan } from "./plan.ts";
import { sanitizedInstead } from "./sanitized.ts";
import { signalOf } from "./signal.ts";
import { trafficOf } from "./traffic.ts";
import { requireDpSgd } from "./variant.ts";

/** What a site still affords: its cap over all studies, with what they spent, and perhaps others. */
export interface SiteBudget {
  readonly site: SiteName;
  readonly dataset: DatasetId | null;
  readonly cap: number;
  readonly delta: number;
  readonly perStudy?: number | undefined;
  readonly spent: SpentCurves;
  /** Caps for a period, with what counts under each now. */
  readonly periods?: readonly { readonly cap: number; readonly spent: SpentCurves }[];
}

export interface PlanContext {
  readonly noiseWasAuto: boolean;
  readonly pace?: Pace;
  /** Of the study's own sites; others' are left out. */
  readonly budgets?: readonly SiteBudget[];
  /** What is unwise about the study file, in words. */
  readonly warnings?: readonly string[];
}

/**
 * Everything that a study's document says of its privacy, cost and size before anything is done. Its ε is the one that
 * approval and both ledgers count: the same charges, summed by the same accountant. Throws `plan/nothing-to-plan` for a
 * study whose steps have no noise.
 */
export function planStudy(study: StudyDocument, context: PlanContext): Plan {
  const document = requireDpSgd(study);
  const { privacy, training, sites, audit } = document;
  const curve = epsilonCurve(document, privacy.delta);
  const epsilon = curve.at(-1)?.epsilon ?? ofEachPart(() => null);
  const traffic = trafficOf(document);
  const patients = sites.reduce((total, site) => total + site.patients, 0);
  const total = largest(epsilon);
  const held = heldAgainst(document, context.budgets ?? []);
  const budgets = held.map((one) => budgetPlan(document, one));
  return {
    study: document.name,
    accountant: "RDP",
    samplingRate: privacy.samplingRate,
    noiseMultiplier: privacy.noiseMultiplier,
    noiseWasAuto: context.noiseWasAuto,
    rounds: training.rounds,
    localSteps: training.localSteps,
    clippingNorm: privacy.clippingNorm,
    patients,
    expectedBatch: privacy.samplingRate * patients,
    sites: sites.map(({ name }) => name),
    overlap: overlapFigures(document.overlap, () => plannedCurves(document), privacy.delta),
    normalisation: [...normalisationLines(document)],
    attacks: [...audit.attacks],
    cap: privacy.epsilon,
    delta: privacy.delta,
    epsilon,
    scheduleEpsilon: scheduleParts(document),
    fits: total !== null && within(total, privacy.epsilon),
    curve: [...curve],
    affordable: ownAffordable(document, context.noiseWasAuto),
    budgets,
    underBudgets: affordableUnder(document, held, budgets),
    signal: signalOf(document),
    traffic,
    duration: durationOf(document, traffic, context.pace ?? {}),
    sanitized: sanitizedInstead(document, epsilon),
    warnings: [...(context.warnings ?? [])],
  };
}

function scheduleParts(document: StudyDocument): PartEpsilons {
  const figures = scheduleEpsilons(document);
  const bounded = ({ epsilon }: ScheduleEpsilon) => (Number.isFinite(epsilon) ? epsilon : null);
  return ofEachPart((part) => bounded(figures[part]));
}

/** What the study does to each part of a site's patients, in the order of `Part.options`. */
export function plannedCurves(document: StudyDocument): RdpCurve[] {
  return Part.options.map((part) => eventsOf(document, part).map(curveOf).reduce(addCurves, ZERO_CURVE));
}

/** Of the study's own cap: `auto` has found the least σ for it already. */
function ownAffordable(document: DpSgdStudy, noiseWasAuto: boolean): Affordable {
  const { privacy } = document;
  const rounds = mostRounds(document, privacy);
  return { rounds, noiseMultiplier: noiseWasAuto ? privacy.noiseMultiplier : leastNoise(document, privacy) };
}

/** A cap that the plan is held against, and what counts under it. */
interface Held {
  readonly budget: SiteBudget;
  readonly scope: BudgetPlan["scope"];
  readonly limit: Required<Limit>;
}

function heldAgainst(document: StudyDocument, budgets: readonly SiteBudget[]): readonly Held[] {
  const listed = new Set(document.sites.map(({ name }) => name));
  return budgets
    .filter(({ site }) => listed.has(site))
    .flatMap((budget): Held[] => {
      const { cap, delta, spent, perStudy, periods = [] } = budget;
      const whole: Held = { budget, scope: "all studies", limit: { epsilon: cap, delta, spent } };
      const inPeriods = periods.map(
        (period): Held => ({ budget, scope: "a period", limit: { epsilon: period.cap, delta, spent: period.spent } }),
      );
      if (perStudy === undefined) return [whole, ...inPeriods];
      const ofStudy = { epsilon: perStudy, delta, spent: NOTHING_BEFORE };
      return [whole, { budget, scope: "this study", limit: ofStudy }, ...inPeriods];
    });
}

function budgetPlan(document: StudyDocument, { budget, scope, limit }: Held): BudgetPlan {
  const { epsilon: cap, delta, spent } = limit;
  const curve = epsilonCurve(document, delta, spent).map((point) => ({ ...point, epsilon: largest(point.epsilon) }));
  const [before, after] = [curve[0]?.epsilon ?? null, curve.at(-1)?.epsilon ?? null];
  const fits = after !== null && within(after, cap);
  const { site, dataset } = budget;
  return { site, dataset, scope, cap, delta, before, after, fits, curve, rounds: mostRounds(document, limit) };
}

function affordableUnder(
  document: StudyDocument,
  held: readonly Held[],
  plans: readonly BudgetPlan[],
): Affordable | null {
  if (held.length === 0) return null;
  const noiseMultiplier = leastNoiseUnder(
    document,
    held.map(({ limit }) => limit),
  );
  return { rounds: Math.min(...plans.map(({ rounds }) => rounds)), noiseMultiplier };
}
