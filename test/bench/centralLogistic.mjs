/**
 * The reference that federated private training is held against: one logistic regression on all hospitals' records
 * pooled, without privacy. Median imputation and standardising on the training rows, one-hot chest pain and resting
 * ECG, L2 penalty ½‖w‖² (scikit-learn's C = 1, intercept free), fitted by Newton's method.
 */
const NUMBERS = ["age", "sex", "trestbps", "chol", "fbs", "thalach", "exang", "oldpeak", "slope", "ca", "thal"];
const ONE_HOT = { cp: [1, 2, 3, 4], restecg: [0, 1, 2] };
const NEWTON_STEPS = 25;

/** @param rows records of a CSV as objects of strings; `split` is train or test. Returns scores of all test rows. */
export function centralLogistic(rows) {
  const train = rows.filter(({ split }) => split === "train");
  const test = rows.filter(({ split }) => split === "test");
  const encode = encoderOf(train);
  const weights = it(train.map(encode), train.map(labelOf));
  return test.map((row) => ({ label: labelOf(row), score: sigmoid(dot(weights, encode(row))) }));
}

export const labelOf = (row) => Number(row.label);

/** Area under the ROC curve with ties counted half, and accuracy at ½. */
export function exactMetrics(scored) {
  const positives = scored.filter(({ label }) => label === 1);
  const negatives = scored.filter(({ label }) => label === 0);
  let wins = 0;
  for (const { score: p } of positives) for (const { score: n } of negatives) wins += p > n ? 1 : p === n ? 0.5 : 0;
  const right = scored.filter(({ label, score }) => (score >= 0.5 ? 1 : 0) === label).length;
  return { auc: wins / (positives.length * negatives.length), accuracy: right / scored.length };
}

function encoderOf(train) {
  const columns = [
    ...NUMBERS.map((name) => ({ name, value: (row) => numberOf(row[name]) })),
    ...Object.entries(ONE_HOT).flatMap(([name, values]) =>
      values.map((v) => ({
        name,
        value: (row) => (numberOf(row[name]) === null ? null : Number(numberOf(row[name]) === v)),
      })),
    ),
  ].map((column) => {
    const known = train
      .map(column.value)
      .filter((value) => value !== null)
      .sort((a, b) => a - b);
    const middle = known.length / 2;
    const median = (known[Math.floor(middle - 0.5)] + known[Math.ceil(middle - 0.5)]) / 2;
    const filled = train.map((row) => column.value(row) ?? median);
    const mean = filled.reduce((sum, value) => sum + value, 0) / filled.length;
    const stdDev = Math.sqrt(filled.reduce((sum, value) => sum + (value - mean) ** 2, 0) / filled.length) || 1;
    return { ...column, median, mean, stdDev };
  });
  return (row) => [1, ...columns.map(({ value, median, mean, stdDev }) => ((value(row) ?? median) - mean) / stdDev)];
}

function numberOf(text) {
  return text === undefined || text === "" ? null : Number(text);
}

function _fit(inputs, labels) {
  const width = inputs[0].length;
  const weights = new Array(width).fill(0);
  for (let step = 0; step < NEWTON_STEPS; step++) {
    const gradient = weights.map((w, i) => (i === 0 ? 0 : w));
    const hessian = weights.map((_, i) => weights.map((__, j) => (i === j && i > 0 ? 1 : 0)));
    inputs.forEach((x, n) => {
      const p = sigmoid(dot(weights, x));
      for (let i = 0; i < width; i++) {
        gradient[i] += (p - labels[n]) * x[i];
        for (let j = 0; j < width; j++) hessian[i][j] += p * (1 - p) * x[i] * x[j];
      }
    });
    solve(hessian, gradient).forEach((change, i) => {
      weights[i] -= change;
    });
  }
  return weights;
}

/** Gaussian elimination with partial pivoting; changes its arguments. */
function solve(matrix, right) {
  const size = right.length;
  for (let column = 0; column < size; column++) {
    let pivot = column;
    for (let row = column + 1; row < size; row++)
      if (Math.abs(matrix[row][column]) > Math.abs(matrix[pivot][column])) pivot = row;
    [matrix[column], matrix[pivot]] = [matrix[pivot], matrix[column]];
    [right[column], right[pivot]] = [right[pivot], right[column]];
    for (let row = column + 1; row < size; row++) {
      const factor = matrix[row][column] / matrix[column][column];
      for (let k = column; k < size; k++) matrix[row][k] -= factor * matrix[column][k];
      right[row] -= factor * right[column];
    }
  }
  for (let row = size - 1; row >= 0; row--) {
    for (let k = row + 1; k < size; k++) right[row] -= matrix[row][k] * right[k];
    right[row] /= matrix[row][row];
  }
  return right;
}

function sigmoid(logit) {
  return 1 / (1 + Math.exp(-logit));
}

function dot(a, b) {
  return a.reduce((sum, value, i) => sum + value * b[i], 0);
}
