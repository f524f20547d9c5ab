import { assert, unreachable } from "@consilium/shared/failure/failure";
import type { LossSpec } from "@consilium/shared/model/spec";
import * as tf from "@tensorflow/tfjs-core";
import { outputOf, type Pass } from "./forward.ts";
import type { BackwardResult } from "./layer/ops.ts";
import type { Network } from "./network.ts";
import { type ParameterUse, tensorsOf } from "./use.ts";

/**
 * One backward pass for all records at once: how each parameter was used, from which each record's own gradient of its
 * own loss follows. Call within `tf.tidy`; the uses' tensors are the caller's. It uses the pass up: what a layer left is
 * disposed as soon as no layer before it and no use needs it, for that is most of what a device holds.
 */
export function backward(network: Network, pass: Pass, labels_R: tf.Tensor1D): ParameterUse[] {
  const { nodes } = network;
  const isAsked = trainedBelow(network);
  const upstream = new Map<number, tf.Tensor[]>([[nodes.length - 1, [outputDelta(network.spec.loss, pass, labels_R)]]]);
  const uses: ParameterUse[] = [];
  const pull = clusterPull(network, pass);
  for (let index = nodes.length - 1; index >= 0; index--) {
    const node = nodes[index];
    const arriving = upstream.get(index);
    if (node === undefined || arriving === undefined) continue;
    upstream.delete(index);
    const own = arriving.length === 1 && arriving[0] !== undefined ? arriving[0] : tf.addN(arriving);
    const wanted = node.from.map((from) => isAsked[from] === true);
    const layer = pass.results[index];
    assert(layer !== undefined, "every layer left a result");
    const result = tidied(() => layer.backward(own, wanted));
    uses.push(...result.uses);
    for (const [place, from] of node.from.entries()) {
      const back = wanted[place] === true ? result.inputs[place] : null;
      if (back == null) continue;
      const pulled = pull !== undefined && index === nodes.length - 1 ? tf.add(back, pull.hidden_RH) : back;
      upstream.set(from, [...(upstream.get(from) ?? []), pulled]);
    }
    const needed = new Set([...uses.flatMap(tensorsOf), ...[...upstream.values()].flat(), ...before(pass, index)]);
    tf.dispose([...arriving, own, layer.output].filter((tensor) => !needed.has(tensor)));
  }
  return pull === undefined ? uses : [...uses, pull.use];
}

/** What the layers before one took and gave: a layer may give what it took. */
function before({ inputs, results }: Pass, index: number): tf.Tensor[] {
  return [...inputs.slice(0, index).flat(), ...results.slice(0, index).map(({ output }) => output)];
}

/** What a layer hands back, and nothing else that it made on the way. */
function tidied(backward: () => BackwardResult): BackwardResult {
  const found: { result?: BackwardResult } = {};
  tf.tidy(() => {
    const result = backward();
    found.result = result;
    return [...result.inputs.filter((input) => input !== null), ...result.uses.flatMap(tensorsOf)];
  });
  assert(found.result !== undefined, "a layer hands its derivatives back");
  return found.result;
}

/** Whether a layer or one before it has parameters that are trained: only then a derivative is asked back to it. */
function trainedBelow({ nodes, parameters }: Network): boolean[] {
  const isAsked: boolean[] = [];
  for (const [index, node] of nodes.entries()) {
    const isTrained = (parameters[index] ?? []).some(({ offset }) => offset !== null);
    isAsked.push(isTrained || node.from.some((from) => isAsked[from] === true));
  }
  return isAsked;
}

/** ∂loss/∂(last layer's output). */
function outputDelta(loss: LossSpec, pass: Pass, labels_R: tf.Tensor1D): tf.Tensor {
  const logits_RO = outputOf(pass);
  switch (loss.kind) {
    case "sigmoid-cross-entropy":
      return weighted(sigmoidDelta(logits_RO, tf.cast(labels_R, "float32")), loss.classWeights, labels_R);
    case "softmax-cross-entropy":
    case "deeptype":
      return weighted(softmaxDelta(logits_RO, labels_R, loss.classes), loss.classWeights, labels_R);
    case "acgan": {
      const isMade_R = tf.step(tf.sub(tf.cast(labels_R, "float32"), loss.classes - 0.5));
      const class_R = tf.sub(tf.cast(labels_R, "float32"), tf.mul(loss.classes, isMade_R));
      const [real_R1, class_RC]: tf.Tensor2D[] = tf.split(logits_RO, [1, loss.classes], 1);
      assert(real_R1 !== undefined && class_RC !== undefined, "a split in two has two parts");
      const real = sigmoidDelta(real_R1, tf.sub(1, isMade_R));
      return tf.concat([real, softmaxDelta(class_RC, tf.cast(class_R, "int32"), loss.classes)], 1);
    }
    default:
      return unreachable(loss);
  }
}

/** Each record's derivative times the weight of its own class. */
function weighted(delta_RO: tf.Tensor2D, weights: readonly number[] | undefined, labels_R: tf.Tensor1D): tf.Tensor2D {
  if (weights === undefined) return delta_RO;
  return tf.mul(delta_RO, tf.expandDims(tf.gather(tf.tensor1d([...weights], "float32"), labels_R), 1));
}

/** σ(z) − y for one logit. */
function sigmoidDelta(logit_R1: tf.Tensor2D, target_R: tf.Tensor): tf.Tensor2D {
  return tf.sub(tf.sigmoid(logit_R1), tf.expandDims(target_R, 1));
}

/** softmax(z) − onehot(y) for one logit a class. */
function softmaxDelta(logits_RC: tf.Tensor2D, labels_R: tf.Tensor, classes: number): tf.Tensor2D {
  // Cast afterwards: tfjs-backend-wasm 4.22 writes integer ones into a float32 oneHot.
  return tf.sub(tf.softmax(logits_RC), tf.cast(tf.oneHot(labels_R, classes), "float32"));
}

/**
 * DeepType's second term: derivative of clusterWeight · ‖h − c‖², c the nearest centroid, in h; in c it is the
 * negative. Which centroid is nearest, argmin over k of ‖c_k‖² − 2 h·c_k, is piecewise constant in everything.
 */
function clusterPull(
  { spec: { loss }, centroids }: Network,
  pass: Pass,
): { readonly hidden_RH: tf.Tensor; readonly use: ParameterUse } | undefined {
  if (loss.kind !== "deeptype") return undefined;
  const hidden_RH = pass.inputs.at(-1)?.[0] as tf.Tensor2D | undefined;
  assert(centroids !== undefined && hidden_RH !== undefined, "DeepType has centroids and a hidden layer");
  const { tensor_KH, offset } = centroids;
  const product_RK = tf.matMul(hidden_RH, tf.transpose(tensor_KH));
  const distance_RK = tf.sub(tf.sum(tf.square(tensor_KH), 1), tf.mul(2, product_RK));
  const nearest_R = tf.argMin(distance_RK, 1) as tf.Tensor1D;
  const pulled = tf.mul(2 * loss.clusterWeight, tf.sub(hidden_RH, tf.gather(tensor_KH, nearest_R)));
  const [records, width] = hidden_RH.shape;
  return {
    hidden_RH: pulled,
    use: {
      kind: "lookup",
      offset,
      index_RT: tf.reshape(tf.cast(nearest_R, "float32"), [records, 1]),
      delta_RTO: tf.reshape(tf.neg(pulled), [records, 1, width]),
    },
  };
}
