import { assert } from "@consilium/shared/failure/failure";
import type { RecurrentLayer } from "@consilium/shared/model/layer";
import * as tf from "@tensorflow/tfjs-core";
import type { ParameterUse } from "../use.ts";
import type { LayerCall, LayerResult, PlacedParameter } from "./ops.ts";

/** One step of a cell: the new state, and how derivatives go back through it. */
interface Step {
  readonly hidden: tf.Tensor2D;
  readonly cell: tf.Tensor2D | null;
  /** From ∂loss/∂hidden and ∂loss/∂cell after the step: those of both products, and of the state before. */
  readonly backward: (hidden: tf.Tensor, cell: tf.Tensor | null) => StepBack;
}

interface StepBack {
  /** ∂loss/∂(xW + b) and ∂loss/∂(hU (+ b′)), [R, g·units]. */
  readonly fromInput: tf.Tensor;
  readonly fromHidden: tf.Tensor;
  /** ∂loss/∂hidden before the step, but for what comes through hU. */
  readonly hidden: tf.Tensor | null;
  readonly cell: tf.Tensor | null;
}

/**
 * Step by step along the positions. Both kernels are used at every position, with the inputs and with the hidden states
 * before: two products, as for any dense layer over positions.
 */
export function recurrent(layer: RecurrentLayer, { inputs: [input], parameters }: LayerCall): LayerResult {
  const [kernel, turned, bias] = parameters;
  assert(
    input !== undefined && kernel !== undefined && turned !== undefined && bias !== undefined,
    "a recurrent layer has an input and three parameters",
  );
  const [records = 0, positions = 0, inputs = 0] = input.shape;
  const { units } = layer;
  const kernel_IG = kernel.tensor as tf.Tensor2D;
  const turned_UG = turned.tensor as tf.Tensor2D;
  const width = kernel_IG.shape[1];
  const [inputBias, hiddenBias] = layer.cell === "gru" ? tf.unstack(bias.tensor) : [bias.tensor];
  const products = tf.add(tf.matMul(tf.reshape(input, [records * positions, inputs]), kernel_IG), inputBias ?? 0);
  const fromInput = tf.unstack(tf.reshape(products, [records, positions, width]), 1) as tf.Tensor2D[];
  const zeros: tf.Tensor2D = tf.zeros([records, units]);
  const steps: Step[] = [];
  const before: tf.Tensor2D[] = [];
  let [hidden, cell]: [tf.Tensor2D, tf.Tensor2D | null] = [zeros, layer.cell === "lstm" ? zeros : null];
  for (const own of fromInput) {
    before.push(hidden);
    const through = tf.matMul(hidden, turned_UG);
    const step =
      cell === null ? gruStep(own, tf.add(through, hiddenBias ?? 0), hidden) : lstmStep(tf.add(own, through), cell);
    steps.push(step);
    [hidden, cell] = [step.hidden, step.cell];
  }
  const output =
    layer.returns === "last"
      ? hidden
      : tf.stack(
          steps.map((step) => step.hidden),
          1,
        );
  return {
    output,
    backward: (upstream, [isWanted]) => {
      const arriving = layer.returns === "last" ? null : tf.unstack(upstream, 1);
      let back: tf.Tensor = layer.returns === "last" ? upstream : zeros;
      let backCell: tf.Tensor | null = layer.cell === "lstm" ? zeros : null;
      const deltas: tf.Tensor[] = [];
      const hiddenDeltas: tf.Tensor[] = [];
      for (let t = positions - 1; t >= 0; t--) {
        const here = arriving?.[t];
        const own = steps[t]?.backward(here === undefined ? back : tf.add(back, here), backCell);
        assert(own !== undefined, "every position left a step");
        deltas.unshift(own.fromInput);
        hiddenDeltas.unshift(own.fromHidden);
        const through = tf.matMul(own.fromHidden as tf.Tensor2D, tf.transpose(turned_UG));
        back = own.hidden === null ? through : tf.add(through, own.hidden);
        backCell = own.cell;
      }
      const delta_RTG = tf.stack(deltas, 1) as tf.Tensor3D;
      const hidden_RTG = layer.cell === "lstm" ? delta_RTG : (tf.stack(hiddenDeltas, 1) as tf.Tensor3D);
      const flat = tf.reshape(delta_RTG, [records * positions, width]);
      const backInput = (): tf.Tensor => tf.reshape(tf.matMul(flat, tf.transpose(kernel_IG)), input.shape);
      return {
        inputs: [isWanted === true ? backInput() : null],
        uses: [
          ...productUse(kernel, input, delta_RTG),
          ...productUse(turned, tf.stack(before, 1), hidden_RTG),
          ...biasUses(bias, layer.cell === "lstm" ? [delta_RTG] : [delta_RTG, hidden_RTG]),
        ],
      };
    },
  };
}

