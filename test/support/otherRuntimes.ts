import { loadGraphModel } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import * as ort from "onnxruntime-web";

/** What ONNX Runtime makes of a model file: [records, classes], row by row. */
export async function answersOfOnnx(model: Uint8Array, features: Float32Array, width: number): Promise<Float32Array> {
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(model);
  const input = new ort.Tensor("float32", features, [features.length / width, width]);
  const { probabilities } = await session.run({ features: input });
  await session.release();
  if (!(probabilities?.data instanceof Float32Array)) throw new TypeError("the model gives no float32 probabilities");
  return probabilities.data;
}

/** What TF.js' own loader and executor make of `model.json` and its weights. */
export async function answersOfTfjs(
  topology: Uint8Array,
  weights: Uint8Array<ArrayBuffer>,
  features: Float32Array,
  width: number,
): Promise<Float32Array> {
  const { weightsManifest, ...json } = JSON.parse(new TextDecoder().decode(topology));
  const model = await loadGraphModel({
    load: async () => ({ ...json, weightSpecs: weightsManifest[0].weights, weightData: weights.buffer }),
  });
  const answered = tf.tidy(() => model.predict({ features: tf.tensor2d(features, [features.length / width, width]) }));
  if (!(answered instanceof tf.Tensor)) throw new TypeError("the model gives no tensor");
  const probabilities = Float32Array.from(answered.dataSync());
  answered.dispose();
  model.dispose();
  return probabilities;
}
