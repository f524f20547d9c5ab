import type { GradientCanaryReport } from "../canary/gradientCanaryRule.ts";
import { oneRunEpsilon } from "../canary/oneRun.ts";
import { Failure } from "../failure/failure.ts";
import type { AttackName } from "../study/audit.ts";
import type { SiteName } from "../units/identity.ts";
import { orderingsOf, tiesOf } from "./attacks.ts";
import { averageCells, cellsOf } from "./histogram.ts";
import { simultaneousQuantile } from "./interval.ts";
import { aucOver, bestOf, type Family, orderingFigures } from "./orderingFigures.ts";
import type { AuditReport, CanaryReport, OrderingReport, SiteAuditHistograms, UtilityReport } from "./report.ts";
import { distributionsOf } from "./roc.ts";
import type { ShadowReport } from "./shadow.ts";
import { mergeStrata, resolvableStrata, type Stratum } from "./strata.ts";
import { utilityReport } from "./utility.ts";
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
  /** Where the study has a generator: each site's look at its records' classifier. */
  readonly utility?: Pick<UtilityReport, "made" | "sites">;
  /** Where the study has gradient canaries: what the run's sums tell of them. */
  readonly gradientCanaries?: GradientCanaryReport;
  /** Where attacks were learnt from a shadow. */
  readonly shadow?: ShadowReport;
};

export const AUDIT_CONFIDENCE = 0.95;
export const AUDIT_FPRS: readonly number[] = [0.001, 0.01, 0.1];

/**
 * The audit report of one model from the sites' noised histograms: deterministic, so that anyone can compute it again.
 * Throws where a site sent only some of the attacks' histograms, or histograms of unlike shape.
 */
export function auditReportOf(input: AuditInput): AuditReport {
  const { studySites, canaries, utility, confidence = AUDIT_CONFIDENCE, fprs = AUDIT_FPRS, ...carried } = input;
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
    ...(utility === undefined ? {} : { utility: utilityReport(utility.made, utility.sites, input.modelClasses) }),
    best,
    verdict: verdictOf(best, reports, { confidence, limit: input.limit, counts: "noised" }),
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

function orderingReport(
  histograms: readonly SiteAuditHistograms[],
  attacks: readonly AttackName[],
  sites: readonly SiteName[],
  family: Family,
): OrderingReport {
  const zOf = (parts: number) => simultaneousQuantile(family.confidence, family.count * parts);
  const ties = tiesOf(attacks);
  const bySite = sites.map((site) => stratumOf(histograms, attacks, site));
  const strata = resolvableStrata(bySite);
  const matched = strata.length === 0 ? undefined : distributionsOf(strata);
  const classes = histograms[0]?.members.classes ?? 1;
  const ofClass = (group: number) => sites.map((site) => stratumOf(histograms, attacks, site, group));
  return {
    attacks: [...attacks],
    ...orderingFigures(matched, ties, family),
    pooledAuc: aucOver([mergeStrata(bySite)], zOf(1), ties),
    perSite: sites.map((site, index) => ({
      site,
      auc: aucOver(bySite.slice(index, index + 1), zOf(sites.length), ties),
    })),
    perClass: (classes === 1 ? [] : [...Array(classes).keys()]).map((group) => ({
      class: group,
      auc: aucOver(ofClass(group), zOf(classes), ties),
    })),
    strata: strata.map((stratum) => sites.filter((site) => stratum.sites.includes(site))),
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
