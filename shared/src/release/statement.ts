import { z } from "zod";
import { epsilonOf } from "../accountant/convert.ts";
import { addCurves, curveOf, curveOfEvents, type RdpCurve, ZERO_CURVE } from "../accountant/rdp.ts";
import { canonicalJson } from "../encoding/canonicalJson.ts";
import { PrivacyEvent } from "../event/event.ts";
import { Part } from "../ledger/entry.ts";
import { spendingOf } from "../ledger/spent.ts";
import type { Charge, ChargeState, LedgerState } from "../ledger/state.ts";
import { isTraining } from "../ledger/tally.ts";
import { StudyWeights } from "../model/studyWeights.ts";
import { type Approval, Disclosure } from "../study/approval.ts";
import { type PlannedCharge, plannedCharges, plannedEvents } from "../study/charges.ts";
import { studyDigest } from "../study/digest.ts";
import type { StudyDocument } from "../study/document.ts";
import { referenceRounds } from "../study/modelLines.ts";
import { weightsOfStudy } from "../study/network.ts";
import { epsilonAtOnce, type OverlapFigure, overlapFigures, pointwiseMax } from "../study/overlap.ts";
import { DatasetId, Digest, SiteName, StudyName } from "../units/identity.ts";
import { Guarantee, guaranteeOf, SignedSchedule, signedScheduleOf } from "./guarantee.ts";
import { mechanismsOf } from "./mechanisms.ts";
import { SanitizedStatement, sanitizedStatementOf } from "./sanitized.ts";
import { withinSchedule } from "./withinSchedule.ts";

const epsilon = z.number().nonnegative();
const delta = z.number().gt(0).lt(1);

/** What was done to one part of a site's patients by this study, and what it costs at the study's δ. */
const PartStatement = z.strictObject({ part: Part, epsilon, events: z.array(PrivacyEvent) });

const SiteStatement = z.strictObject({
  site: SiteName,
  dataset: DatasetId,
  /** This study: the maximum over parts, since a patient is in one part. */
  epsilon,
  /** All Gaussian events: its steps, and the normalisation before them. */
  trainingEpsilon: epsilon,
  parts: z.array(PartStatement),
  /** Everything that any study of the consortium charged to this data set, at the δ of its cap. */
  dataSet: z.strictObject({ epsilon, delta, cap: epsilon }),
});

/** What a release promises to patients, recomputable from the study and the ledger that lie beside it. */
export const PrivacyStatement = z.strictObject({
  formatVersion: z.literal(1),
  study: StudyName,
  studyDigest: Digest,
  unit: z.literal("patient"),
  adjacency: z.literal("add-remove"),
  trust: z.enum(["local", "distributed"]),
  delta,
  /** Of every figure that names no other. */
  accountant: z.literal("rdp"),
  mechanisms: z.array(z.string()),
  sites: z.array(SiteStatement),
  consortium: z.strictObject({
    /** Every patient at one site only: the largest of the sites' figures. */
    disjointEpsilon: epsilon,
    /** A patient whose records lie at two sites: both compose. */
    twoSitesEpsilon: epsilon.optional(),
  }),
  /** ε of the schedule that every site signed, had all of it been run. */
  signedMaximumEpsilon: epsilon,
  signedSchedule: SignedSchedule,
  guarantee: Guarantee,
  /** Distance of the samplers from the ideal distributions, already charged above; summed at the worst site. */
  sampler: z.strictObject({ maxLogRatio: z.number().nonnegative(), totalVariation: z.number().nonnegative() }),
  /** Of a study on sanitized records: what was charged for those before, which no figure above counts. */
  sanitized: SanitizedStatement.optional(),
  /** Data that left a site without noise. */
  unprotectedDisclosures: z.array(z.string()).max(0),
  /** What the sites' stewards signed for that no noise covers: none of the figures here counts it. */
  signedDisclosures: z.array(Disclosure),
  /** Weights that it started from: public by the proposer's word, so that no figure here counts what they tell. */
  publicWeights: StudyWeights.pick({ digest: true, source: true }).optional(),
});
export type PrivacyStatement = z.infer<typeof PrivacyStatement>;

