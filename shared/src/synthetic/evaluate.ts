import { closestDistances, densityRatioScores, medianRadius, monteCarloScores } from "../attack/syntheticRecords.ts";
import { AUDIT_CONFIDENCE, AUDIT_FPRS } from "../audit/evaluate.ts";
import { exactStratum } from "../audit/exactAudit.ts";
import { orderingFigures } from "../audit/orderingFigures.ts";
import type { OrderingReport } from "../audit/report.ts";
import { distributionsOf } from "../audit/roc.ts";
import { classify, fitClassifier } from "../generator/classifier.ts";
import { associations } from "./association.ts";
import { type ColumnKind, columnKinds, scaledRows, type TextRow } from "./columns.ts";
import { type Marginal, marginalOf } from "./marginals.ts";
import { type Series, seriesOf, trajectory } from "./series.ts";

/** Synthetic records beside those that made them, and beside others of the same kind. */
export interface EvaluationInput {
  readonly synthetic: readonly TextRow[];
  /** Records that a generator learned from. */
  readonly members: readonly TextRow[];
  /** Records of the same kind that nothing learned from. */
  readonly nonMembers: readonly TextRow[];
  /** Columns to look at, in their order. */
  readonly columns: readonly string[];
  /** Column that a classifier is to tell; null: none is. */
  readonly label: string | null;
}

/** All of it exact, for the eyes of whoever holds the records: nothing is noised, and nothing bounds ε. */
export interface SyntheticEvaluation {
  readonly counts: "exact";
  readonly records: { readonly synthetic: number; readonly members: number; readonly nonMembers: number };
  readonly marginals: readonly Marginal[];
  readonly association: AssociationFigures;
  readonly series: readonly SeriesFigures[];
  readonly utility: Utility | null;
  readonly closest: ClosestFigures;
  readonly attacks: readonly AttackFigures[];
  readonly confidence: number;
  readonly label: "not an ε bound";
}

export interface AssociationFigures {
  readonly columns: readonly string[];
  readonly real: readonly (readonly number[])[];
  readonly synthetic: readonly (readonly number[])[];
  /** Of absolute differences over pairs that both have; null where there is none. */
  readonly meanDifference: number | null;
  readonly largest: { readonly columns: readonly [string, string]; readonly difference: number } | null;
}

export interface SeriesFigures {
  readonly name: string;
  /** Means over time of each class's records, or of all where there is no label. */
  readonly lines: readonly { readonly name: string; readonly means: readonly number[] }[];
}

/** Share that one classifier tells right: trained on the first, tried on the second. */
export interface Utility {
  readonly syntheticOnReal: number;
  readonly realOnReal: number;
  readonly realOnSynthetic: number;
  /** What the commonest class of the tried real records alone would give. */
  readonly commonest: number;
}

/** Distance of real records to the closest synthetic one, columns on one scale. */
export interface ClosestFigures {
  readonly members: Distances;
  readonly nonMembers: Distances;
}

export interface Distances {
  readonly fifthPercentile: number;
  readonly median: number;
  /** Share of records that stand among the synthetic ones as they are. */
  readonly copied: number;
}

export type AttackFigures = Pick<OrderingReport, "auc" | "advantage" | "tprAtFpr" | "roc"> & {
  readonly attack: "closest record" | "Monte Carlo" | "density ratio";
};

/** Steps of the evaluation, as whoever waits is told of them. */
export type Progress = (step: "columns" | "pairs" | "classifiers" | "distances" | "densities") => void;

/** Deterministic. Every table needs at least two records, and every column stands in all of them. */
export function evaluateSynthetic(input: EvaluationInput, progress: Progress = () => undefined): SyntheticEvaluation {
  const { synthetic, members, nonMembers, columns, label } = input;
  const kinds = columnKinds(columns, [synthetic, members, nonMembers]);
  progress("columns");
  const marginals = kinds.map((kind) => marginalOf(kind, members, synthetic));
  const series = seriesOf(kinds).map((own) => seriesFigures(own, input));
  progress("pairs");
  const association = associationFigures(kinds, input);
  progress("classifiers");
  const utility = label === null ? null : utilityOf(kinds, label, input);
  return {
    counts: "exact",
    records: { synthetic: synthetic.length, members: members.length, nonMembers: nonMembers.length },
    marginals,
    association,
    series,
    utility,
    ...membershipOf(kinds, input, progress),
    confidence: AUDIT_CONFIDENCE,
    label: "not an ε bound",
  };
}

function associationFigures(kinds: readonly ColumnKind[], { members, synthetic }: EvaluationInput): AssociationFigures {
  const [real, made] = [associations(kinds, members), associations(kinds, synthetic)];
  const pairs = kinds.flatMap((a, i) =>
    kinds.slice(0, i).flatMap((b, j) => {
      const difference = Math.abs((real[i]?.[j] ?? Number.NaN) - (made[i]?.[j] ?? Number.NaN));
      return Number.isNaN(difference) ? [] : [{ columns: [b.name, a.name] as const, difference }];
    }),
  );
  return {
    columns: kinds.map(({ name }) => name),
    real,
    synthetic: made,
    meanDifference: pairs.length === 0 ? null : pairs.reduce((sum, own) => sum + own.difference, 0) / pairs.length,
    largest: pairs.reduce<AssociationFigures["largest"]>(
      (most, own) => (most === null || own.difference > most.difference ? own : most),
      null,
    ),
  };
}

