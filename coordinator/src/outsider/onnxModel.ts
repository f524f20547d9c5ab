import { errnoOf } from "@consilium/shared/failure/errno";
import { Failure } from "@consilium/shared/failure/failure";
import type { Tensor } from "onnxruntime-web";
import type { ForeignModel } from "./foreignModel.ts";
import { fileName, numbersAsTheyStand, unusable } from "./recordTable.ts";

/** A row of probabilities may miss 1 by what float32 and another runtime's softmax leave. */
const SUM_TOLERANCE = 1e-3;

/**
 * A model that ONNX Runtime runs: one input, [records, columns] float32; one output of probabilities,
 * [records, classes], or with two classes [records] or [records, 1], the probability of class 1.
 */
export function onnxModel(path: string, bytes: Uint8Array, classes: number): ForeignModel {
  return {
    name: fileName(path),
    classes,
    encodingOf: (columns, label) => numbersAsTheyStand(columns, label),
    scale: () => undefined,
    answer: (features, records) => answersOf(path, bytes, features, { records, classes }),
  };
}

interface Shape {
  readonly records: number;
  readonly classes: number;
}

async function answersOf(path: string, bytes: Uint8Array, features: Float32Array, shape: Shape): Promise<Float32Array> {
  const ort = await runtime();
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "fatal";
  const session = await ort.InferenceSession.create(bytes).catch((cause: unknown) => {
    throw notRun(path, "is no ONNX model that ONNX Runtime can read", cause);
  });
  try {
    const [input, another] = session.inputNames;
    if (input === undefined || another !== undefined)
      throw notRun(path, `takes ${session.inputNames.length} inputs, and one of [records, columns] is fed`);
    const width = features.length / shape.records;
    const tensor = new ort.Tensor("float32", features, [shape.records, width]);
    const outputs = await session.run({ [input]: tensor }).catch((cause: unknown) => {
      throw notRun(path, `refuses records of ${width} columns (${firstLine(cause)})`, cause);
    });
    return probabilitiesIn(path, Object.values(outputs), shape);
  } finally {
    await session.release();
  }
}

/** The first output that can be probabilities of these classes; a label beside them is passed over. */
function probabilitiesIn(path: string, outputs: readonly Tensor[], { records, classes }: Shape): Float32Array {
  for (const { data } of outputs) {
    if (!(data instanceof Float32Array)) continue;
    if (data.length === records * classes && sumToOne(data, classes)) return data;
    if (classes === 2 && data.length === records && data.every((p) => p >= 0 && p <= 1))
      return Float32Array.from({ length: 2 * records }, (_, i) => {
        const ofOne = data[i >> 1] ?? Number.NaN;
        return i % 2 === 1 ? ofOne : 1 - ofOne;
      });
  }
  throw notRun(path, `gives no probabilities of ${classes} classes`);
}

function sumToOne(data: Float32Array, classes: number): boolean {
  for (let row = 0; row < data.length; row += classes) {
    let sum = 0;
    for (let label = 0; label < classes; label++) {
      const value = data[row + label] ?? Number.NaN;
      if (!(value >= 0)) return false;
      sum += value;
    }
    if (Math.abs(sum - 1) > SUM_TOLERANCE) return false;
  }
  return true;
}

/** Not part of an installation: whoever audits ONNX files adds it. */
async function runtime(): Promise<typeof import("onnxruntime-web")> {
  try {
    return await import("onnxruntime-web");
  } catch (cause) {
    if (errnoOf(cause) !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new Failure({
      code: "audit/onnx-runtime-missing",
      kind: "config",
      what: "ONNX files are run by ONNX Runtime, which isn't installed here.",
      remedy: "Install it beside Consilium: npm install --no-save onnxruntime-web. Or export the model as Keras JSON.",
      cause,
    });
  }
}

function notRun(path: string, what: string, cause?: unknown): Failure {
  const { code, kind, message, remedy } = unusable(
    path,
    what,
    "Export it with one float32 input [records, columns] and its softmax or sigmoid inside; name its --classes.",
  );
  return new Failure({ code, kind, what: message, remedy, cause });
}

function firstLine(cause: unknown): string {
  return String(cause instanceof Error ? cause.message : cause)
    .split("\n", 1)
    .join("")
    .slice(0, 200);
}
