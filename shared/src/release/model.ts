import { Failure } from "../failure/failure.ts";
import { type ModelSpec, parameterCount, parameterSlots } from "../model/spec.ts";
import type { StudyDocument } from "../study/document.ts";
import { modelSpecOfStudy } from "../study/network.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";

/** A model's flat parameters as `model.safetensors`, one tensor a slot. */
export function modelFile(document: StudyDocument, parameters: Float32Array): Uint8Array {
  const spec = modelSpecOfStudy(document);
  if (parameters.length !== parameterCount(spec)) throw mismatch();
  const tensors = parameterSlots(spec).map(({ name, shape, offset, size }) => ({
    name,
    shape,
    values: parameters.subarray(offset, offset + size),
  }));
  return encodeSafetensors({ tensors, metadata: { format: "consilium", study: document.name } });
}

/** The flat parameters in a release's model file; throws unless it holds exactly the tensors of the study's network. */
export function readModelFile(
  document: StudyDocument,
  file: Uint8Array,
): { spec: ModelSpec; parameters: Float32Array } {
  const spec = modelSpecOfStudy(document);
  const slots = parameterSlots(spec);
  const { tensors } = decodeSafetensors(file);
  const parameters = new Float32Array(parameterCount(spec));
  if (tensors.length !== slots.length) throw mismatch();
  slots.forEach(({ name, shape, offset }, index) => {
    const tensor = tensors[index];
    const sameShape = tensor?.shape.length === shape.length && shape.every((length, i) => tensor.shape[i] === length);
    if (tensor?.name !== name || !sameShape) throw mismatch();
    parameters.set(tensor.values, offset);
  });
  return { spec, parameters };
}

function mismatch(): Failure {
  return new Failure({
    code: "release/model-mismatch",
    kind: "refused",
    what: "The model file does not hold the parameters of the study's network.",
    remedy: "Get the release again from its publisher and verify it.",
  });
}
