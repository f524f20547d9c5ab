import { Failure } from "../failure/failure.ts";
import { frozenSlots, type ModelSpec, type ParameterSlot, parameterSlots, sizeOf } from "../model/spec.ts";
import type { Weights } from "../model/weights.ts";
import type { StudyDocument } from "../study/document.ts";
import { modelSpecOfStudy } from "../study/network.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";

/** A model as `model.safetensors`, one tensor a slot: those that were trained, then those that were frozen. */
export function modelFile(document: StudyDocument, { parameters, frozen }: Weights): Uint8Array {
  const spec = modelSpecOfStudy(document);
  const tensorsOf = (slots: readonly ParameterSlot[], numbers: Float32Array) => {
    if (numbers.length !== sizeOf(slots)) throw mismatch();
    return slots.map(({ name, shape, offset, size }) => {
      return { name, shape, values: numbers.subarray(offset, offset + size) };
    });
  };
  const tensors = [...tensorsOf(parameterSlots(spec), parameters), ...tensorsOf(frozenSlots(spec), frozen)];
  return encodeSafetensors({ tensors, metadata: { format: "consilium", study: document.name } });
}

/** A model with all that it takes to predict. */
export interface ReleasedModel extends Weights {
  readonly spec: ModelSpec;
}

/** The numbers in a release's model file; throws unless it holds exactly the tensors of the study's network. */
export function readModelFile(document: StudyDocument, file: Uint8Array): ReleasedModel {
  const spec = modelSpecOfStudy(document);
  const { tensors } = decodeSafetensors(file);
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
  return { spec, parameters: read(trained, 0), frozen: read(still, trained.length) };
}

function mismatch(): Failure {
  return new Failure({
    code: "release/model-mismatch",
    kind: "refused",
    what: "The model file does not hold the parameters of the study's network.",
    remedy: "Get the release again from its publisher and verify it.",
  });
}
