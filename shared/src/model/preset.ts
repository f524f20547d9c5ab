import type { ModelChoice } from "../study/document.ts";
import type { DenseLayer } from "./layer.ts";
import type { ModelSpec } from "./spec.ts";

/**
 * The network that a study's choice stands for, with `featureCount` inputs. Two classes get one logit and the sigmoid,
 * more classes one logit each; DeepType always one logit each, since its loss is defined so (Chen et al. 2020,
 * DeepType, eq. 4).
 */
export function modelSpecOf(choice: ModelChoice, featureCount: number, classes: number): ModelSpec {
  const input = [featureCount];
  switch (choice.preset) {
    case "logistic":
      return { input, layers: dense([], logits(classes), "relu"), loss: crossEntropy(classes) };
    case "mlp":
      return { input, layers: dense(choice.hidden, logits(classes), choice.activation), loss: crossEntropy(classes) };
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

function logits(classes: number): number {
  return classes === 2 ? 1 : classes;
}

function crossEntropy(classes: number): ModelSpec["loss"] {
  return classes === 2 ? { kind: "sigmoid-cross-entropy" } : { kind: "softmax-cross-entropy", classes };
}
