import { z } from "zod";
import { Failure } from "../failure/failure.ts";

/** One call of a layer. */
export interface KerasCall {
  readonly layer: string;
  readonly kind: string;
  readonly config: unknown;
  /** 0 for a layer's first call; a later one shares its weights. */
  readonly number: number;
  readonly from: readonly { readonly layer: string; readonly call: number }[];
  /** Inputs that were given by name: places in `from`. */
  readonly named: Readonly<Record<string, number>>;
}

export interface KerasTopology {
  readonly inputName: string;
  /** Lengths of one record, null where the model leaves them open. */
  readonly input: readonly (number | null)[];
  readonly outputName: string;
  /** In an order in which each comes after those it takes from. */
  readonly calls: readonly KerasCall[];
}

const LAYERS_MAX = 400;
const lengths = z.array(z.number().int().positive().nullable());
const Config = z.looseObject({ name: z.string().optional() });
const StoredLayer = z.looseObject({
  class_name: z.string(),
  name: z.string().optional(),
  config: Config,
  inbound_nodes: z.array(z.unknown()).optional(),
});
type StoredLayer = z.infer<typeof StoredLayer>;
const Layers = z.array(StoredLayer).min(1).max(LAYERS_MAX);

const Functional = z.looseObject({ layers: Layers, input_layers: z.unknown(), output_layers: z.unknown() });
const SequentialConfig = z.union([Layers.transform((layers) => ({ layers })), z.looseObject({ layers: Layers })]);
const Topology = z.discriminatedUnion("class_name", [
  z.looseObject({ class_name: z.literal("Sequential"), config: SequentialConfig }),
  z.looseObject({ class_name: z.literal("Functional"), config: Functional }),
  z.looseObject({ class_name: z.literal("Model"), config: Functional }),
]);

/** `modelTopology` of TF.js, `model_config` of a saved Keras 2 model within it, or what `to_json` writes. */
export function openTopology(text: string): KerasTopology {
  const topology = Topology.safeParse(unwrapped(parseJson(text)));
  if (!topology.success) {
    throw unreadable("it holds no Sequential or functional model of up to 400 layers", topology.error);
  }
  const { data } = topology;
  return data.class_name === "Sequential" ? sequential(data.config.layers) : functional(data.config);
}

function unwrapped(value: unknown): unknown {
  const outer = z.looseObject({ modelTopology: z.unknown() }).safeParse(value);
  const inner = outer.success && outer.data.modelTopology !== undefined ? outer.data.modelTopology : value;
  const saved = z.looseObject({ model_config: z.looseObject({ class_name: z.string() }) }).safeParse(inner);
  return saved.success ? saved.data.model_config : inner;
}

function sequential(layers: readonly StoredLayer[]): KerasTopology {
  const [first] = layers;
  const inputs = first?.class_name === "InputLayer" ? layers.slice(0, 1) : [];
  const named = layers.slice(inputs.length).map((layer, index) => ({ layer, name: nameOf(layer, index) }));
  const inputName = inputs[0] === undefined ? "input" : nameOf(inputs[0], 0);
  const calls = named.map(({ layer, name }, index): KerasCall => {
    const from = named[index - 1]?.name ?? inputName;
    return {
      layer: name,
      kind: layer.class_name,
      config: layer.config,
      number: 0,
      from: [{ layer: from, call: 0 }],
      named: {},
    };
  });
  return { inputName, input: recordShape(first), outputName: calls.at(-1)?.layer ?? inputName, calls };
}

function functional({ layers, input_layers, output_layers }: z.infer<typeof Functional>): KerasTopology {
  const [input, ...otherInputs] = endsOf(input_layers);
  const [output, ...otherOutputs] = endsOf(output_layers);
  if (input === undefined || output === undefined || otherInputs.length + otherOutputs.length > 0) {
    throw unreadable("it has several inputs or outputs; a study gives one record and takes one answer");
  }
  const stored = layers.map((layer, index) => ({ layer, name: nameOf(layer, index) }));
  const open = stored.flatMap(({ layer, name }) =>
    layer.class_name === "InputLayer"
      ? []
      : (layer.inbound_nodes ?? []).map((node, number): KerasCall => {
          return { layer: name, kind: layer.class_name, config: layer.config, number, ...inboundOf(node, name) };
        }),
  );
  const calls = inOrder(open, input);
  if (calls.at(-1)?.layer !== output) throw unreadable(`layer '${output}' is its output, and others come after it`);
  return {
    inputName: input,
    input: recordShape(stored.find(({ name }) => name === input)?.layer),
    outputName: output,
    calls,
  };
}