/** i, f, g, o = σ, σ, tanh, σ of z; c′ = f∘c + i∘g; h = o∘tanh(c′). */
function lstmStep(z: tf.Tensor, before: tf.Tensor2D): Step {
  const [zi, zf, zg, zo] = tf.split(z, 4, 1);
  assert(zi !== undefined && zf !== undefined && zg !== undefined && zo !== undefined, "an LSTM has four gates");
  const [i, f, g, o] = [tf.sigmoid(zi), tf.sigmoid(zf), tf.tanh(zg), tf.sigmoid(zo)];
  const cell = tf.add(tf.mul(f, before), tf.mul(i, g)) as tf.Tensor2D;
  const shown = tf.tanh(cell);
  return {
    hidden: tf.mul(o, shown) as tf.Tensor2D,
    cell,
    backward: (hidden, upstream) => {
      const own = tf.mul(tf.mul(hidden, o), tf.sub(1, tf.square(shown)));
      const delta = upstream === null ? own : tf.add(upstream, own);
      const gates = tf.concat(
        [
          tf.mul(tf.mul(delta, g), slope(i)),
          tf.mul(tf.mul(delta, before), slope(f)),
          tf.mul(tf.mul(delta, i), tf.sub(1, tf.square(g))),
          tf.mul(tf.mul(hidden, shown), slope(o)),
        ],
        1,
      );
      return { fromInput: gates, fromHidden: gates, hidden: null, cell: tf.mul(delta, f) };
    },
  };
}

/** z, r = σ of both products' sum; n = tanh(xₙ + r∘hₙ); h′ = z∘h + (1 − z)∘n. */
function gruStep(fromInput: tf.Tensor, fromHidden: tf.Tensor, before: tf.Tensor2D): Step {
  const [xz, xr, xn] = tf.split(fromInput, 3, 1);
  const [hz, hr, hn] = tf.split(fromHidden, 3, 1);
  assert(xz !== undefined && xr !== undefined && xn !== undefined, "a GRU has three gates");
  assert(hz !== undefined && hr !== undefined && hn !== undefined, "a GRU has three gates");
  const [z, r] = [tf.sigmoid(tf.add(xz, hz)), tf.sigmoid(tf.add(xr, hr))];
  const n = tf.tanh(tf.add(xn, tf.mul(r, hn)));
  return {
    hidden: tf.add(tf.mul(z, before), tf.mul(tf.sub(1, z), n)) as tf.Tensor2D,
    cell: null,
    backward: (hidden) => {
      const deltaN = tf.mul(tf.mul(hidden, tf.sub(1, z)), tf.sub(1, tf.square(n)));
      const deltaZ = tf.mul(tf.mul(hidden, tf.sub(before, n)), slope(z));
      const deltaR = tf.mul(tf.mul(deltaN, hn), slope(r));
      return {
        fromInput: tf.concat([deltaZ, deltaR, deltaN], 1),
        fromHidden: tf.concat([deltaZ, deltaR, tf.mul(deltaN, r)], 1),
        hidden: tf.mul(hidden, z),
        cell: null,
      };
    },
  };
}

/** Derivative of the sigmoid, from its value. */
function slope(value: tf.Tensor): tf.Tensor {
  return tf.mul(value, tf.sub(1, value));
}

function productUse({ offset }: PlacedParameter, input: tf.Tensor, delta_RTO: tf.Tensor3D): ParameterUse[] {
  if (offset === null) return [];
  const [records = 0, positions = 0, inputs = 0] = input.shape;
  const input_RTI = { source: input, shape: [records, positions, inputs] } as const;
  return [{ kind: "product", offset, rowLength: delta_RTO.shape[2], input_RTI, delta_RTO }];
}

function biasUses({ offset }: PlacedParameter, deltas: readonly tf.Tensor3D[]): ParameterUse[] {
  if (offset === null) return [];
  const sums = deltas.map((delta) => tf.sum(delta, 1));
  return [{ kind: "direct", offset, gradient_RS: tf.concat(sums, 1) as tf.Tensor2D }];
}
