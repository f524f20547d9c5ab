import { auditShape, type HistogramShape, isScaleOf } from "../audit/histogram.ts";
import { learnFromShadow, type ShadowReport } from "../audit/shadow.ts";
import { isUtilityOf } from "../audit/utility.ts";
import type { GradientCanaryReport } from "../canary/gradientCanaryRule.ts";
import { digestOfJson } from "../encoding/digest.ts";
import { federatedCanaryEpsilon } from "../epsilonBound/gaussian.ts";
import type { LedgerEntry } from "../ledger/entry.ts";
import { parameterCount } from "../model/spec.ts";
import type { StudyDocument } from "../study/document.ts";
import { modelSpecOfStudy } from "../study/network.ts";
import { studyAudit } from "./build.ts";
import type { Contents } from "./contentChecks.ts";
import { nearlyEqual } from "./nearlyEqual.ts";

/** Whether the report is what follows from noised counts in the signed study's shape, of sites that approved. */
export function auditHolds({ manifest, document, audit, entries }: Contents): boolean {
  const again = studyAudit(
    document,
    { ...manifest.model, made: audit.utility?.made },
    {
      histograms: audit.histograms,
      canaries: audit.canaries?.sites ?? [],
      utility: audit.utility?.sites ?? [],
      gradientCanaries: audit.gradientCanaries,
      shadow: audit.shadow,
    },
  );
  const { members, nonMembers } = document.audit.epsilon;
  const approved = new Set(manifest.approvals.map(({ statement }) => statement.site));
  const asPlanned = audit.histograms.every(
    (own) =>
      approved.has(own.site) &&
      document.audit.attacks.includes(own.attack) &&
      [own.members, own.nonMembers].every((histogram) => hasShape(histogram, auditShape(document, own.attack))) &&
      isScaleOf(own.members.scale, members) &&
      isScaleOf(own.nonMembers.scale, nonMembers),
  );
  const rule = document.audit.canaries;
  const guessed = audit.canaries?.sites ?? [];
  const asRuled = guessed.every(
    ({ site, count, guesses, correct }) =>
      audit.sites.includes(site) && count === rule?.count && guesses === rule.guesses && correct <= guesses,
  );
  const eachSite = rule === undefined ? 0 : audit.sites.length;
  const isOfEach = guessed.length === eachSite && new Set(guessed.map(({ site }) => site)).size === eachSite;
  const directions = audit.gradientCanaries;
  const isTold =
    (document.audit.gradientCanaries === undefined) === (directions === undefined) &&
    (directions === undefined || estimateHolds(document, directions, manifest.model.round));
  const judges = (audit.utility?.sites ?? []).map(({ site }) => site);
  const isJudged =
    (document.generator === undefined) === (audit.utility === undefined) &&
    (audit.utility?.sites ?? []).every(
      ({ site, histogram }) => audit.sites.includes(site) && isUtilityOf(document, histogram),
    ) &&
    new Set(judges).size === (document.generator === undefined ? 0 : audit.sites.length);
  const complete = again.orderings.flatMap(({ attacks }) => attacks).length === document.audit.attacks.length;
  const summary = { best: audit.best, verdict: audit.verdict };
  return (
    asPlanned &&
    asRuled &&
    isOfEach &&
    isTold &&
    shadowHolds(document, audit.shadow, entries) &&
    isJudged &&
    complete &&
    nearlyEqual(again, audit) &&
    nearlyEqual(summary, manifest.audit)
  );
}

/** Whether learnt attacks follow from noised histograms in the signed shape that the ledger's charges became. */
function shadowHolds(
  document: StudyDocument,
  told: ShadowReport | undefined,
  entries: readonly Pick<LedgerEntry, "body">[],
): boolean {
  const { shadow: rule } = document.audit;
  if (rule === undefined || told === undefined) return rule === undefined && told === undefined;
  const classes = document.data.label.values.length;
  const shape = { classes, bins: rule.bins ** 2 };
  const named = new Set(told.sites.map(({ site }) => site));
  const result = digestOfJson(told);
  const prefix = `${document.name}/shadow-`;
  return (
    named.size === told.sites.length &&
    named.size >= document.training.minSites &&
    told.sites.every(
      ({ site, members, nonMembers }) =>
        [members, nonMembers].every((own) => hasShape(own, shape)) &&
        isScaleOf(members.scale, rule.epsilon.members) &&
        isScaleOf(nonMembers.scale, rule.epsilon.nonMembers) &&
        entries.some(({ body }) => {
          if (body.kind !== "committed" || body.result !== result) return false;
          return body.charge.startsWith(prefix) && body.charge.includes(`/${site}/`);
        }),
    ) &&
    nearlyEqual(learnFromShadow(told.sites, rule, classes, document.training.initialSeed), told.attacks)
  );
}

/** The sums are gone, so that cosines can't be had again; what follows from them can. */
function estimateHolds(document: StudyDocument, told: GradientCanaryReport, rounds: number): boolean {
  const { count = 0 } = document.audit.gradientCanaries ?? {};
  const { meanCosine: mean, stdDevCosine: stdDev, dimension, delta } = told;
  return (
    told.count === count * document.sites.length &&
    told.rounds === rounds &&
    dimension === parameterCount(modelSpecOfStudy(document)) &&
    delta === document.privacy.delta &&
    nearlyEqual(federatedCanaryEpsilon({ mean, stdDev, dimension }, delta), told.epsilon)
  );
}

function hasShape(histogram: HistogramShape, shape: HistogramShape): boolean {
  return histogram.classes === shape.classes && histogram.bins === shape.bins;
}
