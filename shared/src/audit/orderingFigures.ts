import type { Ties } from "./attacks.ts";
import { advantageInterval, aucInterval, type Interval, normalQuantile, simultaneousQuantile } from "./interval.ts";
import type { Figure, OrderingReport } from "./report.ts";
import { type Distributions, distributionsOf, rateAbove } from "./roc.ts";
import { resolvableStrata, type Stratum } from "./strata.ts";
import { tprAtFpr } from "./tpr.ts";

/** What intervals of one kind hold together over. */
export interface Family {
  readonly confidence: number;
  readonly fprs: readonly number[];
  /** Orderings tried. */
  readonly count: number;
}

/** A detectable AUC is one that the lower bound clears 0.5 for with this probability. */
const DETECTION_POWER = 0.8;

type Figures = Pick<
  OrderingReport,
  "members" | "nonMembers" | "auc" | "detectableAuc" | "advantage" | "tprAtFpr" | "roc"
>;

/** All figures of one ordering; of no distributions, because there was too little, that nothing can be told. */
export function orderingFigures(matched: Distributions | undefined, ties: Ties, family: Family): Figures {
  const z = simultaneousQuantile(family.confidence, family.count);
  const tailZ = simultaneousQuantile(family.confidence, 4 * family.count * family.fprs.length);
  const auc = figure(matched, (distributions) => aucInterval(distributions, z, ties));
  return {
    members: matched?.members ?? 0,
    nonMembers: matched?.nonMembers ?? 0,
    auc,
    ...(auc.state === "resolved" ? { detectableAuc: detectable(auc, z) } : {}),
    advantage: figure(matched, (distributions) => advantageInterval(distributions, ties, family)),
    tprAtFpr: family.fprs.map((fpr) => ({ fpr, tpr: tailFigure(matched, fpr, tailZ, ties) })),
    roc: matched === undefined ? [] : rocOf(matched),
  };
}

const TOO_FEW = "the noised number of members or of non-members is not 5 noise standard deviations above zero";

export function aucOver(strata: readonly Stratum[], z: number, ties: Ties): Figure {
  const usable = resolvableStrata(strata);
  return figure(usable.length === 0 ? undefined : distributionsOf(usable), (d) => aucInterval(d, z, ties));
}

function figure(distributions: Distributions | undefined, interval: (d: Distributions) => Interval): Figure {
  if (distributions === undefined) return { state: "not-resolvable", why: TOO_FEW };
  return { state: "resolved", ...interval(distributions) };
}

function tailFigure(distributions: Distributions | undefined, fpr: number, z: number, ties: Ties): Figure {
  if (distributions === undefined) return { state: "not-resolvable", why: TOO_FEW };
  const rate = tprAtFpr(distributions, fpr, z, ties);
  return "interval" in rate
    ? { state: "resolved", ...rate.interval }
    : { state: "not-resolvable", why: rate.unresolvable };
}

function detectable(auc: Extract<Figure, { state: "resolved" }>, z: number): number {
  const spread = Math.hypot(auc.samplingStdDev, auc.noiseStdDev);
  return Math.min(1, 0.5 + auc.halfBin + (z + normalQuantile(DETECTION_POWER)) * spread);
}

function rocOf(distributions: Distributions): OrderingReport["roc"] {
  const bins = distributions.p.length;
  return Array.from({ length: bins + 1 }, (_, index) => {
    const { tpr, fpr } = rateAbove(distributions, bins - index);
    return { fpr: fpr.value, tpr: tpr.value };
  });
}

/** The strongest of all orderings, bound by bound; one that can't be resolved could be stronger than any. */
export function bestOf(figures: readonly Figure[]): Figure {
  const [first, ...rest] = figures;
  if (first === undefined) return { state: "not-resolvable", why: TOO_FEW };
  return rest.reduce((a, b) => {
    if (a.state === "not-resolvable") return a;
    if (b.state === "not-resolvable") return b;
    const wider = b.high > a.high ? b : a;
    return {
      ...wider,
      low: Math.max(a.low, b.low),
      value: Math.max(a.value, b.value),
      high: wider.high,
    };
  }, first);
}
