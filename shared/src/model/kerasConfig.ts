import { z } from "zod";
import { Failure } from "../failure/failure.ts";
import type { Shape } from "./graph.ts";
import type { Activation, LayerInput } from "./layer.ts";

/** A Keras layer in its place: what its converter may look at. */
export interface KerasPlace {
  /** Its class and own name, for messages. */
  readonly kind: string;
  readonly kerasName: string;
  /** Our name, of its only or last layer. */
  readonly name: string;
  /** Our names of the layers that it takes from, and their shapes. */
  readonly from: readonly string[];
  readonly inputs: readonly Shape[];
  /** Inputs that it was called with by name, such as attention's `value`: places in `from`. */
  readonly named: Readonly<Record<string, number>>;
  readonly config: unknown;
  /** Its output is the model's. */
  readonly isLast: boolean;
  /** Weights come with the model: what is frozen, and statistics, have their numbers. */
  readonly hasWeights: boolean;
}

/** What a Keras layer becomes, and where its numbers stand in Keras. */
export interface KerasResult {
  /** In order; the last one bears the place's name and is the output. */
  readonly layers: readonly LayerInput[];
  /** Keras' names below the layer's own, of those of our layers that have parameters; by our name. */
  readonly parts?: Readonly<Record<string, string>>;
  readonly epsilon?: number;
  /** Keras' shapes of our slots, where they differ. */
  readonly storedShapes?: Readonly<Record<string, readonly number[]>>;
}

export function refuseLayer({ kind, kerasName }: KerasPlace, why: string, remedy: string): never {
  throw new Failure({
    code: "model/keras-unsupported",
    kind: "config",
    what: `${kind} '${kerasName}': ${why}.`,
    remedy,
  });
}

const none = z.null().optional();

/** What any layer may say, in the only form that is known. */
export const Common = z.object({
  trainable: z.boolean().default(true),
  data_format: z.literal("channels_last").nullish(),
  kernel_regularizer: none,
  bias_regularizer: none,
  activity_regularizer: none,
  recurrent_regularizer: none,
  embeddings_regularizer: none,
  beta_regularizer: none,
  gamma_regularizer: none,
  depthwise_regularizer: none,
  pointwise_regularizer: none,
  kernel_constraint: none,
  bias_constraint: none,
  recurrent_constraint: none,
  embeddings_constraint: none,
  beta_constraint: none,
  gamma_constraint: none,
  depthwise_constraint: none,
  pointwise_constraint: none,
});

/** The layer's configuration; refuses, naming the key, what is absent or of another form. */
export function configOf<Schema extends z.ZodType>(place: KerasPlace, schema: Schema): z.output<Schema> {
  const parsed = schema.safeParse(place.config);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const key = issue?.path.map(String).join(".") ?? "";
  const why = `its ${key === "" ? "configuration" : key} is not one that can be trained here (${issue?.message})`;
  return refuseLayer(place, why, "Change it in Keras and save the model again.");
}

/** One number, or the same for every axis. */
export function sameOnAxes(place: KerasPlace, what: string, value: number | readonly number[]): number {
  const [first = 1, ...others] = typeof value === "number" ? [value] : value;
  if (others.some((other) => other !== first))
    refuseLayer(place, `its ${what} differ by axis`, "Use one for all axes.");
  return first;
}

export const axes = z.union([z.number().int().positive(), z.array(z.number().int().positive()).min(1)]);

const KNOWN: Readonly<Record<string, Activation>> = {
  linear: "linear",
  relu: "relu",
  relu6: "relu6",
  sigmoid: "sigmoid",
  tanh: "tanh",
};
/** Of a model's last layer these are part of our loss, which takes logits. */
const OF_THE_LOSS: ReadonlySet<string> = new Set(["softmax", "sigmoid"]);

export const ActivationName = z.string().nullish().default("linear");

export function activationOf(place: KerasPlace, name: string | null, outputs: number): Activation {
  const own = name ?? "linear";
  if (place.isLast && OF_THE_LOSS.has(own)) {
    if (own === "sigmoid" && outputs > 1) {
      refuseLayer(
        place,
        `${outputs} sigmoids predict several labels at once`,
        "Use softmax, or one unit with sigmoid.",
      );
    }
    return "linear";
  }
  const known = KNOWN[own];
  if (known !== undefined) return known;
  const remedy = `Use ${Object.keys(KNOWN).join(", ")}, or softmax in the last layer.`;
  return refuseLayer(place, `the activation ${own} is not known here`, remedy);
}

/** `frozen: true` or nothing, by Keras' `trainable`; without weights there is nothing that could stay as it is. */
export function frozenOf(place: KerasPlace, trainable: boolean): { frozen?: true } {
  if (trainable) return {};
  if (!place.hasWeights) {
    refuseLayer(place, "it is not trainable, and no weights are given for it", "Set trainable = True.");
  }
  return { frozen: true };
}

/** Refuses a normalisation over anything but the last axis, or without one of its two vectors. */
export const LastAxisNorm = Common.extend({
  axis: z.union([z.number().int(), z.array(z.number().int()).length(1)]).default(-1),
  epsilon: z.number().positive().default(1e-3),
  center: z.literal(true).default(true),
  scale: z.literal(true).default(true),
});

export function requireLastAxis(place: KerasPlace, axis: number | readonly number[]): void {
  const own = typeof axis === "number" ? axis : (axis[0] ?? -1);
  if (own !== -1 && own !== (place.inputs[0]?.length ?? 0)) {
    refuseLayer(place, `it works along axis ${own}`, "Use axis -1, the channels.");
  }
}
