import { z } from "zod";
import {
  ActivationName,
  activationOf,
  axes,
  Common,
  configOf,
  frozenOf,
  type KerasPlace,
  type KerasResult,
  LastAxisNorm,
  refuseLayer,
  requireLastAxis,
  sameOnAxes,
} from "./kerasConfig.ts";
import { kerasAttention, kerasEmbedding, kerasRecurrent } from "./kerasSequence.ts";
import { type LayerInput, LEAKY_SLOPE } from "./layer.ts";

type Convert = (place: KerasPlace) => KerasResult;

/** Every class of Keras that can be trained here; whatever is not in it is refused by name. */
export const KERAS_LAYERS: Readonly<Record<string, Convert>> = {
  Dense: dense,
  Conv1D: conv,
  Conv2D: conv,
  DepthwiseConv2D: depthwise,
  MaxPooling1D: windowPool("max"),
  MaxPooling2D: windowPool("max"),
  AveragePooling1D: windowPool("average"),
  AveragePooling2D: windowPool("average"),
  GlobalMaxPooling1D: globalPool("max"),
  GlobalMaxPooling2D: globalPool("max"),
  GlobalAveragePooling1D: globalPool("average"),
  GlobalAveragePooling2D: globalPool("average"),
  ZeroPadding1D: zeros,
  ZeroPadding2D: zeros,
  Flatten: flatten,
  Reshape: reshape,
  Activation: (place) => activation(place, configOf(place, Common.extend({ activation: z.string() })).activation),
  Softmax: (place) => activation(place, "softmax"),
  ReLU: relu,
  LeakyReLU: leakyRelu,
  Dropout: dropout,
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  GroupNormalization: groupNormalization,
  Add: merge("add"),
  Concatenate: merge("concatenate"),
  Embedding: kerasEmbedding,
  LSTM: kerasRecurrent("lstm"),
  GRU: kerasRecurrent("gru"),
  MultiHeadAttention: kerasAttention,
};

/** Classes for which there is more to say than that they aren't known. */
export const KERAS_REFUSED: Readonly<Record<string, string>> = {
  Lambda: "it is arbitrary code, whose gradient by patient nobody can vouch for",
  Sequential: "it is a model within a model: write its layers out",
  Functional: "it is a model within a model: write its layers out",
  Model: "it is a model within a model: write its layers out",
  SpectralNormalization: "it changes its weights while it runs",
  GaussianNoise: "its noise is not the private one, and would be drawn from a seeded source",
};

function channelsOf({ inputs }: KerasPlace): number {
  return inputs[0]?.at(-1) ?? 1;
}

function single(layer: LayerInput): KerasResult {
  return { layers: [layer] };
}

function dense(place: KerasPlace): KerasResult {
  const schema = Common.extend({
    units: z.number().int().positive(),
    activation: ActivationName,
    use_bias: z.boolean().default(true),
  });
  const { units, activation: name, use_bias, trainable } = configOf(place, schema);
  return single({
    kind: "dense",
    name: place.name,
    outputs: units,
    activation: activationOf(place, name, units),
    ...(use_bias ? {} : { bias: false as const }),
    ...frozenOf(place, trainable),
  });
}

const Padding = z.enum(["same", "valid"]).default("valid");

const Conv = Common.extend({
  kernel_size: axes,
  strides: axes.default(1),
  dilation_rate: axes.default(1),
  padding: Padding,
  activation: ActivationName,
  use_bias: z.boolean().default(true),
});

function convOf(place: KerasPlace, own: z.output<typeof Conv>, outputs: number, groups: number): LayerInput {
  const rank = (place.inputs[0]?.length ?? 1) - 1;
  const kernel = typeof own.kernel_size === "number" ? Array(rank).fill(own.kernel_size) : own.kernel_size;
  return {
    kind: "conv",
    name: place.name,
    outputs,
    kernel,
    stride: sameOnAxes(place, "strides", own.strides),
    dilation: sameOnAxes(place, "dilation rates", own.dilation_rate),
    groups,
    padding: own.padding,
    bias: own.use_bias,
    activation: activationOf(place, own.activation, outputs),
    ...frozenOf(place, own.trainable),
  };
}

function conv(place: KerasPlace): KerasResult {
  const schema = Conv.extend({ filters: z.number().int().positive(), groups: z.number().int().positive().default(1) });
  const own = configOf(place, schema);
  return single(convOf(place, own, own.filters, own.groups));
}

/** Keras' kernel [...kernel, channels, multiplier] has our [...kernel, 1, channels · multiplier] in the same order. */
function depthwise(place: KerasPlace): KerasResult {
  const own = configOf(place, Conv.extend({ depth_multiplier: z.number().int().positive().default(1) }));
  const channels = channelsOf(place);
  const layer = convOf(place, own, channels * own.depth_multiplier, channels);
  if (layer.kind !== "conv") return single(layer);
  return {
    layers: [layer],
    storedShapes: { [`${place.name}/kernel`]: [...layer.kernel, channels, own.depth_multiplier] },
  };
}

function windowPool(operation: "max" | "average"): Convert {
  return (place) => {
    const own = configOf(
      place,
      Common.extend({ pool_size: axes.default(2), strides: axes.nullish(), padding: Padding }),
    );
    const rank = (place.inputs[0]?.length ?? 1) - 1;
    const window = typeof own.pool_size === "number" ? Array(rank).fill(own.pool_size) : own.pool_size;
    const strides = own.strides ?? window;
    // Without a stride of its own a pool steps by its window, whose sides may differ.
    const stride = String(strides) === String(window) ? {} : { stride: sameOnAxes(place, "strides", strides) };
    return single({ kind: "pool", name: place.name, operation, window, ...stride, padding: own.padding });
  };
}

