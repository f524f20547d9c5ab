import { Failure } from "../failure/failure.ts";
import type { ModelChoice, ModelFile } from "../model/choice.ts";
import { readKeras } from "../model/keras.ts";
import { networkOf } from "../model/preset.ts";
import { kerasNames } from "../model/weightNames.ts";
import { DataContract } from "./contract.ts";
import { featureCount } from "./features.ts";
import { type Pretrained, readPretrained, withWeights, ZOO_HEADS, zooNames } from "./pretrained.ts";
import { type ReadBytes, type ReadReference, readBeside } from "./reference.ts";
import type { Finding, YamlSource } from "./yamlSource.ts";

export interface ResolvedModel {
  /** The network as the document holds it; null where `findings` say why there is none. */
  readonly choice: ModelChoice | null;
  readonly findings: readonly Finding[];
  /** Weights that it is to start from: read once its columns and classes are known. */
  readonly pretrained: Pretrained | null;
}

/** The network that a study file names, with the files that it names read in, but for weights. */
export function resolveModel(model: ModelFile, source: YamlSource, readReference: ReadReference): ResolvedModel {
  switch (model.preset) {
    case "resnet18":
    case "resnet20":
    case "squeezenet":
      return resolveZoo(model, source);
    case "keras":
      return resolveKeras(model, source, readReference);
    default:
      return { choice: model, findings: [], pretrained: null };
  }
}

/** What a study's weights are made from, beside its model. */
export interface WeightsContext {
  /** The contract as it stands in the file: where it is none, others say so. */
  readonly contract: unknown;
  readonly seed: number;
  readonly readBytes: ReadBytes;
}

export interface ResolvedWeights extends Omit<ResolvedModel, "pretrained"> {
  readonly weights: Uint8Array | null;
  /** Warnings about the proposer's file. */
  readonly notes: readonly Finding[];
}

/** The choice with its weights, and their file; null bytes where the study names none, or where `findings` say why. */
export function resolveWeights(
  { choice, pretrained, findings }: ResolvedModel,
  { contract, seed, readBytes }: WeightsContext,
  source: YamlSource,
): ResolvedWeights {
  const none = { choice, findings, weights: null, notes: [] };
  const data = DataContract.safeParse(contract);
  if (choice === null || pretrained === null || !data.success) return none;
  const refused = (message: string, remedy: string) => {
    return { ...none, findings: [source.finding("error", ["model", "weights"], message, remedy)] };
  };
  try {
    const file = readBeside(pretrained.path, readBytes);
    if (file.content === null) return refused(file.message, file.remedy);
    const network = networkOf(choice, featureCount(data.data), data.data.label.values.length);
    // The document's own check says why.
    if ("fault" in network) return none;
    const { named, bytes, notes } = readPretrained(pretrained, network.spec, seed, file.content);
    return {
      choice: withWeights(choice, named),
      findings,
      weights: bytes,
      notes: notes.map((note) => source.finding("warning", ["model", "weights"], `${pretrained.path}: ${note}`)),
    };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return refused(`${pretrained.path}: ${error.message.replace(/\.$/, "")}`, error.remedy);
  }
}

type ZooFile = Extract<ModelFile, { trains?: unknown }>;

function resolveZoo({ preset, input, weights, trains }: ZooFile, source: YamlSource): ResolvedModel {
  if (weights !== undefined) {
    const names = (tensors: readonly string[]) => zooNames(preset, tensors);
    const choice = { preset, input, trains: trains ?? "full" };
    return { choice, findings: [], pretrained: { path: weights, names, head: ZOO_HEADS[preset] } };
  }
  if (trains === undefined || trains === "full") return { choice: { preset, input }, findings: [], pretrained: null };
  const remedy = "Name a file of pretrained weights (weights: ./file.safetensors), or leave trains out.";
  const finding = source.finding("error", ["model", "trains"], `${trains}: what is not trained needs weights`, remedy);
  return { choice: null, findings: [finding], pretrained: null };
}

type KerasFile = Extract<ModelFile, { preset: "keras" }>;

function resolveKeras(model: KerasFile, source: YamlSource, readReference: ReadReference): ResolvedModel {
  const { file, input, weights } = model;
  const refused = (message: string, remedy: string): ResolvedModel => {
    const findings = [source.finding("error", ["model", "file"], message, remedy)];
    return { choice: null, findings, pretrained: null };
  };
  const text = readBeside(file, readReference);
  if (text.content === null) return refused(text.message, text.remedy);
  try {
    const read = readKeras(text.content, {
      hasWeights: weights !== undefined,
      ...(input === undefined ? {} : { input }),
    });
    return {
      choice: { preset: "keras", input: read.input, layers: read.layers },
      findings: [],
      pretrained: weights === undefined ? null : { path: weights, names: () => kerasNames(read.naming), head: null },
    };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return refused(error.message.replace(/\.$/, ""), error.remedy);
  }
}
