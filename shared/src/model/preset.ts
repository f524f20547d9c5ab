import type { ModelChoice } from "../study/document.ts";
import { classifierOf } from "./classifier.ts";
import type { DenseLayer } from "./layer.ts";
import type { ModelSpec } from "./spec.ts";

/**
 * The network that a study's choice stands for, with `featureCount` inputs. Two classes get one logit and the sigmoid,
 * more classes one logit each; DeepType always one logit each, since its loss is defined so (Chen et al. 2020,
 * DeepType, eq. 4).
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
  }
}

function dense(hidden: readonly number[], outputs: number, activation: "relu" | "tanh"): DenseLayer[] {
  return [...hidden, outputs].map((width, index) => ({
    kind: "dense",
    name: index < hidden.length ? `hidden-${index + 1}` : "output",
    outputs: width,
    activation: index < hidden.length ? activation : "linear",
  }));
}
