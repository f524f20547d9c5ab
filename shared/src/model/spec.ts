import { z } from "zod";
import { unreachable } from "../failure/failure.ts";
import { layerGraph, type ParameterStart, volume } from "./graph.ts";
import { Layer } from "./layer.ts";

/** A weight beyond this is a misprint: of a class a thousandth as frequent. */
export const CLASS_WEIGHT_MAX = 1000;

/** What the cross-entropy of a record of each class is multiplied by, in the classes' order; absent: 1. */
const classWeights = z.array(z.number().positive().max(CLASS_WEIGHT_MAX)).min(2).optional();

/**
 * Loss of one patient, given the last layer's output and the label:
 * - `sigmoid-cross-entropy`: one logit, label 0 or 1;
 * - `softmax-cross-entropy`: one logit a class;
 * - `deeptype`: softmax cross-entropy plus `clusterWeight` · ‖h − c_nearest‖², h the last layer's input and c the
 * centroids [clusters, hidden], which are trained parameters appended after all layers (so the loss stays a sum over
 * patients);
 * - `acgan`: binary cross-entropy of the first logit on whether a record is real, plus softmax cross-entropy of the others
 * on its class (Odena et al. 2017, arXiv:1610.09585, eq. 1 and 2). Labels below `classes` are a real record's class, those
 * from there on a made one's.
 */
export const LossSpec = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("sigmoid-cross-entropy"), classWeights }),
  z.strictObject({ kind: z.literal("softmax-cross-entropy"), classes: z.number().int().min(2), classWeights }),
  z.strictObject({
    kind: z.literal("deeptype"),
    classes: z.number().int().min(2),
    clusters: z.number().int().min(2),
    clusterWeight: z.number().nonnegative(),
    classWeights,
  }),
  z.strictObject({ kind: z.literal("acgan"), classes: z.number().int().min(2) }),
]);
export type LossSpec = z.infer<typeof LossSpec>;

/** Logits that a loss takes from the last layer. */
export function logitsOf(loss: LossSpec): number {
  switch (loss.kind) {
    case "sigmoid-cross-entropy":
      return 1;
    case "softmax-cross-entropy":
    case "deeptype":
      return loss.classes;
    case "acgan":
      return 1 + loss.classes;
    default:
      return unreachable(loss);
  }
}

/** A network as a graph of layers in an order in which each comes after those it takes from. */
export const ModelSpec = z
  .strictObject({
    /** Shape of one record: [features], [length, channels] or [height, width, channels]. */
    input: z.array(z.number().int().positive()).min(1).max(3),
    layers: z.array(Layer).min(1).max(400),
    loss: LossSpec,
  })
  .superRefine((spec, context) => {
    const { nodes, faults } = layerGraph(spec);
    const last = nodes.at(-1)?.output ?? [];
    const logits = logitsOf(spec.loss);
    const weights = spec.loss.kind === "acgan" ? undefined : spec.loss.classWeights;
    if (weights !== undefined && weights.length !== Math.max(2, logits)) {
      const message = `has ${weights.length} weights for ${Math.max(2, logits)} classes`;
      context.addIssue({ code: "custom", path: ["loss", "classWeights"], message });
    }
    if (faults.length === 0 && (last.length !== 1 || last[0] !== logits)) {
      const message = `${nodes.at(-1)?.layer.name}: the loss takes [${logits}] logits, not [${last}]`;
      context.addIssue({ code: "custom", path: ["layers", nodes.length - 1], message });
    }
    const ends = nodes.at(-1);
    const isPlain = ends?.layer.kind === "dense" && ends.inputs[0]?.length === 1;
    if (spec.loss.kind === "deeptype" && !isPlain) {
      const message = `${ends?.layer.name}: DeepType's last layer is dense, on one vector a record`;
      context.addIssue({ code: "custom", path: ["layers", nodes.length - 1], message });
    }
    for (const { layer, why } of faults) context.addIssue({ code: "custom", path: ["layers", layer], message: why });
  });
export type ModelSpec = z.infer<typeof ModelSpec>;

/** One parameter's place in the flat vector that is trained, sent and released. */
export interface ParameterSlot {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly size: number;
  readonly start: ParameterStart;
}

/** All parameters in the one order that every party uses: each layer's own, then the centroids, if any. */
export function parameterSlots(spec: ModelSpec): readonly ParameterSlot[] {
  return slotsOf(spec, false);
}

/** Parameters that stay as they were given, in the same order. */
export function frozenSlots(spec: ModelSpec): readonly ParameterSlot[] {
  return slotsOf(spec, true);
}

export function parameterCount(spec: ModelSpec): number {
  return sizeOf(parameterSlots(spec));
}

/** Numbers in all of some slots. */
export function sizeOf(slots: readonly ParameterSlot[]): number {
  const last = slots.at(-1);
  return last === undefined ? 0 : last.offset + last.size;
}

/** Numbers in one record. */
export function featureCount(spec: ModelSpec): number {
  return volume(spec.input);
}

function slotsOf(spec: ModelSpec, frozen: boolean): readonly ParameterSlot[] {
  const slots: ParameterSlot[] = [];
  let offset = 0;
  const place = (name: string, shape: readonly number[], start: ParameterStart): void => {
    const size = volume(shape);
    slots.push({ name, shape, offset, size, start });
    offset += size;
  };
  const { nodes } = layerGraph(spec);
  for (const { layer, parameters } of nodes) {
    const isFrozen = "frozen" in layer && layer.frozen === true;
    if (isFrozen === frozen) for (const { name, shape, start } of parameters) place(name, shape, start);
  }
  const hidden = nodes.at(-1)?.inputs[0]?.at(-1);
  if (!frozen && spec.loss.kind === "deeptype" && hidden !== undefined) {
    place("centroids", [spec.loss.clusters, hidden], "glorot");
  }
  return slots;
}