function globalPool(operation: "max" | "average"): Convert {
  return (place) => {
    configOf(place, Common.extend({ keepdims: z.literal(false).default(false) }));
    return single({ kind: "pool", name: place.name, operation, window: "global" });
  };
}

function zeros(place: KerasPlace): KerasResult {
  const count = z.number().int().nonnegative();
  const pair = z.tuple([count, count]);
  const { padding } = configOf(place, Common.extend({ padding: z.union([count, pair, z.array(pair)]) }));
  const rank = (place.inputs[0]?.length ?? 1) - 1;
  const margins = marginsOf(padding, rank);
  return single({ kind: "pad", name: place.name, margins: [...margins, [0, 0]] });
}

/** One number for all sides; one an axis; before and after of an axis. Of a line two numbers are before and after. */
function marginsOf(padding: number | [number, number] | [number, number][], rank: number): [number, number][] {
  if (typeof padding === "number") return Array.from({ length: rank }, () => [padding, padding]);
  const [first, second] = padding;
  if (typeof first !== "number" || typeof second !== "number")
    return padding.filter((pair) => typeof pair !== "number");
  if (rank === 1) return [[first, second]];
  return [
    [first, first],
    [second, second],
  ];
}

function flatten(place: KerasPlace): KerasResult {
  configOf(place, Common);
  const size = (place.inputs[0] ?? []).reduce((product, length) => product * length, 1);
  return single({ kind: "reshape", name: place.name, shape: [size] });
}

function reshape(place: KerasPlace): KerasResult {
  const { target_shape } = configOf(place, Common.extend({ target_shape: z.array(z.number().int()).min(1).max(3) }));
  const size = (place.inputs[0] ?? []).reduce((product, length) => product * length, 1);
  const known = target_shape.filter((length) => length > 0).reduce((product, length) => product * length, 1);
  const shape = target_shape.map((length) => (length > 0 ? length : Math.max(1, Math.floor(size / known))));
  return single({ kind: "reshape", name: place.name, shape });
}

function activation(place: KerasPlace, name: string): KerasResult {
  const own = activationOf(place, name, channelsOf(place));
  return single({ kind: "activation", name: place.name, activation: own });
}

function relu(place: KerasPlace): KerasResult {
  const schema = Common.extend({
    max_value: z.literal(6).nullish(),
    negative_slope: z.literal(0).nullish(),
    threshold: z.literal(0).nullish(),
  });
  return activation(place, configOf(place, schema).max_value === 6 ? "relu6" : "relu");
}

/** Keras 3 calls the slope `negative_slope`, Keras 2 `alpha`; both as the number that their float32 is printed. */
function leakyRelu(place: KerasPlace): KerasResult {
  const slope = z.number().refine((value) => Math.abs(value - LEAKY_SLOPE) < 1e-6, `only ${LEAKY_SLOPE} is known`);
  configOf(place, Common.extend({ negative_slope: slope.optional(), alpha: slope.optional() }));
  return single({ kind: "activation", name: place.name, activation: "leaky-relu" });
}

function dropout(place: KerasPlace): KerasResult {
  const { rate } = configOf(place, Common.extend({ rate: z.number().min(0).lt(1), noise_shape: z.null().optional() }));
  return single(
    rate === 0
      ? { kind: "activation", name: place.name, activation: "linear" }
      : { kind: "dropout", name: place.name, rate },
  );
}

/** With weights, its statistics are those of the file and stay: x·scale + shift, frozen. Otherwise it is refused. */
function batchNormalization(place: KerasPlace): KerasResult {
  const { axis, epsilon } = configOf(place, LastAxisNorm);
  requireLastAxis(place, axis);
  if (!place.hasWeights) {
    const why =
      "in training mode its means and variances over a batch couple the patients in it, so none can be clipped";
    refuseLayer(place, why, "Use GroupNormalization or LayerNormalization: they work within each record.");
  }
  return { layers: [{ kind: "scale", name: place.name, frozen: true }], epsilon };
}

function layerNormalization(place: KerasPlace): KerasResult {
  const { axis, epsilon, trainable } = configOf(
    place,
    LastAxisNorm.extend({ rms_scaling: z.literal(false).default(false) }),
  );
  requireLastAxis(place, axis);
  const layer = { kind: "norm", name: place.name, groups: 1, over: "channels", epsilon } as const;
  return single({ ...layer, ...frozenOf(place, trainable) });
}

function groupNormalization(place: KerasPlace): KerasResult {
  const { axis, epsilon, trainable, groups } = configOf(
    place,
    LastAxisNorm.extend({ groups: z.number().int().min(-1).default(32) }),
  );
  requireLastAxis(place, axis);
  const layer = {
    kind: "norm",
    name: place.name,
    groups: groups === -1 ? channelsOf(place) : groups,
    epsilon,
  } as const;
  return single({ ...layer, ...frozenOf(place, trainable) });
}

function merge(operation: "add" | "concatenate"): Convert {
  return (place) => {
    const { axis } = configOf(place, Common.extend({ axis: z.number().int().default(-1) }));
    if (operation === "concatenate") requireLastAxis(place, axis);
    return single({ kind: "merge", name: place.name, operation });
  };
}
