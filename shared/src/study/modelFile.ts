import { Failure } from "../failure/failure.ts";
import type { ModelChoice, ModelFile } from "../model/choice.ts";
import { readKeras } from "../model/keras.ts";
import { type ReadReference, readBeside } from "./reference.ts";
import type { Finding, YamlSource } from "./yamlSource.ts";

export interface ResolvedModel {
  /** The network as the document holds it; null where `findings` say why there is none. */
  readonly choice: ModelChoice | null;
  readonly findings: readonly Finding[];
}

/** The network that a study file names, with the files that it names read in. */
export function resolveModel(model: ModelFile, source: YamlSource, readReference: ReadReference): ResolvedModel {
  const refused = [...pretrainedFindings(model, source)];
  if (refused.length > 0) return { choice: null, findings: refused };
  switch (model.preset) {
    case "resnet18":
    case "resnet20":
    case "squeezenet":
      return { choice: { preset: model.preset, input: model.input }, findings: [] };
    case "keras":
      return resolveKeras(model, source, readReference);
    default:
      return { choice: model, findings: [] };
  }
}

type KerasFile = Extract<ModelFile, { preset: "keras" }>;

function resolveKeras({ file, input }: KerasFile, source: YamlSource, readReference: ReadReference): ResolvedModel {
  const refused = (message: string, remedy: string): ResolvedModel => {
    return { choice: null, findings: [source.finding("error", ["model", "file"], message, remedy)] };
  };
  const text = readBeside(file, readReference);
  if (text === null) {
    return refused(`${JSON.stringify(file)} can't be read`, "Paths are relative, inside the study file's folder.");
  }
  try {
    const read = readKeras(text, { hasWeights: false, ...(input === undefined ? {} : { input }) });
    return { choice: { preset: "keras", input: read.input, layers: read.layers }, findings: [] };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return refused(error.message.replace(/\.$/, ""), error.remedy);
  }
}

/** Frozen parameters, and a start from a file, would have to reach every site and the release: not in this version. */
function pretrainedFindings(model: ModelFile, source: YamlSource): Finding[] {
  const findings: Finding[] = [];
  const refuse = (key: string, what: string): void => {
    const remedy = "Leave it out: all of the network is trained, from initial weights by the study's seed.";
    findings.push(source.finding("error", ["model", key], `${what} is not in this version`, remedy));
  };
  if ("weights" in model && model.weights !== undefined) refuse("weights", "a start from pretrained weights");
  if ("trains" in model && model.trains !== undefined && model.trains !== "full") {
    refuse("trains", "a network of which a part stays frozen");
  }
  return findings;
}
