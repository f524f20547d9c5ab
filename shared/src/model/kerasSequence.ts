import { z } from "zod";
import { Common, configOf, frozenOf, type KerasPlace, type KerasResult, refuseLayer } from "./kerasConfig.ts";
import type { LayerInput } from "./layer.ts";

const units = z.number().int().positive();
const fixed = <Value extends string | number | boolean>(value: Value): z.ZodType<Value> =>
  z.literal(value).default(() => value);

export function kerasEmbedding(place: KerasPlace): KerasResult {
  const schema = Common.extend({ input_dim: units, output_dim: units, mask_zero: fixed(false) });
  const { input_dim, output_dim, trainable } = configOf(place, schema);
  const layer = { kind: "embedding", name: place.name, vocabulary: input_dim, width: output_dim } as const;
  return { layers: [{ ...layer, ...frozenOf(place, trainable) }] };
}

/** Gates stand in the order that ours have; a GRU's reset comes after the product, as Keras has it by default. */
export function kerasRecurrent(cell: "lstm" | "gru"): (place: KerasPlace) => KerasResult {
  const schema = Common.extend({
    units,
    activation: fixed("tanh"),
    recurrent_activation: fixed("sigmoid"),
    use_bias: fixed(true),
    return_sequences: z.boolean().default(false),
    return_state: fixed(false),
    go_backwards: fixed(false),
    stateful: fixed(false),
    dropout: fixed(0),
    recurrent_dropout: fixed(0),
    reset_after: fixed(true),
  });
  return (place) => {
    const own = configOf(place, schema);
    const returns = own.return_sequences ? "sequence" : "last";
    const layer = { kind: "recurrent", name: place.name, cell, units: own.units, returns } as const;
    return {
      layers: [{ ...layer, ...frozenOf(place, own.trainable) }],
      // Keras 2 and 3 keep a recurrent layer's variables in its cell.
      parts: { [place.name]: `${cell}_cell` },
    };
  };
}

/** Four dense layers around an attention without parameters (Vaswani et al. 2017, §3.2.2). */
export function kerasAttention(place: KerasPlace): KerasResult {
  const own = configOf(place, Attention);
  const [heads, width] = [own.num_heads, own.key_dim];
  const valueWidth = own.value_dim ?? width;
  const inputOf = (role: string, otherwise: number): number => place.named[role] ?? otherwise;
  const query = inputOf("query", 0);
  const value = inputOf("value", Math.min(1, place.from.length - 1));
  const sources = { query, key: inputOf("key", value), value };
  const modelWidth = place.inputs[query]?.at(-1) ?? 1;
  if (place.inputs.some((shape) => shape.length !== 2)) {
    refuseLayer(place, "it attends over more than one axis", "Give it [length, channels].");
  }
  const bias = own.use_bias ? {} : { bias: false as const };
  const common = { kind: "dense", activation: "linear", ...bias, ...frozenOf(place, own.trainable) } as const;
  const part = (role: string): string => `${place.name}/${role}`;
  const projection = (role: keyof typeof sources, outputs: number): LayerInput => ({
    ...common,
    name: part(role),
    from: [place.from[sources[role]] ?? ""],
    outputs,
  });
  const stored = (role: keyof typeof sources, each: number): [string, number[]][] => [
    [`${part(role)}/kernel`, [place.inputs[sources[role]]?.at(-1) ?? 1, heads, each]],
    [`${part(role)}/bias`, [heads, each]],
  ];
  return {
    layers: [
      projection("query", heads * width),
      projection("key", heads * width),
      projection("value", heads * valueWidth),
      { kind: "attention", name: part("heads"), from: [part("query"), part("key"), part("value")], heads },
      { ...common, name: place.name, from: [part("heads")], outputs: modelWidth },
    ],
    parts: {
      [part("query")]: "query",
      [part("key")]: "key",
      [part("value")]: "value",
      [place.name]: "attention_output",
    },
    storedShapes: Object.fromEntries([
      ...stored("query", width),
      ...stored("key", width),
      ...stored("value", valueWidth),
      [`${place.name}/kernel`, [heads, valueWidth, modelWidth]],
    ]),
  };
}

const Attention = Common.extend({
  num_heads: units,
  key_dim: units,
  value_dim: units.nullish(),
  use_bias: z.boolean().default(true),
  dropout: fixed(0),
  output_shape: z.null().optional(),
  use_gate: fixed(false),
  sliding_window: z.null().optional(),
  attention_axes: z.union([z.null(), z.tuple([z.literal(1)])]).optional(),
});
