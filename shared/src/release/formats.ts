import { canonicalJson } from "../encoding/canonicalJson.ts";
import { computationOf } from "../modelFormat/computationOf.ts";
import { inputColumns, inputMapOf } from "../modelFormat/inputColumns.ts";
import { onnxModel } from "../modelFormat/onnx.ts";
import { tfjsModel } from "../modelFormat/tfjs.ts";
import { featureScales } from "../normalisation/columnScales.ts";
import type { StudyDocument } from "../study/document.ts";
import { RELEASE_PATHS } from "./manifest.ts";
import type { ReleasedModel } from "./model.ts";

/**
 * A released model as other runtimes read it, by path: ONNX and TF.js, both from the one computation. The same model
 * gives the same bytes, so `verify` writes them again from the safetensors file and compares every bit.
 */
export function formatFiles(document: StudyDocument, model: ReleasedModel): ReadonlyMap<string, Uint8Array> {
  const { data } = document;
  const map = inputMapOf(data, featureScales(document, model.scales));
  const computation = computationOf(model.spec, model, map);
  const about = {
    study: document.name,
    input: canonicalJson(inputColumns(data)),
    output: canonicalJson({ label: data.label.name, values: data.label.values }),
  };
  const tfjs = tfjsModel(computation, about);
  return new Map([
    [RELEASE_PATHS.onnx, onnxModel(computation, about)],
    [RELEASE_PATHS.tfjs, tfjs.topology],
    [RELEASE_PATHS.tfjsWeights, tfjs.weights],
  ]);
}

/** Whether a release's other formats are what its safetensors file makes them. */
export function formatsHold(
  document: StudyDocument,
  model: ReleasedModel,
  read: (path: string) => Uint8Array,
): boolean {
  return [...formatFiles(document, model)].every(([path, bytes]) => Buffer.compare(bytes, read(path)) === 0);
}