/** Charges of a study that are spent: acting or committed, whatever became of their round. In ledger order. */
export function spentCharges(state: LedgerState, study: StudyName): readonly Charge["body"][] {
  return chargesIn(state, study, ["acting", "committed"]);
}

/** Charges that were reserved and have neither acted nor been cancelled: no release while there is one. */
export function openCharges(state: LedgerState, study: StudyName): readonly Charge["body"][] {
  return chargesIn(state, study, ["reserved"]);
}

/** Charges of a study whose round was committed: their sites contributed. */
export function committedCharges(state: LedgerState, study: StudyName): readonly Charge["body"][] {
  return chargesIn(state, study, ["committed"]);
}

function chargesIn(state: LedgerState, study: StudyName, states: readonly ChargeState[]): readonly Charge["body"][] {
  return [...state.charges.values()]
    .filter((charge) => charge.body.study === study && states.includes(charge.state))
    .map(({ body }) => body);
}

/** The statement of a study, from what the ledger says was done; deterministic, so that anyone can compute it again. */
export function privacyStatementOf(
  document: StudyDocument,
  state: LedgerState,
  approvals: readonly Approval[],
): PrivacyStatement {
  const { unit, adjacency, trust, delta } = document.privacy;
  const spent = spentCharges(state, document.name);
  const approved = approvals
    .map(({ statement }) => statement)
    .filter(({ study }) => study === document.name)
    .sort((a, b) => (a.site < b.site ? -1 : 1));
  const curves = approved.map(({ site }) => curvesOfParts(spent.filter((charge) => charge.site === site)));
  const sanitized = sanitizedStatementOf(document, state, approved, curvesToState(document, spent));
  const worst = curves.flat().reduce(pointwiseMax, ZERO_CURVE);
  const at = (curve: RdpCurve) => epsilonOf(curve, delta);
  const weights = weightsOfStudy(document);
  const sites = approved.map((statement) => siteStatement(document, statement, state));
  const left = leftCharges(document, spent);
  const toTheEnd = approved
    .map(({ site }) => [...spent.filter((charge) => charge.site === site), ...left])
    .map(curvesOfParts)
    .concat([Part.options.map((part) => plannedCurve(document, part))]);
  const consortium = {
    disjointEpsilon: Math.max(0, ...sites.map((site) => site.epsilon)),
    ...(sites.length > 1 ? { twoSitesEpsilon: epsilonAtOnce(curves, delta, 2) } : {}),
  };
  const signedMaximumEpsilon = Math.max(...Part.options.map((part) => at(plannedCurve(document, part))));
  const keptTo = approved.every(({ site }) =>
    withinSchedule(document, [...spent.filter((charge) => charge.site === site), ...left]),
  );
  const signedSchedule = signedScheduleOf(document, keptTo, sites.length);
  const { disjointEpsilon, twoSitesEpsilon } = consortium;
  const figures = {
    spent: disjointEpsilon,
    toTheEnd: Math.max(...toTheEnd.flat().map(at)),
    ...(twoSitesEpsilon === undefined
      ? {}
      : { twice: { spent: twoSitesEpsilon, toTheEnd: epsilonAtOnce(toTheEnd, delta, 2) } }),
  };
  return {
    formatVersion: 1,
    study: document.name,
    studyDigest: studyDigest(document),
    unit,
    adjacency,
    trust,
    delta,
    accountant: "rdp",
    mechanisms: mechanismsOf(document),
    sites,
    consortium,
    signedMaximumEpsilon,
    signedSchedule,
    guarantee: { ...guaranteeOf(document, figures, signedSchedule), ...overlapOf(document, spent) },
    sampler: { maxLogRatio: worst.maxLogRatio, totalVariation: worst.totalVariation },
    ...(sanitized === undefined ? {} : { sanitized }),
    unprotectedDisclosures: [],
    signedDisclosures: Disclosure.options.filter((one) =>
      approved.some(({ disclosures }) => disclosures?.includes(one)),
    ),
    ...(weights === undefined ? {} : { publicWeights: { digest: weights.digest, source: weights.source } }),
  };
}

