import { z } from "zod";
import { canonicalJson } from "../encoding/canonicalJson.ts";
import { Failure } from "../failure/failure.ts";
import { frozenSlots, type ModelSpec, type ParameterSlot, parameterSlots, sizeOf } from "../model/spec.ts";
import type { Weights } from "../model/weights.ts";
import { ColumnScale, scalesFit } from "../normalisation/columnScales.ts";
import type { StudyDocument } from "../study/document.ts";
import { modelSpecOfStudy } from "../study/network.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";

/**
 * A model as `model.safetensors`, one tensor a slot: those that were trained, then those that were frozen. Its metadata
 * hold the scales of columns that were normalised, because a model is of use only with its own.
 */
export function modelFile(
  document: StudyDocument,
  { parameters, frozen }: Weights,
  scales: readonly ColumnScale[] | undefined,
): Uint8Array {
  const spec = modelSpecOfStudy(document);
  const tensorsOf = (slots: readonly ParameterSlot[], numbers: Float32Array) => {
    if (numbers.length !== sizeOf(slots)) throw mismatch();
    return slots.map(({ name, shape, offset, size }) => {
      return { name, shape, values: numbers.subarray(offset, offset + size) };
    });
  };
  const tensors = [...tensorsOf(parameterSlots(spec), parameters), ...tensorsOf(frozenSlots(spec), frozen)];
  const scaled = scales === undefined ? {} : { scales: canonicalJson(scales) };
  return encodeSafetensors({ tensors, metadata: { format: "consilium", study: document.name, ...scaled } });
}

/** A model with all that it takes to predict. */
export interface ReleasedModel extends Weights {
  readonly spec: ModelSpec;
  /** Of the columns that its study normalised; undefined where the public ranges alone scale them. */
  readonly scales: readonly ColumnScale[] | undefined;
}

/** The numbers in a release's model file; throws unless it holds exactly the tensors of the study's network. */
export function readModelFile(document: StudyDocument, file: Uint8Array): ReleasedModel {
  const spec = modelSpecOfStudy(document);
  const { tensors, metadata } = decodeSafetensors(file);
  const [trained, still] = [parameterSlots(spec), frozenSlots(spec)];
  if (tensors.length !== trained.length + still.length) throw mismatch();
  const read = (slots: readonly ParameterSlot[], from: number): Float32Array => {
    const numbers = new Float32Array(sizeOf(slots));
    slots.forEach(({ name, shape, offset }, index) => {
      const tensor = tensors[from + index];
      if (tensor?.name !== name || String(tensor.shape) !== String(shape)) throw mismatch();
      numbers.set(tensor.values, offset);
    });
    return numbers;
  };
  return {
    spec,
    parameters: read(trained, 0),
    frozen: read(still, trained.length),
    scales: readScales(document, metadata.scales),
  };
}

function readScales(document: StudyDocument, text: string | undefined): readonly ColumnScale[] | undefined {
  const scales = text === undefined ? undefined : z.array(ColumnScale).safeParse(parsedJson(text));
  if (scales?.success === false || !scalesFit(document, scales?.data)) throw mismatch();
  return scales?.data;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function mismatch(): Failure {
  return new Failure({
    code: "release/model-mismatch",
    kind: "refused",
    what: "The model file does not hold the parameters of the study's network, or other scales than its columns have.",
    remedy: "Get the release again from its publisher and verify it.",
  });
}
