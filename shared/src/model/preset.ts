import { z } from "zod";
import type { ModelChoice } from "./choice.ts";
import { classifierOf } from "./classifier.ts";
import type { DenseLayer } from "./layer.ts";
import { frozenSlots, ModelSpec, parameterCount } from "./spec.ts";
import { weightsBytes } from "./studyWeights.ts";
import { acganDiscriminator, acganOfTable } from "./zoo/acganDiscriminator.ts";
import { cnn } from "./zoo/cnn.ts";
import type { Normalisation, Trains } from "./zoo/parts.ts";
import { resnet18 } from "./zoo/resnet18.ts";
import { resnet20 } from "./zoo/resnet20.ts";
import { seriesCnn } from "./zoo/seriesCnn.ts";
import { squeezenet } from "./zoo/squeezenet.ts";

/**
 * The network that a study's choice stands for, with `featureCount` inputs. Two classes get one logit and the sigmoid,
 * more classes one logit each; DeepType always one logit each, since its loss is defined so (Chen et al. 2020,
 * DeepType, eq. 4), and a network that was brought along as many as it ends in.
 */
export function modelSpecOf(choice: ModelChoice, featureCount: number, classes: number): ModelSpec {
  const input = [featureCount];
  const { logits, loss } = classifierOf(classes);
  switch (choice.preset) {
    case "logistic":
      return { input, layers: dense([], logits, "relu"), loss };
    case "mlp":
      return { input, layers: dense(choice.hidden, logits, choice.activation), loss };
    case "deeptype": {
      const { clusters, clusterWeight } = choice;
      return {
        input,
        layers: dense(choice.hidden, classes, "relu"),
        loss: { kind: "deeptype", classes, clusters, clusterWeight },
      };
    }
    case "cnn":
      return cnn(choice.input, classes);
    case "cnn-series":
      return seriesCnn(choice.input, classes);
    case "resnet18":
      return resnet18({ input: choice.input, classes, ...pretrainedAs(choice) });
    case "resnet20":
      return resnet20({ input: choice.input, classes, ...pretrainedAs(choice) });
    case "squeezenet":
      return squeezenet({ input: choice.input, classes, trains: choice.trains ?? "full" });
    case "acgan":
      return acganOfTable(input, choice.hidden, classes);
    case "acgan-discriminator":
      return acganDiscriminator(classes, choice.input);
    case "keras":
      return broughtAlong(choice, classes);
  }
}

/** A pretrained network keeps its own normalisation, whose statistics stay fixed; batches never set them here. */
function pretrainedAs({ trains }: { trains?: Trains | undefined }): { norm: Normalisation; trains: Trains } {
  return trains === undefined ? { norm: "group", trains: "full" } : { norm: "frozen-batch", trains };
}

type Brought = Extract<ModelChoice, { preset: "keras" }>;

/** One logit for two classes, or one a class: whichever it ends in. */
function broughtAlong({ input, layers }: Brought, classes: number): ModelSpec {
  const byClass = { kind: "softmax-cross-entropy", classes } as const;
  const { loss } = classifierOf(classes);
  const parsed = ModelSpec.safeParse({ input, layers, loss });
  return parsed.success ? parsed.data : ModelSpec.parse({ input, layers, loss: byClass });
}

interface ChoiceFault {
  readonly path: readonly string[];
  readonly message: string;
}

/** Why a choice can't be trained on these columns and classes, however the document was made. */
export function choiceFaults(choice: ModelChoice, featureCount: () => number, classes: number): ChoiceFault[] {
  if (!("input" in choice)) return [];
  const faults = choice.preset === "keras" ? broughtFaults(choice) : [];
  const wanted = choice.input.reduce((product, length) => product * length, 1);
  const columns = featureCount();
  if (wanted !== columns) {
    const message = `[${choice.input.join(", ")}] takes ${wanted} numbers, and the columns give ${columns}`;
    faults.push({ path: ["input"], message });
  }
  const network = networkOf(choice, columns, classes);
  return [
    ...faults,
    ...("fault" in network ? [{ path: [], message: network.fault }] : weightsFaults(choice, network.spec)),
  ];
}

/** The network of a choice that nobody has checked yet, or why there is none. */
export function networkOf(
  choice: ModelChoice,
  featureCount: number,
  classes: number,
): { readonly spec: ModelSpec } | { readonly fault: string } {
  try {
    return { spec: modelSpecOf(choice, featureCount, classes) };
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    return { fault: `makes no network: ${error.issues[0]?.message}` };
  }
}

function broughtFaults({ layers }: Brought): ChoiceFault[] {
  return layers.flatMap((layer) => {
    const named = (why: string): ChoiceFault[] => [{ path: [], message: `${layer.name}: ${why}` }];
    if (layer.kind === "embedding") return named("an embedding takes indices, and columns are scaled to [−1, 1]");
    return [];
  });
}

/** What is frozen has its numbers, and the weights that the document names are this network's in size. */
function weightsFaults(choice: ModelChoice, spec: ModelSpec): ChoiceFault[] {
  const weights = "weights" in choice ? choice.weights : undefined;
  const [frozen] = frozenSlots(spec);
  if (parameterCount(spec) === 0) return [{ path: [], message: "trains nothing: every layer is frozen" }];
  if (weights === undefined) {
    if ("trains" in choice && choice.trains !== undefined) {
      return [{ path: ["trains"], message: "says what is trained of pretrained weights, and there are none" }];
    }
    return frozen === undefined ? [] : [{ path: [], message: `${frozen.name}: is frozen, and no weights are given` }];
  }
  if (choice.preset !== "keras" && "weights" in choice && choice.trains === undefined) {
    return [{ path: ["trains"], message: "must say what is trained of the pretrained weights" }];
  }
  const wanted = weightsBytes(spec);
  const unknown = weights.fresh.find((name) => !spec.layers.some((layer) => layer.name === name));
  if (unknown !== undefined) return [{ path: ["weights", "fresh"], message: `names ${unknown}, which is no layer` }];
  if (weights.bytes === wanted) return [];
  return [{ path: ["weights", "bytes"], message: `must be ${wanted}, the network's size (got ${weights.bytes})` }];
}

function dense(hidden: readonly number[], outputs: number, activation: "relu" | "tanh"): DenseLayer[] {
  return [...hidden, outputs].map((width, index) => ({
    kind: "dense",
    name: index < hidden.length ? `hidden-${index + 1}` : "output",
    outputs: width,
    activation: index < hidden.length ? activation : "linear",
  }));
}