/** What the rounds and evaluations that were not run would have cost: those spent may hold repeated rounds. */
function leftCharges(document: StudyDocument, spent: readonly Charge["body"][]): readonly PlannedCharge[] {
  const { rounds } = document.training;
  const { everyRounds } = document.evaluation;
  const lastOf = (charges: readonly Charge["body"][]) =>
    charges.reduce((latest, { round }) => Math.max(latest, round), 0);
  const last = lastOf(spent.filter(({ part }) => part === "train"));
  const references = lastOf(spent.filter(({ part }) => part === "reference"));
  const evaluations = Math.floor(rounds / everyRounds) - Math.floor(last / everyRounds);
  const times = {
    normalise: spent.length === 0 ? 1 : 0,
    reference: Math.max(0, referenceRounds(document) - references),
    shadow: last === 0 ? 1 : 0,
    train: Math.max(0, rounds - last),
    evaluate: Math.max(0, evaluations),
  };
  return (["normalise", "reference", "shadow", "train", "evaluate"] as const).flatMap((purpose) =>
    times[purpose] === 0
      ? []
      : plannedCharges(document, purpose).map(({ part, event }) => ({
          part,
          event: { ...event, count: event.count * times[purpose] },
        })),
  );
}

/** What was charged at each site of a group; where a metric may stop the study, at least what it signed, at each. */
function overlapOf(document: StudyDocument, spent: readonly Charge["body"][]): { overlap?: OverlapFigure[] } {
  const { overlap, privacy } = document;
  if (overlap === undefined) return {};
  return { overlap: overlapFigures(overlap, curvesToState(document, spent), privacy.delta) };
}

/** What was charged to a site's parts; where a metric may stop the study, at least what it signed. */
function curvesToState(document: StudyDocument, spent: readonly Charge["body"][]): (site: SiteName) => RdpCurve[] {
  const mayStop = document.training.earlyStop !== undefined;
  const left = mayStop ? leftCharges(document, spent) : [];
  return (site) => {
    const curves = curvesOfParts([...spent.filter((charge) => charge.site === site), ...left]);
    if (!mayStop) return curves;
    return Part.options.map((part, index) => pointwiseMax(curves[index] ?? ZERO_CURVE, plannedCurve(document, part)));
  };
}

function siteStatement(
  document: StudyDocument,
  { site, dataset, cap }: Approval["statement"],
  state: LedgerState,
): PrivacyStatement["sites"][number] {
  const own = spentCharges(state, document.name).filter((charge) => charge.site === site);
  const charged = Part.options.filter((part) => part !== "reference" || own.some((charge) => charge.part === part));
  const parts = charged.map((part) => {
    const events = mergeEvents(own.filter((charge) => charge.part === part).map(({ event }) => event));
    return { part, epsilon: epsilonOf(curveOfEvents(events), document.privacy.delta), events };
  });
  const training = own.filter(({ part, event }) => part === "train" && isTraining(event)).map(({ event }) => event);
  const all = spendingOf(state, site, dataset);
  return {
    site,
    dataset,
    epsilon: Math.max(...parts.map((part) => part.epsilon)),
    trainingEpsilon: epsilonOf(curveOfEvents(mergeEvents(training)), document.privacy.delta),
    parts,
    dataSet: { epsilon: all?.epsilon ?? 0, delta: all?.delta ?? cap.delta, cap: all?.cap ?? cap.epsilon },
  };
}

/** In the order of `Part.options`. */
export function curvesOfParts(charges: readonly PlannedCharge[]): RdpCurve[] {
  return Part.options
    .map((part) => charges.filter((charge) => charge.part === part).map(({ event }) => event))
    .map((events) => curveOfEvents(mergeEvents(events)));
}

function plannedCurve(document: StudyDocument, part: Part): RdpCurve {
  return plannedEvents(document)
    .filter((planned) => planned.part === part)
    .map(({ event }) => curveOf(event))
    .reduce(addCurves, ZERO_CURVE);
}

/** Equal events as one with their count: what is added is the same. */
function mergeEvents(events: readonly PrivacyEvent[]): PrivacyEvent[] {
  const merged = new Map<string, PrivacyEvent>();
  for (const event of events) {
    const key = canonicalJson({ ...event, count: 1 });
    const known = merged.get(key);
    merged.set(key, { ...event, count: (known?.count ?? 0) + event.count });
  }
  return [...merged.values()];
}
