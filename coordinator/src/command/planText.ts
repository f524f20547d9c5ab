/** A plan as text for people. */
import { Part } from "@consilium/shared/ledger/entry";
import type { Affordable, BudgetPlan, PartEpsilons, Plan } from "@consilium/shared/plan/plan";
import type { SweepAxis, SweepPoint } from "@consilium/shared/plan/sweep";
import type { StudyDocument } from "@consilium/shared/study/document";
import { epsilonText } from "@consilium/shared/units/epsilonText";
import { table } from "./output.ts";

export function planText(plan: Plan): string {
  return [
    ...plan.warnings,
    headline(plan),
    "",
    ...section("ε after the rounds, at each site", curveTable(plan)),
    ...(plan.normalisation.length === 0 ? [] : section("Normalisation of columns", plan.normalisation)),
    ...(plan.overlap.length === 0 ? [] : section("A patient at several sites", overlapLines(plan))),
    ...(plan.budgets.length === 0 ? [] : section("Against the sites' caps", budgetTable(plan.budgets))),
    ...section("The largest plan", largestLines(plan)),
    ...section("Signal to noise, at best (gradients as long as C, all the same way; after training none are)", [
      ...signalLines(plan),
    ]),
    ...section("Bytes, each site", trafficLines(plan)),
    ...section("Time", durationLines(plan)),
    ...section("The same records sanitized once instead, at the same promise to a patient", sanitizedLines(plan)),
    "Nothing was charged.",
  ].join("\n");
}

function overlapLines({ overlap, delta }: Plan): string[] {
  return overlap.map(({ sites, epsilon }) => `${sites.join(" + ")}: ε = ${epsilonText(epsilon)} at δ = ${delta}`);
}

/** One row for each study of a sweep. */
export function sweepText(document: StudyDocument, axes: readonly SweepAxis[], points: readonly SweepPoint[]): string {
  const rows = points.map(({ q, sigma, rounds, epsilonCap, epsilon, fits, signal }) => [
    figure(q),
    sigma === null ? "none" : figure(sigma),
    String(rounds),
    epsilon === null ? "" : shown(epsilon.train),
    epsilon === null
      ? "no noise makes it fit"
      : fits
        ? `of ${epsilonCap}`
        : `above ${epsilonCap}: ${above(epsilon, epsilonCap)}`,
    signal === null ? "" : figure(signal.alongOneDirection),
    signal === null ? "" : figure(signal.wholeVector),
    signal === null ? "" : figure(signal.wholeVectorInAll),
  ]);
  const titles = ["q", "σ", "rounds", "ε train", "cap", "one direction", "whole", "whole, all rounds"];
  return [
    `${document.name}: ${points.length} studies over ${axes.map(({ name }) => name).join(" and ")}; ` +
      `δ = ${document.privacy.delta}, evaluations and audit counted, RDP accountant`,
    table(titles, rows),
    "Signal to noise is an upper bound: gradients as long as C, all the same way.",
    "Nothing was charged.",
  ].join("\n");
}

/** Whose cost passes the cap. */
function above(epsilon: PartEpsilons, cap: number): string {
  const parts = Part.options.filter((part) => (epsilon[part] ?? Number.POSITIVE_INFINITY) > cap);
  return parts.join(", ");
}

function headline(plan: Plan): string {
  const { study, rounds, localSteps, samplingRate, noiseMultiplier, noiseWasAuto, cap, delta } = plan;
  const of = ({ train, validation, audit, reference }: PartEpsilons): string =>
    `ε = ${shown(train)} for training patients, ${shown(validation)} for validation, ` +
    `${shown(audit)} for the audit hold-out${reference === 0 ? "" : `, ${shown(reference)} for the reference part`}`;
  const steps = localSteps === 1 ? "" : ` of ${localSteps} steps`;
  const auto = noiseWasAuto ? " (the least that fits)" : "";
  const verdict = plan.fits ? "" : " It would NOT be accepted: it passes its own privacy.epsilon.";
  return (
    `${study}: ${rounds} rounds${steps}, q = ${samplingRate}, σ = ${noiseMultiplier}${auto}, ${plan.patients} patients ` +
    `at ${plan.sites.length} sites.\nCosts each site ${of(plan.epsilon)}, of ${cap} at δ = ${delta} ` +
    `(${plan.accountant}).${verdict}\n` +
    `A release that keeps to this schedule states ${of(plan.scheduleEpsilon)} (PLD).`
  );
}

const CURVE_ROWS = 6;

function curveTable({ curve, epsilon }: Plan): string[] {
  const parts = Part.options.filter((part) => part !== "reference" || epsilon.reference !== 0);
  const last = curve.length - 1;
  const places = Array.from({ length: CURVE_ROWS }, (_, row) => Math.round((row * (last - 1)) / (CURVE_ROWS - 1)));
  const rows = [...new Set([...places, last])].flatMap((place) => {
    const point = curve[place];
    if (point === undefined) return [];
    return [[`${point.round}${point.audited ? " + audit" : ""}`, ...parts.map((part) => shown(point.epsilon[part]))]];
  });
  return table(["rounds", ...parts.map((part) => (part === "train" ? "training" : part))], rows).split("\n");
}

