import { OutputAttack } from "../study/audit.ts";
import { orderingsOf, patientScore, type RecordOutput, tiesOf } from "./attacks.ts";
import { AUDIT_CONFIDENCE, AUDIT_FPRS } from "./evaluate.ts";
import type { Cells } from "./histogram.ts";
import { simultaneousQuantile } from "./interval.ts";
import { aucOver, bestOf, type Family, orderingFigures } from "./orderingFigures.ts";
import type { AuditReport, Figure, OrderingReport } from "./report.ts";
import { distributionsOf } from "./roc.ts";
import type { Stratum } from "./strata.ts";
import { verdictOf } from "./verdict.ts";

/** Outputs of any model on records that trained it, and on others of the same kind. */
export interface ExactInput {
  readonly members: readonly RecordOutput[];
  readonly nonMembers: readonly RecordOutput[];
  /** Classes that the model tells apart. */
  readonly classes: number;
  readonly attacks?: readonly OutputAttack[];
  /** Upper AUC that whoever asks would allow. */
  readonly limit: number;
  readonly confidence?: number;
}

/** An audit of exact counts, for the eyes of whoever holds the records: nothing of it is noised. Not a bound on ε. */
export type ExactAudit = Pick<AuditReport, "confidence" | "limit" | "orderings" | "best" | "verdict" | "label"> & {
  readonly counts: "exact";
  readonly members: number;
  readonly nonMembers: number;
};

/** Places of a ROC; of more distinct scores neighbours share one, and what their order could change is told. */
const BINS_MAX = 1000;

/** Deterministic. Needs at least one member and one non-member. Each record counts by itself. */
export function exactAudit({ members, nonMembers, classes, limit, ...more }: ExactInput): ExactAudit {
  const { attacks = OutputAttack.options, confidence = AUDIT_CONFIDENCE } = more;
  const orderings = orderingsOf(attacks, classes);
  const family: Family = { confidence, fprs: AUDIT_FPRS, count: orderings.length };
  const reports = orderings.map((ordering) => orderingOf(ordering, { members, nonMembers }, classes, family));
  const best = bestOf(reports.map(({ auc }) => auc));
  return {
    counts: "exact",
    members: members.length,
    nonMembers: nonMembers.length,
    confidence,
    limit,
    orderings: reports,
    best,
    verdict: verdictOf(best, reports, { confidence, limit, counts: "exact" }),
    label: "not an ε bound",
  };
}

const NOBODY: Figure = { state: "not-resolvable", why: "there is no member of it, or no non-member" };

type Records = Pick<ExactInput, "members" | "nonMembers">;

function orderingOf(
  attacks: readonly OutputAttack[],
  records: Records,
  classes: number,
  family: Family,
): OrderingReport {
  const ties = tiesOf(attacks);
  const all = counted(attacks, records);
  const figures = orderingFigures(distributionsOf([all]), ties, family);
  const z = simultaneousQuantile(family.confidence, family.count * classes);
  const ofClass = (label: number): Records => ({
    members: records.members.filter((record) => record.label === label),
    nonMembers: records.nonMembers.filter((record) => record.label === label),
  });
  return {
    attacks: [...attacks],
    ...figures,
    pooledAuc: figures.auc,
    perSite: [],
    perClass: Array.from({ length: classes }, (_, label) => {
      const own = ofClass(label);
      const isThere = own.members.length > 0 && own.nonMembers.length > 0;
      return { class: label, auc: isThere ? aucOver([counted(attacks, own)], z, ties) : NOBODY };
    }),
    strata: [],
  };
}

/** Attacks of one ordering rank all records alike: the first one's scores stand for all. */
function counted([attack = "loss"]: readonly OutputAttack[], { members, nonMembers }: Records): Stratum {
  const scoreOf = (record: RecordOutput): number => {
    const score = patientScore(attack, [record]);
    // An output that is no number says nothing for membership.
    return Number.isNaN(score) ? Number.NEGATIVE_INFINITY : score;
  };
  return exactStratum(members.map(scoreOf), nonMembers.map(scoreOf));
}

/** Any attack's scores, higher for members, counted without noise. */
export function exactStratum(inside: readonly number[], outside: readonly number[]): Stratum {
  const edges = upperEdges([...inside, ...outside]);
  return { sites: [], members: cellsOf(inside, edges), nonMembers: cellsOf(outside, edges) };
}

/** Greatest score of each place, rising: one for each distinct score, or as many scores in each as can be. */
function upperEdges(scores: readonly number[]): Float64Array {
  const sorted = Float64Array.from(scores).sort();
  const distinct = sorted.filter((score, index) => score !== sorted[index + 1]);
  if (distinct.length <= BINS_MAX) return distinct;
  const shared = Float64Array.from(
    { length: BINS_MAX },
    (_, bin) => sorted[Math.ceil(((bin + 1) * sorted.length) / BINS_MAX) - 1] ?? 0,
  );
  return shared.filter((score, index) => score !== shared[index + 1]);
}

function cellsOf(scores: readonly number[], edges: Float64Array): Cells {
  const counts = new Array<number>(edges.length).fill(0);
  for (const score of scores) {
    let [low, high] = [0, edges.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((edges[middle] ?? 0) < score) low = middle + 1;
      else high = middle;
    }
    counts[low] = (counts[low] ?? 0) + 1;
  }
  return { counts, variance: 0 };
}
