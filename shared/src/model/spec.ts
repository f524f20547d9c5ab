import { z } from "zod";

/** A fully connected layer z = aW + b, then its activation. Parameters in order: W [inputs, outputs], b [outputs]. */
export const DenseLayer = z.strictObject({
  kind: z.literal("dense"),
  name: z.string().regex(/^[a-z][a-z0-9-]*$/),
  inputs: z.number().int().positive(),
  outputs: z.number().int().positive(),
  activation: z.enum(["linear", "relu", "sigmoid", "tanh"]),
});
export type DenseLayer = z.infer<typeof DenseLayer>;

/**
 * Loss of one patient, given the last layer's output and the label:
 * - `sigmoid-cross-entropy`: one logit, label 0 or 1;
 * - `softmax-cross-entropy`: one logit a class;
 * - `deeptype`: softmax cross-entropy plus `clusterWeight` · ‖h − c_nearest‖², h the last hidden layer's activation and
 * c the centroids [clusters, hidden], which are trained parameters appended after all layers (so the loss stays a sum
 * over patients).
 */
export const LossSpec = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("sigmoid-cross-entropy") }),
  z.strictObject({ kind: z.literal("softmax-cross-entropy"), classes: z.number().int().min(2) }),
  z.strictObject({
    kind: z.literal("deeptype"),
    classes: z.number().int().min(2),
    clusters: z.number().int().min(2),
    clusterWeight: z.number().nonnegative(),
  }),
]);
export type LossSpec = z.infer<typeof LossSpec>;

/** A feed-forward network: what both sides build the same model from. */
export const ModelSpec = z
  .strictObject({ layers: z.array(DenseLayer).min(1).max(20), loss: LossSpec })
  .refine((spec) => spec.layers.every((layer, i) => i === 0 || spec.layers[i - 1]?.outputs === layer.inputs), {
    message: "each layer's inputs must equal the outputs of the layer before it",
  });
export type ModelSpec = z.infer<typeof ModelSpec>;

/** One parameter's place in the flat vector that is trained, sent and released. */
export interface ParameterSlot {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly size: number;
}

/** All parameters in the one order that every party uses: each layer's kernel then bias, then the centroids, if any. */
export function parameterSlots(spec: ModelSpec): readonly ParameterSlot[] {
  const slots: ParameterSlot[] = [];
  let offset = 0;
  const place = (name: string, shape: readonly number[]): void => {
    const size = shape.reduce((product, length) => product * length, 1);
    slots.push({ name, shape, offset, size });
    offset += size;
  };
  for (const layer of spec.layers) {
    place(`${layer.name}/kernel`, [layer.inputs, layer.outputs]);
    place(`${layer.name}/bias`, [layer.outputs]);
  }
  const last = spec.layers.at(-1);
  if (spec.loss.kind === "deeptype" && last !== undefined) place("centroids", [spec.loss.clusters, last.inputs]);
  return slots;
}

export function parameterCount(spec: ModelSpec): number {
  return parameterSlots(spec).reduce((total, slot) => total + slot.size, 0);
}