/** Each call once all that it takes from has been made; Keras lists layers by depth, and calls by layer. */
function inOrder(open: readonly KerasCall[], input: string): KerasCall[] {
  const made = new Set([`${input} 0`]);
  const calls: KerasCall[] = [];
  let waiting = [...open];
  while (waiting.length > 0) {
    const ready = waiting.filter(({ from }) => from.every(({ layer, call }) => made.has(`${layer} ${call}`)));
    const [next] = ready;
    if (next === undefined) {
      throw unreadable(`layer '${waiting[0]?.layer}' takes from one that isn't there, or from what comes after it`);
    }
    for (const call of ready) made.add(`${call.layer} ${call.number}`);
    calls.push(...ready);
    waiting = waiting.filter((call) => !ready.includes(call));
  }
  return calls;
}

/** [name, 0, 0], or a list of such. */
function endsOf(value: unknown): string[] {
  const end = z.tuple([z.string(), z.number(), z.number()]);
  const parsed = z.union([end.transform((one) => [one]), z.array(end)]).safeParse(value);
  if (!parsed.success) throw unreadable("its inputs or outputs are not named", parsed.error);
  return parsed.data.map(([name]) => name);
}

/** Keras 2: [layer, call, tensor, arguments by name]. */
const Reference = z.tuple([z.string(), z.number().int(), z.literal(0)]).rest(z.unknown());
/** Keras 3. */
const KerasTensor = z.object({
  class_name: z.literal("__keras_tensor__"),
  config: z.looseObject({ keras_history: z.tuple([z.string(), z.number().int(), z.literal(0)]) }),
});
const Call3 = z.object({ args: z.array(z.unknown()), kwargs: z.record(z.string(), z.unknown()).default({}) });

function inboundOf(node: unknown, name: string): Pick<KerasCall, "from" | "named"> {
  const from: { layer: string; call: number }[] = [];
  const named: Record<string, number> = {};
  const take = (value: unknown): boolean => {
    const reference = Reference.safeParse(value);
    const tensor = KerasTensor.safeParse(value);
    const found = reference.success ? reference.data : tensor.success ? tensor.data.config.keras_history : undefined;
    if (found !== undefined) from.push({ layer: found[0], call: found[1] });
    return found !== undefined;
  };
  const takeNamed = (kwargs: Readonly<Record<string, unknown>>): void => {
    for (const [key, value] of Object.entries(kwargs)) {
      if (take(value)) named[key] = from.length - 1;
      else requirePlain(key, value, name);
    }
  };
  const call = Call3.safeParse(node);
  if (call.success) {
    for (const argument of call.data.args) for (const one of Array.isArray(argument) ? argument : [argument]) take(one);
    takeNamed(call.data.kwargs);
  } else {
    for (const reference of z.array(z.array(z.unknown())).catch([]).parse(node)) {
      take(reference);
      const kwargs = z.record(z.string(), z.unknown()).safeParse(reference[3]);
      if (kwargs.success) takeNamed(kwargs.data);
    }
  }
  if (from.length === 0) throw unreadable(`it isn't told what layer '${name}' takes from`);
  return { from, named };
}

/** Arguments that change nothing may stand in a call; what would change what the layer does may not. */
function requirePlain(key: string, value: unknown, name: string): void {
  if (value === null || value === false) return;
  throw unreadable(`layer '${name}' is called with ${key} = ${JSON.stringify(value)}, which isn't known`);
}

function recordShape(layer: StoredLayer | undefined): (number | null)[] {
  const { batch_input_shape, batch_shape } = layer?.config ?? {};
  const parsed = lengths.safeParse(batch_input_shape ?? batch_shape);
  if (!parsed.success) throw unreadable("its first layer doesn't say the shape of its input", parsed.error);
  return parsed.data.slice(1);
}

function nameOf({ name, config, class_name }: StoredLayer, index: number): string {
  return name ?? config.name ?? `${class_name}_${index}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unreadable("it is no JSON", cause);
  }
}

function unreadable(why: string, cause?: unknown): Failure {
  return new Failure({
    code: "model/keras-unreadable",
    kind: "config",
    what: `The Keras model can't be read: ${why}.`,
    remedy: "Save it by model.to_json() or tfjs' model.save(), with one input and one output.",
    cause,
  });
}
