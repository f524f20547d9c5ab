/**
 * One layer's part of the records' gradients, as numbers. A record's kernel gradient is input ⊗ delta and is never
 * formed for its norm (Goodfellow 2015, arXiv:1510.01799).
 */
export type TapValues =
  | {
      readonly kind: "dense";
      readonly inputs: number;
      readonly outputs: number;
      /** Input of the layer, [R, I]. */
      readonly input_RI: Float32Array;
      /** ∂loss/∂z, [R, O]. */
      readonly delta_RO: Float32Array;
    }
  | {
      readonly kind: "centroids";
      readonly outputs: number;
      /** Which centroid each record was drawn to, [R]. */
      readonly nearest_R: Float32Array;
      /** ∂loss/∂centroid, [R, hidden]. */
      readonly delta_RO: Float32Array;
    };

/** A patient's norms, as far as clipping needs them. */
export interface PatientNorm {
  /** ‖gradient of the sum of the patient's losses‖², over all parameters. */
  readonly squared: number;
  /** Σ over records ‖gradient of the record's loss‖: the norm without cancellation. */
  readonly triangle: number;
  /** Largest of all records' ‖input‖ and ‖delta‖; NaN or ∞ where a number is not finite. */
  readonly largest: number;
}

/**
 * Norms of the patient whose records are rows `first` … `end − 1`, over all layers and their biases.
 * Exact but for float64 rounding: products of float32 numbers are exact in float64, and a dot product of n of them
 * errs by at most n·2⁻⁵³ of the product of norms. `clipScale` raises the norm by more than that.
 */
export function patientNorm(layers: readonly TapValues[], first: number, end: number): PatientNorm {
  let squared = 0;
  let triangle = 0;
  let largest = 0;
  for (let row = first; row < end; row++) {
    let own = 0;
    for (const layer of layers) {
      const input = inputProduct(layer, row, row);
      const delta = deltaProduct(layer, row, row);
      own += input * delta;
      // Not Math.max over finite values alone: NaN must come through.
      largest = Math.max(largest, input, delta);
    }
    squared += own;
    triangle += Math.sqrt(own);
    for (let other = first; other < row; other++) {
      for (const layer of layers) squared += 2 * inputProduct(layer, row, other) * deltaProduct(layer, row, other);
    }
  }
  return { squared, triangle, largest: Math.sqrt(largest) };
}

/** input_r · input_s, with the constant 1 that feeds a bias. */
function inputProduct(layer: TapValues, row: number, other: number): number {
  if (layer.kind === "centroids") return layer.nearest_R[row] === layer.nearest_R[other] ? 1 : 0;
  return 1 + dot(layer.input_RI, row * layer.inputs, other * layer.inputs, layer.inputs);
}

function deltaProduct(layer: TapValues, row: number, other: number): number {
  return dot(layer.delta_RO, row * layer.outputs, other * layer.outputs, layer.outputs);
}

/** Four running sums, so that the additions needn't wait for each other. */
function dot(values: Float32Array, x: number, y: number, length: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    a += (values[x + i] ?? 0) * (values[y + i] ?? 0);
    b += (values[x + i + 1] ?? 0) * (values[y + i + 1] ?? 0);
    c += (values[x + i + 2] ?? 0) * (values[y + i + 2] ?? 0);
    d += (values[x + i + 3] ?? 0) * (values[y + i + 3] ?? 0);
  }
  for (; i < length; i++) a += (values[x + i] ?? 0) * (values[y + i] ?? 0);
  return a + b + (c + d);
}
