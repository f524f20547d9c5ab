/** A model that an auditor was given: a release's, or one from elsewhere as Keras or TF.js writes it. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { readKeras } from "@consilium/shared/model/keras";
import { modelSpecOf } from "@consilium/shared/model/preset";
import { featureCount as inputCount, type ModelSpec } from "@consilium/shared/model/spec";
import { kerasNames } from "@consilium/shared/model/weightNames";
import { readWeights, type Weights } from "@consilium/shared/model/weights";
import { applyScales, featureScales } from "@consilium/shared/normalisation/columnScales";
import { RELEASE_PATHS } from "@consilium/shared/release/manifest";
import { modelForSite, readModelFile } from "@consilium/shared/release/model";
import { StudyDocument } from "@consilium/shared/study/document";
import { encodeValue, featureLayout } from "@consilium/shared/study/features";
import { onnxModel } from "./onnxModel.ts";
import { type Encoding, fileName, numbersAsTheyStand, unusable, unusableCell } from "./recordTable.ts";

export interface ForeignModel {
  readonly name: string;
  readonly classes: number;
  /** Probabilities that it gives: [records, classes], row by row. */
  answer(features: Float32Array, records: number): Promise<Float32Array>;
  /** How the columns of a table become its features; `columns` are those of the members' file. */
  encodingOf(columns: readonly string[], label: string | undefined): Encoding;
  /** What is done to all features at last, in place. */
  scale(features: Float32Array): void;
}

export interface ModelFiles {
  /** A release's folder, a Keras or TF.js `model.json`, or an ONNX file. */
  readonly model: string;
  /** Safetensors with the numbers of a `model.json`. */
  readonly weights?: string | undefined;
  /** Of a `model.json`, whose last layer may leave it open, or of an ONNX file. */
  readonly classes?: number | undefined;
  /** Of a release whose sites have a last layer each: whose; else the consortium's. */
  readonly site?: string | undefined;
}

export async function openForeignModel({ model, weights, classes, site }: ModelFiles): Promise<ForeignModel> {
  if (isFolder(model)) return releasedModel(model, site);
  if (site !== undefined)
    throw new Failure({
      code: "audit/no-head",
      kind: "usage",
      what: `${model} is no release's folder, and other models have no site's last layer.`,
      remedy: "Leave --site out, or name a release's folder.",
    });
  if (/\.onnx$/i.test(model)) return onnxModel(model, bytesOf(model), classes ?? 2);
  if (weights === undefined)
    throw new Failure({
      code: "audit/weights-missing",
      kind: "usage",
      what: `${model} is no release's folder, and no weights are named.`,
      remedy: "Name a release's folder, an ONNX file, or a Keras or TF.js model.json with --weights FILE.safetensors.",
    });
  return kerasModel(model, weights, classes);
}

/** As it predicts: its study's contract, public ranges and scales. Whether it verifies is `consilium verify`'s. */
async function releasedModel(folder: string, site: string | undefined): Promise<ForeignModel> {
  const parsed = StudyDocument.safeParse(jsonIn(join(folder, RELEASE_PATHS.study)));
  if (!parsed.success) throw unusable(join(folder, RELEASE_PATHS.study), "is no study", "Get the release again.");
  const document = parsed.data;
  const released = readModelFile(document, bytesOf(join(folder, RELEASE_PATHS.model)));
  const { spec, scales, ...weights } = site === undefined ? released : modelForSite(document, released, site);
  const layout = featureLayout(document.data);
  return {
    name: document.name,
    ...(await answering(spec, weights)),
    encodingOf: (_columns, label = document.data.label.name) => ({
      width: layout.featureCount,
      label,
      classes: document.data.label.values,
      encode: (row, out) => {
        for (const slot of layout.slots) {
          const text = row[slot.column.name];
          const fault = encodeValue(slot, text === "" ? null : text, out, slot.offset);
          if (fault !== null) throw unusableCell(slot.column.name, fault);
        }
      },
    }),
    scale: (features) => applyScales(features, layout.featureCount, featureScales(document, scales)),
  };
}

/** Takes numbers as they stand: whatever its authors did to them before, whoever audits does too. */
async function kerasModel(path: string, weightsPath: string, classes: number | undefined): Promise<ForeignModel> {
  const { input, layers, outputs, naming } = readKeras(new TextDecoder().decode(bytesOf(path)), { hasWeights: true });
  const choice = { preset: "keras", input, layers } as const;
  const spec = modelSpecOf(choice, 0, classes ?? Math.max(2, outputs));
  const weights = readWeights(spec, bytesOf(weightsPath), { names: kerasNames(naming), fresh: [], seed: 0 });
  const width = inputCount(spec);
  return {
    name: fileName(path),
    ...(await answering(spec, weights)),
    encodingOf: (columns, label) => {
      const encoding = numbersAsTheyStand(columns, label);
      if (encoding.width === width) return encoding;
      throw unusable(
        "The members' file",
        `has ${encoding.width} columns beside ${encoding.label}, and the model takes ${width} numbers`,
        "Give each of the model's inputs a column, in its order, and name the label: --label COLUMN.",
      );
    },
    scale: () => undefined,
  };
}

/** What a network of this project's layers answers, on whatever backend there is. */
async function answering(spec: ModelSpec, weights: Weights): Promise<Pick<ForeignModel, "classes" | "answer">> {
  const { classesOf, predict } = await import("@consilium/engine/predict");
  return {
    classes: classesOf(spec),
    answer: async (features) => {
      const { startBackend } = await import("@consilium/engine/backend");
      await startBackend();
      return predict(spec, weights, features);
    },
  };
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function bytesOf(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch {
    throw unusable(path, "is not there or can't be read", "Name a file that this account may read.");
  }
}

function jsonIn(path: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytesOf(path)));
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw unusable(path, "is no JSON", "Get the release again.");
  }
}
