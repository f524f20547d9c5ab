import { Failure } from "@consilium/shared/failure/failure";
import { layerGraph } from "@consilium/shared/model/graph";
import type { ModelSpec } from "@consilium/shared/model/spec";
import { z } from "zod";

/** What computes gradients, by a site's own settings. */
export const EngineSetting = z.enum(["auto", "native", "wasm"]);
export type EngineSetting = z.infer<typeof EngineSetting>;

/** libtensorflow, on whatever device, or WebAssembly. */
export type EngineKind = "native" | "wasm";

export interface EngineChoice {
  readonly engine: EngineKind;
  /** In words, of public numbers alone. */
  readonly why: string;
}

/**
 * Multiplications of a step from which on libtensorflow takes dense layers quicker. A call costs it 20 to 50 µs, and
 * WebAssembly 7 to 9. On two idle cores WebAssembly took a third of the time at 0.2 million and as long at 70 million
 * (docs/benchmarks.md); on busy ones they met between 4 and 10.
 */
export const NATIVE_MULTIPLICATIONS = 5_000_000;

/**
 * What computes a study's gradients, by what the study signs and this site's own settings: never by a record, and the
 * same for all of a study's steps. `records` are the expected ones of a step in one process.
 */
export function chooseEngine(
  setting: EngineSetting,
  hasNative: boolean,
  spec: ModelSpec,
  records: number,
): EngineChoice {
  if (setting === "native" && !hasNative) throw noNative();
  if (setting !== "auto") return { engine: setting, why: `engine.backend is ${setting}` };
  if (!hasNative) return { engine: "wasm", why: "there is no other" };
  const multiplications = denseMultiplications(spec, records);
  if (multiplications === null) return { engine: "native", why: "layers at several positions" };
  const isSmall = multiplications < NATIVE_MULTIPLICATIONS;
  const why = `${millions(multiplications)} million multiplications a step, ${isSmall ? "under" : "not under"} ${millions(NATIVE_MULTIPLICATIONS)}`;
  return { engine: isSmall ? "wasm" : "native", why };
}

/** The rule in words, for a machine whose fastest backend is `backend`. */
export function choiceRule(setting: EngineSetting, backend: string): string {
  if (setting === "wasm" || backend === "wasm") return "all on wasm";
  if (setting === "native") return `all on ${backend}`;
  const small = `dense layers under ${millions(NATIVE_MULTIPLICATIONS)} million multiplications a step`;
  return `small ones (${small}) on wasm, others on ${backend}`;
}

/**
 * Multiplications of a step's products: each dense layer's once forward, once for its kernel's gradient where it is
 * trained, and once for its input's where something below it is. Null where a layer sees several positions of a record
 * (convolutions, sequences) or is used twice: its products are taken record by record on WebAssembly, whose many
 * calls cost more than libtensorflow's few at any size.
 */
export function denseMultiplications(spec: ModelSpec, records: number): number | null {
  const { nodes } = layerGraph(spec);
  const isAsked: boolean[] = [];
  let sum = 0;
  for (const [index, { layer, from, inputs, output, parameters, owner }] of nodes.entries()) {
    if (owner !== index || layer.kind === "embedding" || inputs.some(({ length }) => length > 1)) return null;
    const isTrained = parameters.length > 0 && !("frozen" in layer && layer.frozen === true);
    const isBelowAsked = from.some((node) => isAsked[node] === true);
    isAsked[index] = isTrained || isBelowAsked;
    const product = layer.kind === "dense" ? (inputs[0]?.[0] ?? 0) * (output[0] ?? 0) : 0;
    sum += product * (1 + Number(isTrained) + Number(isBelowAsked));
  }
  return records * sum;
}

function millions(count: number): string {
  return String(Number((count / 1e6).toPrecision(2)));
}

export function noNative(): Failure {
  return new Failure({
    code: "engine/no-native",
    kind: "config",
    what: "site.yaml asks for engine.backend: native, and no native engine starts here.",
    remedy: "See consilium-site engine status; install one, or set engine.backend: auto.",
  });
}
