/**
 * Cox's proportional hazards (Cox 1972, doi:10.1111/j.2517-6161.1972.tb00899.x), tied times by Efron (1977,
 * doi:10.1080/01621459.1977.10480613), with a ridge. A patient's term holds everybody then at risk, so that no patient's
 * gradient can be clipped by itself: something to compare with, and never a study's model.
 */
import { Failure } from "@consilium/shared/failure/failure";

export interface TimedPatient {
  readonly features: Float64Array;
  /** Until the event, or the last look. */
  readonly time: number;
  readonly hadEvent: boolean;
}

export interface CoxModel {
  /** Log hazard ratio of one unit of each feature, as given. */
  readonly coefficients: Float64Array;
  /** Newton–Raphson steps taken. */
  readonly steps: number;
}

/** Steps after which nothing is expected of more: from zero a handful is the rule. */
const STEPS_MAX = 100;
const HALVINGS_MAX = 40;
/** Squared Newton decrement; one more whole step then squares what is left. */
const CONVERGED = 1e-10;

/**
 * Maximises l(β)/n − ½·penalty·Σ (sⱼ·βⱼ)²: the mean over all n patients of Efron's log partial likelihood, and a ridge
 * on columns in units of their standard deviation sⱼ (divisor n − 1), as lifelines' CoxPHFitter has it. A column that
 * is the same for all has coefficient 0. With penalty 0 there may be no maximum.
 */
export function fitCox(patients: readonly TimedPatient[], penalty: number): CoxModel {
  if (patients.length < 2 || !patients.some(({ hadEvent }) => hadEvent)) throw tooFew(patients.length);
  const { standardised, deviations } = inStandardDeviations(patients);
  const objective = (at: Float64Array): Likelihood => penalised(standardised, at, penalty);
  let at = new Float64Array(deviations.length);
  let here = objective(at);
  for (let steps = 1; steps <= STEPS_MAX; steps++) {
    const direction = solved(here.information, here.gradient);
    if (direction === null) throw dependent();
    const decrement = dot(here.gradient, direction);
    if (decrement < CONVERGED) {
      const last = moved(at, direction, 1);
      return { coefficients: last.map((value, j) => coefficientOf(value, deviations[j])), steps };
    }
    const next = halvedStep(at, here, direction, objective);
    if (next === null) throw noMaximum(steps);
    [at, here] = [next.at, next.likelihood];
  }
  throw noMaximum(STEPS_MAX);
}

/** Log of the hazard, but for the baseline that all patients share: what orders their risks. */
export function logHazard({ coefficients }: Pick<CoxModel, "coefficients">, features: ArrayLike<number>): number {
  return dot(coefficients, features);
}

export interface Likelihood {
  readonly value: number;
  readonly gradient: Float64Array;
  /** The negative Hessian, row by row. */
  readonly information: Float64Array;
}

/** Efron's log partial likelihood. Whoever was last seen at a time was still at risk then. */
export function partialLikelihood(patients: readonly TimedPatient[], coefficients: Float64Array): Likelihood {
  const logHazards = patients.map(({ features }) => dot(coefficients, features));
  // Cancels in every term, and keeps exponentials finite.
  const shift = logHazards.reduce((most, one) => Math.max(most, one), Number.NEGATIVE_INFINITY);
  const sums = new LikelihoodSums(coefficients.length);
  const atRisk = new Weighted(coefficients.length);
  for (const tied of byFallingTime(patients)) {
    const dying = new Weighted(coefficients.length);
    let deaths = 0;
    for (const i of tied) {
      const { features = new Float64Array(0), hadEvent = false } = patients[i] ?? {};
      const logWeight = (logHazards[i] ?? 0) - shift;
      atRisk.add(features, Math.exp(logWeight));
      if (!hadEvent) continue;
      dying.add(features, Math.exp(logWeight));
      sums.addDeath(features, logWeight);
      deaths += 1;
    }
    // Tied deaths in any order: the k-th leaves on average k/d of the others' weight behind it.
    for (let k = 0; k < deaths; k++) sums.addRiskSet(atRisk, dying, k / deaths);
  }
  return sums;
}

/** Σ w, Σ w·x and Σ w·x·xᵀ of some patients. */
class Weighted {
  weight = 0;
  readonly first: Float64Array;
  readonly second: Float64Array;

  constructor(private readonly width: number) {
    this.first = new Float64Array(width);
    this.second = new Float64Array(width * width);
  }

  add(features: Float64Array, weight: number): void {
    const { first, second, width } = this;
    this.weight += weight;
    for (let i = 0; i < width; i++) {
      const weighted = weight * (features[i] ?? 0);
      first[i] = (first[i] ?? 0) + weighted;
      for (let j = 0; j < width; j++)
        second[i * width + j] = (second[i * width + j] ?? 0) + weighted * (features[j] ?? 0);
    }
  }
}

class LikelihoodSums implements Likelihood {
  value = 0;
  readonly gradient: Float64Array;
  readonly information: Float64Array;

  constructor(private readonly width: number) {
    this.gradient = new Float64Array(width);
    this.information = new Float64Array(width * width);
  }

  addDeath(features: Float64Array, logWeight: number): void {
    this.value += logWeight;
    for (let i = 0; i < this.width; i++) this.gradient[i] = (this.gradient[i] ?? 0) + (features[i] ?? 0);
  }