/** Lines that one plot can tell apart: two classes, real and synthetic. */
const CLASSES_DRAWN = 2;

function seriesFigures(series: Series, { members, synthetic, label }: EvaluationInput): SeriesFigures {
  const classes = label === null ? [] : [...new Set(members.map((row) => row[label] ?? ""))].sort();
  const groups: readonly (string | null)[] = classes.length >= 2 && classes.length <= CLASSES_DRAWN ? classes : [null];
  const of = (rows: readonly TextRow[], group: string | null): readonly TextRow[] =>
    group === null || label === null ? rows : rows.filter((row) => row[label] === group);
  return {
    name: series.name,
    lines: groups.flatMap((group) => [
      { name: `real${group === null ? "" : `, ${group}`}`, means: trajectory(series, of(members, group)) },
      { name: `synthetic${group === null ? "" : `, ${group}`}`, means: trajectory(series, of(synthetic, group)) },
    ]),
  };
}

/** Esteban, Hyland & Rätsch 2017, arXiv:1706.02633, section 5: each way round, beside real on real. */
function utilityOf(kinds: readonly ColumnKind[], label: string, input: EvaluationInput): Utility | null {
  const target = kinds.find(({ name }) => name === label);
  if (target?.type !== "category" || target.values.length < 2) return null;
  const inputs = kinds.filter(({ name }) => name !== label);
  const tableOf = (rows: readonly TextRow[]) => {
    const scaled = scaledRows(inputs, rows);
    return {
      features: Float32Array.from(scaled.flat().map((value) => 2 * value - 1)),
      labels: Uint8Array.from(rows, (row) => Math.max(0, target.values.indexOf((row[label] ?? "").trim()))),
    };
  };
  const classes = target.values.length;
  const [made, trained, held] = [tableOf(input.synthetic), tableOf(input.members), tableOf(input.nonMembers)];
  const right = (by: typeof made, on: typeof made): number => {
    const probabilities = classify(fitClassifier(by, classes), on.features);
    const hits = on.labels.filter((own, record) => {
      const row = probabilities.subarray(record * classes, (record + 1) * classes);
      return row.indexOf(Math.max(...row)) === own;
    });
    return hits.length / on.labels.length;
  };
  const counts = target.values.map((_, place) => held.labels.filter((own) => own === place).length);
  return {
    syntheticOnReal: right(made, held),
    realOnReal: right(trained, held),
    realOnSynthetic: right(trained, made),
    commonest: Math.max(...counts) / held.labels.length,
  };
}

/** Members as reference records would tell the attack who they are: the density ratio takes half of the non-members. */
function membershipOf(
  kinds: readonly ColumnKind[],
  { synthetic, members, nonMembers }: EvaluationInput,
  progress: Progress,
): Pick<SyntheticEvaluation, "closest" | "attacks"> {
  const [made, inside, outside] = [synthetic, members, nonMembers].map((rows) => scaledRows(kinds, rows));
  if (made === undefined || inside === undefined || outside === undefined) throw new RangeError("three tables");
  progress("distances");
  const near = { members: closestDistances(inside, made), nonMembers: closestDistances(outside, made) };
  const radius = medianRadius([...inside, ...outside], made);
  const within = {
    members: monteCarloScores(inside, made, radius),
    nonMembers: monteCarloScores(outside, made, radius),
  };
  progress("densities");
  const [reference, judged] = halves(outside);
  const ratio = {
    members: densityRatioScores(inside, made, reference),
    nonMembers: densityRatioScores(judged, made, reference),
  };
  const negative = (distances: readonly number[]): number[] => distances.map((distance) => -distance);
  return {
    closest: { members: distancesOf(near.members), nonMembers: distancesOf(near.nonMembers) },
    attacks: [
      attackFigures("closest record", negative(near.members), negative(near.nonMembers)),
      attackFigures("Monte Carlo", within.members, within.nonMembers),
      attackFigures("density ratio", ratio.members, ratio.nonMembers),
    ],
  };
}

const ATTACKS = 3;

function attackFigures(
  attack: AttackFigures["attack"],
  members: readonly number[],
  nonMembers: readonly number[],
): AttackFigures {
  const family = { confidence: AUDIT_CONFIDENCE, fprs: AUDIT_FPRS, count: ATTACKS };
  const figures = orderingFigures(distributionsOf([exactStratum(members, nonMembers)]), "binned", family);
  const { auc, advantage, tprAtFpr, roc } = figures;
  return { attack, auc, advantage, tprAtFpr, roc };
}

/** Every other one: tables are often sorted. */
function halves<T>(rows: readonly T[]): [T[], T[]] {
  return [rows.filter((_, index) => index % 2 === 0), rows.filter((_, index) => index % 2 === 1)];
}

function distancesOf(distances: readonly number[]): Distances {
  const sorted = Float64Array.from(distances).sort();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  const copied = distances.filter((distance) => distance === 0).length / distances.length;
  return { fifthPercentile: at(0.05), median: at(0.5), copied };
}
