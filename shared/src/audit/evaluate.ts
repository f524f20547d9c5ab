import { oneRunEpsilon } from "../canary/oneRun.ts";
import { Failure } from "../failure/failure.ts";
import type { AttackName } from "../study/audit.ts";
import type { SiteName } from "../units/identity.ts";
import { orderingsOf, type Ties, tiesOf } from "./attacks.ts";
import { averageCells, cellsOf } from "./histogram.ts";
import { advantageInterval, aucInterval, type Interval, normalQuantile, simultaneousQuantile } from "./interval.ts";
import type { AuditReport, CanaryReport, Figure, OrderingReport, SiteAuditHistograms } from "./report.ts";
import { type Distributions, distributionsOf, rateAbove } from "./roc.ts";
import { mergeStrata, resolvableStrata, type Stratum } from "./strata.ts";
import { tprAtFpr } from "./tpr.ts";
import { verdictOf } from "./verdict.ts";

/** What an audit starts from; everything in it is public or noised. */
export type AuditInput = Pick<
  AuditReport,
  "study" | "studyDigest" | "modelDigest" | "round" | "modelClasses" | "limit" | "histograms"
> & {
  readonly studySites: readonly SiteName[];
  readonly confidence?: number;
  readonly fprs?: readonly number[];
  /** Where the study has canaries: each site's guesses, and the study's δ. */
  readonly canaries?: { readonly sites: CanaryReport["sites"]; readonly delta: number };
};

const AUDIT_CONFIDENCE = 0.95;
export const AUDIT_FPRS: readonly number[] = [0.001, 0.01, 0.1];
/** A detectable AUC is one that the lower bound clears 0.5 for with this probability. */
const DETECTION_POWER = 0.8;

/**
 * The audit report of one model from the sites' noised histograms: deterministic, so that anyone can compute it again.
 * Throws where a site sent only some of the attacks' histograms, or histograms of unlike shape.
 */
export function auditReportOf(input: AuditInput): AuditReport {
  const { studySites, canaries, confidence = AUDIT_CONFIDENCE, fprs = AUDIT_FPRS, ...carried } = input;
  const sites = [...new Set(input.histograms.map(({ site }) => site))].sort();
  const attacks = [...new Set(input.histograms.map(({ attack }) => attack))];
  checkShapes(input.histograms, sites, attacks);
  const orderings = orderingsOf(attacks, input.modelClasses);
  const reports = orderings.map((ordering) =>
    orderingReport(input.histograms, ordering, sites, { confidence, fprs, count: orderings.length }),
  );
  const best = bestOf(reports.map(({ auc }) => auc));
  return {
    formatVersion: 1,
    ...carried,
    confidence,
    sites,
    sitesMissing: studySites.filter((site) => !sites.includes(site)).sort(),
    orderings: reports,
    ...(canaries === undefined ? {} : { canaries: canaryReport(canaries, confidence) }),
    best,
    verdict: verdictOf(best, reports, { confidence, limit: input.limit }),
    label: "not an ε bound",
  };
}

/** Sites' coins are independent, so their guesses are one run's together. */
function canaryReport({ sites, delta }: NonNullable<AuditInput["canaries"]>, confidence: number): CanaryReport {
  const sum = (of: "count" | "guesses" | "correct") => sites.reduce((total, site) => total + site[of], 0);
  const run = { count: sum("count"), guesses: sum("guesses"), correct: sum("correct") };
  return {
    sites: [...sites].sort((a, b) => (a.site < b.site ? -1 : 1)),
    ...run,
    delta,
    epsilon: oneRunEpsilon(run, delta, confidence),
    epsilonMax: oneRunEpsilon({ ...run, correct: run.guesses }, delta, confidence),
  };
}

interface Family {
  readonly confidence: number;
  readonly fprs: readonly number[];
  /** Orderings tried. */
  readonly count: number;
}

function orderingReport(
  histograms: readonly SiteAuditHistograms[],
  attacks: readonly AttackName[],
  sites: readonly SiteName[],
  family: Family,
): OrderingReport {
  const z = simultaneousQuantile(family.confidence, family.count);
  const zOf = (parts: number) => simultaneousQuantile(family.confidence, family.count * parts);
  const ties = tiesOf(attacks);
  const tailZ = simultaneousQuantile(family.confidence, 4 * family.count * family.fprs.length);
  const bySite = sites.map((site) => stratumOf(histograms, attacks, site));
  const strata = resolvableStrata(bySite);
  const matched = strata.length === 0 ? undefined : distributionsOf(strata);
  const auc = figure(matched, (distributions) => aucInterval(distributions, z, ties));
  const pooledAuc = aucOver([mergeStrata(bySite)], z, ties);
  const classes = histograms[0]?.members.classes ?? 1;
  const ofClass = (group: number) => sites.map((site) => stratumOf(histograms, attacks, site, group));
  return {
    attacks: [...attacks],
    members: matched?.members ?? 0,
    nonMembers: matched?.nonMembers ?? 0,
    auc,
    ...(auc.state === "resolved" ? { detectableAuc: detectable(auc, z) } : {}),
    pooledAuc,
    advantage: figure(matched, (distributions) => advantageInterval(distributions, ties, family)),
    tprAtFpr: family.fprs.map((fpr) => ({ fpr, tpr: tailFigure(matched, fpr, tailZ, ties) })),
    perSite: sites.map((site, index) => ({
      site,
      auc: aucOver(bySite.slice(index, index + 1), zOf(sites.length), ties),
    })),
    perClass: (classes === 1 ? [] : [...Array(classes).keys()]).map((group) => ({
      class: group,
      auc: aucOver(ofClass(group), zOf(classes), ties),
    })),
    strata: strata.map((stratum) => sites.filter((site) => stratum.sites.includes(site))),
    roc: matched === undefined ? [] : rocOf(matched),
  };
}

/** One site's members and non-members: the attacks' looks averaged; one class, or all together. */
function stratumOf(
  histograms: readonly SiteAuditHistograms[],
  attacks: readonly AttackName[],
  site: SiteName,
  group?: number,
): Stratum {
  const looks = histograms.filter((entry) => entry.site === site && attacks.includes(entry.attack));
  return {
    sites: [site],
    members: averageCells(looks.map(({ members }) => cellsOf(members, group))),
    nonMembers: averageCells(looks.map(({ nonMembers }) => cellsOf(nonMembers, group))),
  };
}

const TOO_FEW = "the noised number of members or of non-members is not 5 noise standard deviations above zero";

function aucOver(strata: readonly Stratum[], z: number, ties: Ties): Figure {
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
function bestOf(figures: readonly Figure[]): Figure {
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

function checkShapes(
  histograms: readonly SiteAuditHistograms[],
  sites: readonly SiteName[],
  attacks: readonly AttackName[],
): void {
  const first = histograms[0]?.members;
  const binsOf = new Map(histograms.map(({ attack, members }) => [attack, members.bins]));
  const alike = histograms.every(({ attack, members, nonMembers }) =>
    [members, nonMembers].every((own) => own.bins === binsOf.get(attack) && own.classes === first?.classes),
  );
  const named = new Set(histograms.map(({ site, attack }) => `${site} ${attack}`));
  const complete = named.size === histograms.length && named.size === sites.length * attacks.length;
  if (alike && complete && first !== undefined) return;
  throw new Failure({
    code: "audit/histograms-incomplete",
    kind: "refused",
    what: "The audit's histograms are not one for each site and attack, all of the same classes, and of one attack of the same bins.",
    remedy: "Run the audit round again with every site that takes part in it.",
  });
}