  /** Everyone at risk, less a share of those who die at this time. */
  addRiskSet(atRisk: Weighted, dying: Weighted, share: number): void {
    const { width, gradient, information } = this;
    const total = atRisk.weight - share * dying.weight;
    const mean = atRisk.first.map((sum, i) => (sum - share * (dying.first[i] ?? 0)) / total);
    this.value -= Math.log(total);
    for (let i = 0; i < width; i++) {
      gradient[i] = (gradient[i] ?? 0) - (mean[i] ?? 0);
      for (let j = 0; j < width; j++) {
        const at = i * width + j;
        const square = ((atRisk.second[at] ?? 0) - share * (dying.second[at] ?? 0)) / total;
        information[at] = (information[at] ?? 0) + square - (mean[i] ?? 0) * (mean[j] ?? 0);
      }
    }
  }
}

/** Places of the patients of each time, the latest first. */
function byFallingTime(patients: readonly TimedPatient[]): readonly (readonly number[])[] {
  const places = new Map<number, number[]>();
  patients.forEach(({ time }, i) => {
    const tied = places.get(time);
    if (tied === undefined) places.set(time, [i]);
    else tied.push(i);
  });
  return [...places].sort(([a], [b]) => b - a).map(([, tied]) => tied);
}

function penalised(patients: readonly TimedPatient[], at: Float64Array, penalty: number): Likelihood {
  const { value, gradient, information } = partialLikelihood(patients, at);
  const [n, width] = [patients.length, at.length];
  return {
    value: value / n - 0.5 * penalty * dot(at, at),
    gradient: gradient.map((slope, i) => slope / n - penalty * (at[i] ?? 0)),
    information: information.map((entry, place) => entry / n + (place % (width + 1) === 0 ? penalty : 0)),
  };
}

/** Columns with mean 0 and standard deviation 1; zeros where a column is the same for all. */
function inStandardDeviations(patients: readonly TimedPatient[]) {
  const width = patients[0]?.features.length ?? 0;
  const n = patients.length;
  const mean = new Float64Array(width);
  const deviations = new Float64Array(width);
  for (let j = 0; j < width; j++) {
    const column = patients.map(({ features }) => features[j] ?? 0);
    const [first = 0] = column;
    mean[j] = column.reduce((sum, value) => sum + value, 0) / n;
    const squares = column.reduce((sum, value) => sum + (value - (mean[j] ?? 0)) ** 2, 0);
    // Rounding of a mean would make a spread of none.
    deviations[j] = column.every((value) => value === first) ? 0 : Math.sqrt(squares / (n - 1));
  }
  const standardised = patients.map(({ features, time, hadEvent }) => ({
    ...{ time, hadEvent },
    features: features.map((value, j) => coefficientOf(value - (mean[j] ?? 0), deviations[j])),
  }));
  return { standardised, deviations };
}

function coefficientOf(value: number, deviation = 0): number {
  return deviation === 0 ? 0 : value / deviation;
}

/** The first of the whole step, its half, its quarter … that gains; null where none does. */
function halvedStep(
  at: Float64Array,
  { value }: Likelihood,
  direction: Float64Array,
  objective: (at: Float64Array) => Likelihood,
): { readonly at: Float64Array<ArrayBuffer>; readonly likelihood: Likelihood } | null {
  for (let halvings = 0; halvings <= HALVINGS_MAX; halvings++) {
    const next = moved(at, direction, 0.5 ** halvings);
    const likelihood = objective(next);
    if (likelihood.value > value) return { at: next, likelihood };
  }
  return null;
}

function moved(at: Float64Array, direction: Float64Array, by: number): Float64Array<ArrayBuffer> {
  return Float64Array.from(at, (value, i) => value + by * (direction[i] ?? 0));
}

function dot(one: Float64Array, two: ArrayLike<number>): number {
  return one.reduce((sum, value, i) => sum + value * (two[i] ?? 0), 0);
}

/** A pivot below this share of its diagonal entry is rounding. */
const PIVOT_MIN = 1e-12;

/** Of a symmetric matrix by Cholesky's decomposition; null where it isn't positive definite. */
function solved(matrix: Float64Array, right: Float64Array): Float64Array | null {
  const width = right.length;
  const lower = new Float64Array(matrix.length);
  const solution = Float64Array.from(right);
  const of = (i: number, j: number): number => lower[i * width + j] ?? 0;
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = matrix[i * width + j] ?? 0;
      for (let k = 0; k < j; k++) rest -= of(i, k) * of(j, k);
      if (i === j && !(rest > PIVOT_MIN * (matrix[i * width + i] ?? 0))) return null;
      lower[i * width + j] = i === j ? Math.sqrt(rest) : rest / of(j, j);
    }
    for (let k = 0; k < i; k++) solution[i] = (solution[i] ?? 0) - of(i, k) * (solution[k] ?? 0);
    solution[i] = (solution[i] ?? 0) / of(i, i);
  }
  for (let i = width - 1; i >= 0; i--) {
    for (let k = i + 1; k < width; k++) solution[i] = (solution[i] ?? 0) - of(k, i) * (solution[k] ?? 0);
    solution[i] = (solution[i] ?? 0) / of(i, i);
  }
  return solution;
}

function tooFew(patients: number): Failure {
  return new Failure({
    code: "cox/no-event",
    kind: "config",
    what: `A Cox model needs two patients and an event; of ${patients} training patients there is none or too few.`,
    remedy: "Leave out train: cox, or bring records of more training patients.",
  });
}

function dependent(): Failure {
  return new Failure({
    code: "cox/dependent-columns",
    kind: "config",
    what: "The Cox model has no single maximum: columns depend on one another, or one is the same for all.",
    remedy: "Give it a larger penalty.",
  });
}

function noMaximum(steps: number): Failure {
  return new Failure({
    code: "cox/no-maximum",
    kind: "config",
    what: `After ${steps} Newton–Raphson steps the Cox model's likelihood has found no maximum.`,
    remedy: "Give it a larger penalty: columns that tell events apart wholly have no finite coefficient without one.",
  });
}
