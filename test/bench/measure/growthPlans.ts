import { modelSpecOf } from "@consilium/shared/model/preset";
import type { ModelSpec } from "@consilium/shared/model/spec";

const AXES = ["batch", "width", "depth"] as const;
export type Axis = (typeof AXES)[number];

/** A perceptron of `depth` hidden layers of `width` units, on a batch. */
export type Shape = Readonly<Record<Axis, number>>;

/** Where the axes cross. */
export const CROSSING: Shape = { batch: 256, width: 512, depth: 2 };

export const VALUES: Readonly<Record<Axis, readonly number[]>> = {
  batch: [16, 64, 256, 1024, 4096],
  width: [128, 256, 512, 1024, 2048],
  depth: [1, 2, 4, 8, 16],
};

const FEATURES = 1000;
const CLASSES = 10;

export function shapesAlong(axis: Axis): Shape[] {
  return VALUES[axis].map((value) => ({ ...CROSSING, [axis]: value }));
}

/** All shapes, that of the crossing once. */
export function allShapes(): Shape[] {
  return [...new Map(AXES.flatMap(shapesAlong).map((shape) => [shapeName(shape), shape])).values()];
}

export function shapeName({ batch, width, depth }: Shape): string {
  return `perceptron ${FEATURES}-${depth}×${width}-${CLASSES}, batch ${batch}`;
}

export function perceptron({ width, depth }: Shape): ModelSpec {
  const hidden = Array.from({ length: depth }, () => width);
  return modelSpecOf({ preset: "mlp", hidden, activation: "relu" }, FEATURES, CLASSES);
}
