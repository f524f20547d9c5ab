import { z } from "zod";

export const LayerName = z.string().regex(/^[a-z][a-z0-9-]*(\/[a-z0-9-]+)*$/, "lower-case words, `-` and `/`");
export type LayerName = z.infer<typeof LayerName>;

/** The model's own input, as layers name it in `from`. */
export const INPUT = "input";

const size = z.number().int().positive();

/** What every layer says. */
const common = {
  name: LayerName,
  /** Layers whose outputs it takes; without it the layer before, or the input. */
  from: z.array(LayerName).min(1).max(8).optional(),
};

/** Of layers that have parameters. */
const parametrised = {
  ...common,
  /** Parameters are those of this earlier layer of the same kind and size; it has none of its own. */
  sharedWith: LayerName.optional(),
  /** Parameters stay as they were given: outside of the vector that is trained, sent and released. */
  frozen: z.literal(true).optional(),
};

/** `relu6` is min(relu, 6); `leaky-relu` has the slope `LEAKY_SLOPE` below 0. */
export const Activation = z.enum(["linear", "relu", "sigmoid", "tanh", "relu6", "leaky-relu"]);
export type Activation = z.infer<typeof Activation>;

/** Keras' own default, with which SPRINT_gan's discriminator was trained. */
export const LEAKY_SLOPE = 0.3;

/** z = aW + b on the last axis, then the activation. W [inputs, outputs], b [outputs]. */
export const DenseLayer = z.strictObject({
  ...parametrised,
  kind: z.literal("dense"),
  outputs: size,
  bias: z.literal(false).optional(),
  activation: Activation,
});
export type DenseLayer = z.infer<typeof DenseLayer>;

const padding = z.enum(["same", "valid"]);

/**
 * Cross-correlation over one or two axes of [length, channels] or [height, width, channels].
 * W [...kernel, channels / groups, outputs], b [outputs]; groups = channels is depthwise.
 */
export const ConvLayer = z.strictObject({
  ...parametrised,
  kind: z.literal("conv"),
  outputs: size,
  kernel: z.array(size).min(1).max(2),
  stride: size.default(1),
  dilation: size.default(1),
  groups: size.default(1),
  padding: padding.default("same"),
  bias: z.boolean().default(true),
  activation: Activation,
});
export type ConvLayer = z.infer<typeof ConvLayer>;

export const PoolLayer = z.strictObject({
  ...common,
  kind: z.literal("pool"),
  operation: z.enum(["max", "average"]),
  /** Window along each axis; `global` takes all of it and leaves [channels]. */
  window: z.union([z.array(size).min(1).max(2), z.literal("global")]),
  stride: size.optional(),
  padding: padding.default("valid"),
});
export type PoolLayer = z.infer<typeof PoolLayer>;

/**
 * Group normalisation over [..., channels] (Wu & He 2018, arXiv:1803.08494): each record by itself, so patients stay
 * uncoupled. One group is layer normalisation over all axes, as many as channels is instance normalisation.
 * `over: "channels"` takes each position by itself: one group is then layer normalisation as transformers and Keras
 * mean it (Ba et al. 2016, arXiv:1607.06450). Scale [channels], shift [channels].
 */
export const NormLayer = z.strictObject({
  ...parametrised,
  kind: z.literal("norm"),
  groups: size,
  over: z.enum(["record", "channels"]).default("record"),
  epsilon: z.number().positive().default(1e-5),
});
export type NormLayer = z.infer<typeof NormLayer>;

/** x·scale + shift by channel: a batch normalisation whose statistics are fixed, folded into two vectors. */
export const ScaleLayer = z.strictObject({ ...parametrised, kind: z.literal("scale") });
export type ScaleLayer = z.infer<typeof ScaleLayer>;

/** Row of a table for each index: [length] → [length, width]. Table [vocabulary, width]. */
export const EmbeddingLayer = z.strictObject({
  ...parametrised,
  kind: z.literal("embedding"),
  vocabulary: size,
  width: size,
});
export type EmbeddingLayer = z.infer<typeof EmbeddingLayer>;

/**
 * [length, inputs] → [length, units], or the last step's [units]. LSTM (Hochreiter & Schmidhuber 1997; gates in the
 * order input, forget, cell, output), GRU (Cho et al. 2014, reset after the product; update, reset, candidate).
 * Kernel [inputs, g·units], recurrent kernel [units, g·units], bias [g·units], for GRU [2, g·units].
 */
export const RecurrentLayer = z.strictObject({
  ...parametrised,
  kind: z.literal("recurrent"),
  cell: z.enum(["lstm", "gru"]),
  units: size,
  returns: z.enum(["sequence", "last"]),
});
export type RecurrentLayer = z.infer<typeof RecurrentLayer>;

/**
 * softmax(QKᵀ/√w)V for each head, from three inputs [length, heads · w] (Vaswani et al. 2017, eq. 1). Without
 * parameters: queries, keys, values and the output are dense layers around it.
 */
export const AttentionLayer = z.strictObject({ ...common, kind: z.literal("attention"), heads: size });
export type AttentionLayer = z.infer<typeof AttentionLayer>;

/** Each value is dropped with this probability while training, and the others scaled up; nothing otherwise. */
export const DropoutLayer = z.strictObject({ ...common, kind: z.literal("dropout"), rate: z.number().gt(0).lt(1) });
export type DropoutLayer = z.infer<typeof DropoutLayer>;

export const ActivationLayer = z.strictObject({ ...common, kind: z.literal("activation"), activation: Activation });
export type ActivationLayer = z.infer<typeof ActivationLayer>;

/** Sum of inputs of one shape, or their concatenation along the last axis. */
export const MergeLayer = z.strictObject({
  ...common,
  kind: z.literal("merge"),
  operation: z.enum(["add", "concatenate"]),
});
export type MergeLayer = z.infer<typeof MergeLayer>;

const margin = z.number().int().nonnegative();

/**
 * Zeros before and after each axis of a record's values. Frameworks differ in where `same` puts the odd zero of an even
 * length: with a pad and `valid` a network reads weights that were trained elsewhere.
 */
export const PadLayer = z.strictObject({
  ...common,
  kind: z.literal("pad"),
  margins: z
    .array(z.tuple([margin, margin]))
    .min(1)
    .max(3),
});
export type PadLayer = z.infer<typeof PadLayer>;

/** The same numbers in another shape. */
export const ReshapeLayer = z.strictObject({
  ...common,
  kind: z.literal("reshape"),
  shape: z.array(size).min(1).max(3),
});
export type ReshapeLayer = z.infer<typeof ReshapeLayer>;

export const Layer = z.discriminatedUnion("kind", [
  DenseLayer,
  ConvLayer,
  PoolLayer,
  NormLayer,
  ScaleLayer,
  EmbeddingLayer,
  RecurrentLayer,
  AttentionLayer,
  DropoutLayer,
  ActivationLayer,
  MergeLayer,
  PadLayer,
  ReshapeLayer,
]);
export type Layer = z.infer<typeof Layer>;
/** A layer as it is written: what has a default may be left out. */
export type LayerInput = z.input<typeof Layer>;
export type ParametrisedLayer = Extract<Layer, { frozen?: true | undefined }>;