function budgetTable(budgets: readonly BudgetPlan[]): string[] {
  const rows = budgets.map((budget) => [
    budget.dataset === null ? budget.site : `${budget.site}, ${budget.dataset}`,
    budget.scope,
    shown(budget.before),
    shown(budget.after),
    `${budget.cap} at ${budget.delta}`,
    budget.fits ? "fits" : "too much",
    String(budget.rounds),
  ]);
  const titles = ["site", "cap over", "ε now", "ε then", "cap, δ", "", "most rounds"];
  return table(titles, rows).split("\n");
}

function largestLines(plan: Plan): string[] {
  const under = (whose: string, { rounds, noiseMultiplier }: Affordable): string => {
    const least =
      noiseMultiplier === null
        ? "no noise makes the evaluations and the audit fit: lower their ε, or make fewer of them"
        : `least σ for ${plan.rounds} rounds: ${noiseMultiplier}`;
    return `under ${whose}: most rounds at σ = ${plan.noiseMultiplier}: ${rounds}; ${least}`;
  };
  const own = under(`its own ε = ${plan.cap}`, plan.affordable);
  return plan.underBudgets === null ? [own] : [own, under("the sites' caps", plan.underBudgets)];
}

function signalLines({ signal, rounds, sites, expectedBatch, clippingNorm }: Plan): string[] {
  return [
    `a round's sum: norm ≤ ${figure(signal.sumNormMax)} (${figure(expectedBatch)} patients expected, C = ${clippingNorm}); ` +
      `noise of ${sites.length} sites: ${figure(signal.noiseStdDev)} in each coordinate`,
    `along one direction ≤ ${figure(signal.alongOneDirection)}; norm to norm ≤ ${figure(signal.wholeVector)}`,
    `all ${rounds} rounds: ≤ ${figure(signal.alongOneDirectionInAll)}; ≤ ${figure(signal.wholeVectorInAll)}`,
  ];
}

function trafficLines({ traffic, rounds }: Plan): string[] {
  const { parameters, bitsUp, bitsDown, trainUp, trainDown, weightsDown, totalUp, totalDown, allSites } = traffic;
  const weights = weightsDown === 0 ? "" : `; pretrained weights once: ${bytesText(weightsDown)} down`;
  return [
    `a round: ${bytesText(trainUp)} up (${parameters} numbers of ${bitsUp} bits), ` +
      `${bytesText(trainDown)} down (${bitsDown} bits)${weights}`,
    `in all, ${rounds} rounds with evaluations and audit: ${bytesText(totalUp)} up, ${bytesText(totalDown)} down; ` +
      `through the coordinator ${bytesText(allSites)}`,
  ];
}

function durationLines({ duration }: Plan): string[] {
  const { exchanges, leastHours, expectedHours, mostHours, warnings } = duration;
  const expected =
    expectedHours === null
      ? "; give --step-ms and --link-mbit for an estimate"
      : `, about ${hoursText(expectedHours)} with the given step and link`;
  return [
    `${exchanges} exchanges: at least ${hoursText(leastHours)} (answerAfter)${expected}; ` +
      `at most ${hoursText(mostHours)} (deadline) where none is repeated`,
    ...warnings.map((warning) => `warning: ${warning}`),
  ];
}

function sanitizedLines({ sanitized }: Plan): string[] {
  const { epsilon, delta, recordsPerPatient, epsilonPerColumn, noiseOfNumber, labelKept, labelGuessed } = sanitized;
  const records = recordsPerPatient === 1 ? "" : `, ${recordsPerPatient} records a patient`;
  const numbers = noiseOfNumber === null ? "" : `Laplace noise of ${figure(noiseOfNumber)} times a number's range; `;
  return [
    `replace-one ε = ${epsilonText(epsilon)} at δ = ${figure(delta)}${records}: ${figure(epsilonPerColumn)} for each column`,
    `${numbers}a label stays true with ${percent(labelKept)} (a guess: ${percent(labelGuessed)})`,
    `noise of a tenth of each range and nine labels in ten kept would take ε = ${figure(sanitized.epsilonForUse)}`,
    "Equal promises, not equal models: how well either trains is for an experiment to say.",
  ];
}

function section(title: string, lines: readonly string[]): string[] {
  return [title, ...lines.map((line) => `  ${line}`), ""];
}

function shown(epsilon: number | null): string {
  return epsilon === null ? "no bound" : epsilonText(epsilon);
}

function figure(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

function bytesText(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${units[power]}`;
}

function hoursText(hours: number): string {
  if (hours < 1 / 60) return `${Number((3600 * hours).toPrecision(2))} s`;
  if (hours < 2) return `${Number((60 * hours).toPrecision(2))} min`;
  return hours < 48 ? `${Number(hours.toPrecision(2))} h` : `${Number((hours / 24).toPrecision(2))} days`;
}
