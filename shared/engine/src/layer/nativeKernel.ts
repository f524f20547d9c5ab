import * as tf from "@tensorflow/tfjs-core";
import { z } from "zod";

type Attributes = Readonly<Record<string, number | string | readonly number[]>>;
interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: Attributes[string];
}
type Execute = (this: unknown, name: string, attributes: readonly Attribute[], inputs: tf.Tensor[]) => tf.Tensor;

/** TF.js's backend for libtensorflow, as far as a kernel is called by its own name. */
const Native = z.object({
  executeSingleOutput: z.custom<Execute>((value) => typeof value === "function"),
  binding: z.object({
    TF_ATTR_INT: z.number(),
    TF_ATTR_FLOAT: z.number(),
    TF_ATTR_TYPE: z.number(),
    TF_ATTR_STRING: z.number(),
    TF_FLOAT: z.number(),
  }),
});
type Native = z.infer<typeof Native>;
const found = new WeakMap<object, Native | null>();

/** Whether libtensorflow computes, which has kernels that wasm has not. */
export function isNative(): boolean {
  return native() !== null;
}

/**
 * Calls one of libtensorflow's kernels of float32 numbers, for which TF.js has no name; null on any other backend.
 * `integers` and `text` are its attributes.
 */
export function nativeKernel(
  name: string,
  inputs: tf.Tensor[],
  { integers = {}, floats = {}, text = {} }: { integers?: Attributes; floats?: Attributes; text?: Attributes } = {},
): tf.Tensor | null {
  const backend = native();
  if (backend === null) return null;
  const { TF_ATTR_INT, TF_ATTR_FLOAT, TF_ATTR_STRING, TF_ATTR_TYPE, TF_FLOAT } = backend.binding;
  const of = (attributes: Attributes, type: number): Attribute[] =>
    Object.entries(attributes).map(([attribute, value]) => ({ name: attribute, type, value }));
  const attributes = [
    { name: "T", type: TF_ATTR_TYPE, value: TF_FLOAT },
    ...of(integers, TF_ATTR_INT),
    ...of(floats, TF_ATTR_FLOAT),
    ...of(text, TF_ATTR_STRING),
  ];
  return backend.executeSingleOutput.call(tf.backend(), name, attributes, inputs);
}

function native(): Native | null {
  const backend = tf.backend();
  const known = found.get(backend);
  if (known !== undefined) return known;
  const parsed = Native.safeParse(backend);
  const own = parsed.success ? parsed.data : null;
  found.set(backend, own);
  return own;
}
