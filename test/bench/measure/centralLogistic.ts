/**
 * The reference that federated private training is held against: one logistic regression on all hospitals' records
 * pooled, without privacy. Median imputation and standardising on the training rows, one-hot chest pain and resting
 * ECG, L2 penalty ½‖w‖² (scikit-learn's C = 1, intercept free), fitted by Newton's method.
 */
const NUMBERS = ["age", "sex", "trestbps", "chol", "fbs", "thalach", "exang", "oldpeak", "slope", "ca", "thal"];
const ONE_HOT = { cp: [1, 2, 3, 4], restecg: [0, 1, 2] };
const NEWTON_STEPS = 25;

/** One record of a CSV, cells by column name; `split` is train or test. */
export type Row = Readonly<Record<string, string>>;

export interface Scored {
  readonly label: number;
  readonly score: number;
}

/** Trains on the train rows of all hospitals and scores all test rows. */
export function centralLogistic(rows: readonly Row[]): Scored[] {
  const train = rows.filter(({ split }) => split === "train");
  const test = rows.filter(({ split }) => split === "test");
  const encode = encoderOf(train);
  const weights = fitted(train.map(encode), train.map(labelOf));
  return test.map((row) => ({ label: labelOf(row), score: sigmoid(dot(weights, encode(row))) }));
}

export function labelOf(row: Row): number {
  return Number(row.label);
}

/** Area under the ROC curve with ties counted half, and accuracy at ½. */
export function exactMetrics(scored: readonly Scored[]): { auc: number; accuracy: number } {
  const positives = scored.filter(({ label }) => label === 1);
  const negatives = scored.filter(({ label }) => label === 0);
  let wins = 0;
  for (const { score: p } of positives) for (const { score: n } of negatives) wins += p > n ? 1 : p === n ? 0.5 : 0;
  const right = scored.filter(({ label, score }) => (score >= 0.5 ? 1 : 0) === label).length;
  return { auc: wins / (positives.length * negatives.length), accuracy: right / scored.length };
}

type Encode = (row: Row) => number[];

function encoderOf(train: readonly Row[]): Encode {
  const values: readonly ((row: Row) => number | null)[] = [
    ...NUMBERS.map((name) => (row: Row) => numberOf(row[name])),
    ...Object.entries(ONE_HOT).flatMap(([name, categories]) =>
      categories.map((category) => (row: Row) => {
        const value = numberOf(row[name]);
        return value === null ? null : Number(value === category);
      }),
    ),
  ];
  const columns = values.map((value) => standardised(value, train));
  return (row) => [1, ...columns.map((column) => column(row))];
}

/** Median for what is missing, then mean 0 and variance 1; all of the training rows. */
function standardised(value: (row: Row) => number | null, train: readonly Row[]): (row: Row) => number {
  const known = train.flatMap((row) => value(row) ?? []).sort((a, b) => a - b);
  const middle = known.length / 2;
  const median = ((known[Math.ceil(middle) - 1] ?? 0) + (known[Math.floor(middle)] ?? 0)) / 2;
  const filled = train.map((row) => value(row) ?? median);
  const mean = filled.reduce((sum, one) => sum + one, 0) / filled.length;
  const stdDev = Math.sqrt(filled.reduce((sum, one) => sum + (one - mean) ** 2, 0) / filled.length) || 1;
  return (row) => ((value(row) ?? median) - mean) / stdDev;
}

function numberOf(text: string | undefined): number | null {
  return text === undefined || text === "" ? null : Number(text);
}

function fitted(inputs: readonly (readonly number[])[], labels: readonly number[]): number[] {
  let weights: number[] = (inputs[0] ?? []).map(() => 0);
  for (let step = 0; step < NEWTON_STEPS; step++) {
    const gradient: number[] = weights.map((w, i) => (i === 0 ? 0 : w));
    const hessian: number[][] = weights.map((_, i) => weights.map((__, j) => (i === j && i > 0 ? 1 : 0)));
    inputs.forEach((x, n) => {
      const p = sigmoid(dot(weights, x));
      const slope = p * (1 - p);
      x.forEach((xi, i) => {
        gradient[i] = (gradient[i] ?? 0) + (p - (labels[n] ?? 0)) * xi;
        const row = hessian[i] ?? [];
        x.forEach((xj, j) => {
          row[j] = (row[j] ?? 0) + slope * xi * xj;
        });
      });
    });
    const change = solve(hessian, gradient);
    weights = weights.map((weight, i) => weight - (change[i] ?? 0));
  }
  return weights;
}

/** Gaussian elimination; the matrix is symmetric and positive definite (a penalised Hessian), so no pivot is 0. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i] ?? 0]);
  rows.forEach((pivotRow, column) => {
    const pivot = pivotRow[column] ?? 1;
    rows.forEach((row, i) => {
      if (i === column) return;
      const factor = (row[column] ?? 0) / pivot;
      for (let k = column; k < row.length; k++) row[k] = (row[k] ?? 0) - factor * (pivotRow[k] ?? 0);
    });
  });
  return rows.map((row, i) => (row.at(-1) ?? 0) / (row[i] ?? 1));
}

function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
}
