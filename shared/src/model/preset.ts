import { z } from "zod";
import type { ModelChoice } from "./choice.ts";
import { classifierOf } from "./classifier.ts";
import type { DenseLayer } from "./layer.ts";
import { ModelSpec } from "./spec.ts";
import { acganDiscriminator } from "./zoo/acganDiscriminator.ts";
import { cnn } from "./zoo/cnn.ts";
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
      return resnet18({ input: choice.input, classes, norm: "group", trains: "full" });
    case "resnet20":
      return resnet20({ input: choice.input, classes, norm: "group", trains: "full" });
    case "squeezenet":
      return squeezenet({ input: choice.input, classes, trains: "full" });
    case "acgan-discriminator":
      return acganDiscriminator(classes, choice.input);
    case "keras":
      return broughtAlong(choice, classes);
  }
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
  try {
    modelSpecOf(choice, columns, classes);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    faults.push({ path: [], message: `makes no network: ${error.issues[0]?.message}` });
  }
  return faults;
}

function broughtFaults({ layers }: Brought): ChoiceFault[] {
  return layers.flatMap((layer) => {
    const named = (why: string): ChoiceFault[] => [{ path: [], message: `${layer.name}: ${why}` }];
    if (layer.kind === "embedding") return named("an embedding takes indices, and columns are scaled to [−1, 1]");
    if ("frozen" in layer && layer.frozen) return named("frozen parameters don't reach the sites in this version");
    return [];
  });
}

function dense(hidden: readonly number[], outputs: number, activation: "relu" | "tanh"): DenseLayer[] {
  return [...hidden, outputs].map((width, index) => ({
    kind: "dense",
    name: index < hidden.length ? `hidden-${index + 1}` : "output",
    outputs: width,
    activation: index < hidden.length ? activation : "linear",
  }));
}
