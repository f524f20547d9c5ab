/** False-positive rates at which an attack's true-positive rate is told: Carlini et al. 2022, arXiv:2112.03570. */
export const SUMMARY_FPRS = [0.001, 0.01, 0.05, 0.1] as const;

/** How well scores tell members from non-members; higher means "rather a member". */
export interface AttackSummary {
  /** Probability that a member scores above a non-member; a tie counts ½. */
  readonly auc: number;
  /** Area under the ROC's upper convex hull: what an attacker gets who may mix thresholds at random. */
  readonly aucConvexHull: number;
  /** Largest TPR − FPR over thresholds (membership advantage): Yeom et al. 2018, arXiv:1709.01604. */
  readonly advantage: number;
  /** Largest |TPR − FPR|: also of an attacker who may turn the score round. */
  readonly advantageAbs: number;
  readonly bestBalancedAccuracy: number;
  /** For each of `SUMMARY_FPRS`: the largest TPR of a threshold whose FPR is no larger (step). */
  readonly tprAtFprStep: readonly number[];
  /** The same on the hull. */
  readonly tprAtFprHull: readonly number[];
}

/** A point of the ROC in counts, so that ties and hulls are exact. */
interface Point {
  readonly falsePositives: number;
  readonly truePositives: number;
}

/** Needs at least one score of each, none NaN. */
export function summarise(members: ArrayLike<number>, nonMembers: ArrayLike<number>): AttackSummary {
  const points = rocPoints(members, nonMembers);
  const hull = upperHull(points);
  const [m, n] = [members.length, nonMembers.length];
  const gaps = points.map(({ truePositives, falsePositives }) => truePositives / m - falsePositives / n);
  const advantage = greatest(gaps);
  return {
    auc: areaUnder(points) / (m * n),
    aucConvexHull: areaUnder(hull) / (m * n),
    advantage,
    advantageAbs: greatest(gaps.map(Math.abs)),
    bestBalancedAccuracy: (1 + advantage) / 2,
    tprAtFprStep: SUMMARY_FPRS.map((fpr) => stepAt(points, fpr * n) / m),
    tprAtFprHull: SUMMARY_FPRS.map((fpr) => hullAt(hull, fpr * n) / m),
  };
}

/** Of many numbers: a call takes no hundred thousand arguments. */
function greatest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
}

/** From (0, 0) to (all, all), one point for each distinct score from the highest down. */
function rocPoints(members: ArrayLike<number>, nonMembers: ArrayLike<number>): readonly Point[] {
  const inside = Float64Array.from(members).sort().reverse();
  const outside = Float64Array.from(nonMembers).sort().reverse();
  const points: Point[] = [{ falsePositives: 0, truePositives: 0 }];
  let [truePositives, falsePositives] = [0, 0];
  while (truePositives < inside.length || falsePositives < outside.length) {
    const threshold = Math.max(
      inside[truePositives] ?? Number.NEGATIVE_INFINITY,
      outside[falsePositives] ?? Number.NEGATIVE_INFINITY,
    );
    truePositives = firstBelow(inside, threshold, truePositives);
    falsePositives = firstBelow(outside, threshold, falsePositives);
    points.push({ falsePositives, truePositives });
  }
  return points;
}

function firstBelow(falling: Float64Array, threshold: number, from: number): number {
  let index = from;
  while (index < falling.length && (falling[index] ?? threshold) >= threshold) index++;
  return index;
}

/** Area under straight lines through the points, in members × non-members. */
function areaUnder(points: readonly Point[]): number {
  return points.reduce((area, { falsePositives, truePositives }, index) => {
    const before = points[index - 1];
    if (before === undefined) return area;
    return area + ((falsePositives - before.falsePositives) * (truePositives + before.truePositives)) / 2;
  }, 0);
}

/** Andrew's monotone chain over points that are in order already. */
function upperHull(points: readonly Point[]): readonly Point[] {
  const hull: Point[] = [];
  for (const point of points) {
    while (isNotAbove(hull.at(-2), hull.at(-1), point)) hull.pop();
    hull.push(point);
  }
  return hull;
}

/** Whether the middle one lies on or below the line from the first to the last. */
function isNotAbove(first: Point | undefined, middle: Point | undefined, last: Point): boolean {
  if (first === undefined || middle === undefined) return false;
  const rise = (middle.truePositives - first.truePositives) * (last.falsePositives - first.falsePositives);
  const along = (last.truePositives - first.truePositives) * (middle.falsePositives - first.falsePositives);
  return rise <= along;
}

function stepAt(points: readonly Point[], falsePositivesMax: number): number {
  return points.reduce(
    (most, { falsePositives, truePositives }) =>
      falsePositives <= falsePositivesMax ? Math.max(most, truePositives) : most,
    0,
  );
}

function hullAt(hull: readonly Point[], falsePositives: number): number {
  const right = hull.findIndex((point) => point.falsePositives > falsePositives);
  const [from, to] = [hull[right - 1], hull[right]];
  if (from === undefined || to === undefined) return hull.at(-1)?.truePositives ?? 0;
  const share = (falsePositives - from.falsePositives) / (to.falsePositives - from.falsePositives);
  return from.truePositives + share * (to.truePositives - from.truePositives);
}
