import type { LossSpec } from "./spec.ts";

/** What a classifier ends in: two classes get one logit and the sigmoid, more classes one logit each. */
export function classifierOf(classes: number): { readonly logits: number; readonly loss: LossSpec } {
  return classes === 2
    ? { logits: 1, loss: { kind: "sigmoid-cross-entropy" } }
    : { logits: classes, loss: { kind: "softmax-cross-entropy", classes } };
}
