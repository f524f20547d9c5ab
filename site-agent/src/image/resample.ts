/**
 * Resizes a picture by a separable filter whose support grows with the reduction, so that every source pixel counts:
 * the definition of Pillow's `Image.resize`, in floating point. Our own, because a site's numbers must not hang on
 * which version of an imaging library it has.
 */
import { assert } from "@consilium/shared/failure/failure";
import type { Picture } from "./picture.ts";

export type Filter = "area" | "lanczos";

interface Kernel {
  readonly support: number;
  weight(distance: number): number;
}

const KERNELS: Readonly<Record<Filter, Kernel>> = {
  // Half-open, as Pillow's BOX: a pixel on the edge counts once.
  area: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  lanczos: { support: 3, weight: (x) => (x > -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

export function resample(picture: Picture, height: number, width: number, filter: Filter): Picture {
  assert(height > 0 && width > 0 && picture.height > 0 && picture.width > 0, "a picture has pixels");
  if (picture.height === height && picture.width === width) return picture;
  const { channels } = picture;
  const across = along(
    picture.values,
    picture.height,
    picture.width,
    channels,
    weightsOf(picture.width, width, filter),
  );
  const down = along(across, 1, picture.height, width * channels, weightsOf(picture.height, height, filter));
  return { height, width, channels, values: down };
}

interface Weights {
  readonly start: number;
  readonly weights: Float64Array;
}

/** For each target pixel the first source pixel and the weights from there, of sum 1. */
function weightsOf(from: number, to: number, filter: Filter): readonly Weights[] {
  const { support, weight } = KERNELS[filter];
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  return Array.from({ length: to }, (_, i) => {
    const center = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - support * stretch + 0.5));
    const end = Math.min(from, Math.trunc(center + support * stretch + 0.5));
    const weights = Float64Array.from({ length: end - start }, (_, j) => weight((start + j - center + 0.5) / stretch));
    const sum = weights.reduce((total, one) => total + one, 0);
    return { start, weights: weights.map((one) => one / sum) };
  });
}

/** One direction: `lines` of `length` cells of `cell` numbers each. */
function along(
  values: Float32Array,
  lines: number,
  length: number,
  cell: number,
  weights: readonly Weights[],
): Float32Array {
  const out = new Float32Array(lines * weights.length * cell);
  const sums = new Float64Array(cell);
  for (let line = 0; line < lines; line++) {
    for (const [i, { start, weights: own }] of weights.entries()) {
      sums.fill(0);
      for (let j = 0; j < own.length; j++) {
        const weight = own[j] ?? 0;
        const at = (line * length + start + j) * cell;
        for (let c = 0; c < cell; c++) sums[c] = (sums[c] ?? 0) + weight * (values[at + c] ?? 0);
      }
      out.set(sums, (line * weights.length + i) * cell);
    }
  }
  return out;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}
