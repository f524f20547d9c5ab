import { z } from "zod";
import { canonicalJson } from "../encoding/canonicalJson.ts";
import { Failure } from "../failure/failure.ts";
import { networkOfSite, type SiteHeads } from "../model/siteHeads.ts";
import { frozenSlots, type ModelSpec, type ParameterSlot, parameterSlots, sizeOf } from "../model/spec.ts";
import type { Weights } from "../model/weights.ts";
import { ColumnScale, scalesFit } from "../normalisation/columnScales.ts";
import type { StudyDocument } from "../study/document.ts";
import { modelSpecOfStudy } from "../study/network.ts";
import { headsOfStudy } from "../study/siteHeads.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";

/**
 * A model as `model.safetensors`, one tensor a slot: those that were trained, each site's head where it has its own, then
 * those that were frozen. Its metadata
 * hold the scales of columns that were normalised, because a model is of use only with its own.
 */
export function modelFile(
  document: StudyDocument,
  { parameters, frozen }: Weights,
  scales: readonly ColumnScale[] | undefined,
): Uint8Array {
  const { trained, still } = slotsOf(document);
  const tensorsOf = (slots: readonly ParameterSlot[], numbers: Float32Array) => {
    if (numbers.length !== sizeOf(slots)) throw mismatch();
    return slots.map(({ name, shape, offset, size }) => {
      return { name, shape, values: numbers.subarray(offset, offset + size) };
    });
  };
  const tensors = [...tensorsOf(trained, parameters), ...tensorsOf(still, frozen)];
  const scaled = scales === undefined ? {} : { scales: canonicalJson(scales) };
  return encodeSafetensors({ tensors, metadata: { format: "consilium", study: document.name, ...scaled } });
}

/** A model with all that it takes to predict: `spec`'s network comes first in `parameters`, sites' heads behind it. */
export interface ReleasedModel extends Weights {
  readonly spec: ModelSpec;
  /** Of the columns that its study normalised; undefined where the public ranges alone scale them. */
  readonly scales: readonly ColumnScale[] | undefined;
}

/** The numbers in a release's model file; throws unless it holds exactly the tensors of the study's network. */
export function readModelFile(document: StudyDocument, file: Uint8Array): ReleasedModel {
  const { spec, trained, still } = slotsOf(document);
  const { tensors, metadata } = decodeSafetensors(file);
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

/** The places of a model's numbers, by the study alone. */
function slotsOf(document: StudyDocument): {
  readonly spec: ModelSpec;
  readonly trained: readonly ParameterSlot[];
  readonly still: readonly ParameterSlot[];
} {
  const spec = modelSpecOfStudy(document);
  const common = parameterSlots(spec);
  const heads = headsOfStudy(document);
  const own = common.filter(({ offset }) => heads !== undefined && isOfHead(offset, heads));
  const ofSites = (heads === undefined ? [] : document.sites).flatMap(({ name }, site) =>
    own.map((slot) => {
      const from = heads === undefined ? 0 : heads.network + site * heads.size - heads.offset;
      return { ...slot, name: `sites/${name}/${slot.name}`, offset: slot.offset + from };
    }),
  );
  return { spec, trained: [...common, ...ofSites], still: frozenSlots(spec) };
}

function isOfHead(offset: number, heads: SiteHeads): boolean {
  return offset >= heads.offset && offset < heads.offset + heads.size;
}

/** A released model's network with one site's head; throws where its study has no such head. */
export function modelForSite(document: StudyDocument, model: ReleasedModel, site: string): ReleasedModel {
  const heads = headsOfStudy(document);
  const place = document.sites.findIndex(({ name }) => name === site);
  if (heads === undefined || place < 0) throw noHead(document, site, heads !== undefined);
  return { ...model, parameters: networkOfSite(model.parameters, heads, place) };
}

function noHead({ name, sites }: StudyDocument, site: string, hasHeads: boolean): Failure {
  return new Failure({
    code: "release/no-head",
    kind: "usage",
    what: hasHeads ? `Study ${name} has no site ${site}.` : `All sites of study ${name} share one model.`,
    remedy: hasHeads ? `One of ${sites.map((own) => own.name).join(", ")}, or none of them.` : "Leave the site out.",
  });
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
