import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { backboneFile } from "../../../test/support/pretrainedStudy.ts";
import { digestOf } from "../encoding/digest.ts";
import { initialParameters } from "../model/initial.ts";
import { parameterCount } from "../model/spec.ts";
import { openStudyWeights } from "../model/studyWeights.ts";
import { pytorchNames } from "../model/weightNames.ts";
import { readWeights } from "../model/weights.ts";
import { WEIGHTS_BYTES_MAX } from "../protocol/limits.ts";
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from "../release/safetensors.ts";
import { StudyDocument } from "./document.ts";
import { modelSpecOfStudy, weightsOfStudy } from "./network.ts";
import { InvalidStudy, type ResolvedStudy, resolveStudy } from "./resolve.ts";

const HEART = new URL("../../studies/heart/", import.meta.url);
const heart = readFileSync(new URL("study.yaml", HEART), "utf8");
const schema = readFileSync(new URL("schema.yaml", HEART), "utf8");
const MODEL = /^model: .*$/m;
const PRETRAINED = "{ preset: resnet20, input: [6, 6, 1], weights: mine/w.safetensors, trains: head }";
const backbone = backboneFile();

/** The heart study with 36 numbers for columns, 3 × 12 of them. */
function resolve(model: string, files: Readonly<Record<string, string>> = {}, weights?: Uint8Array): ResolvedStudy {
  const columns = Array.from({ length: 36 }, (_, i) => `  - { name: v${i}, type: number, min: 0, max: 1 }`).join("\n");
  const label = schema.split("\n").find((line) => line.includes("name: label"));
  const wide = `apiVersion: consilium/v1\nkind: Schema\ncolumns:\n${columns}\n${label}\n`;
  return resolveStudy({
    file: "study.yaml",
    text: heart.replace(MODEL, `model: ${model}`),
    readReference: (path) => {
      const text = path.endsWith("schema.yaml") ? wide : files[path];
      if (text === undefined) throw new Error("no such file");
      return text;
    },
    readBytes: () => {
      if (weights === undefined) throw new Error("no such file");
      return weights;
    },
  });
}

function faults(model: string, files: Readonly<Record<string, string>> = {}, weights?: Uint8Array): readonly string[] {
  try {
    resolve(model, files, weights);
    return [];
  } catch (error) {
    if (!(error instanceof InvalidStudy)) throw error;
    return error.findings.map(({ path, message, remedy }) => `${path}: ${message}. ${remedy}`);
  }
}

/** The backbone's file with one tensor as somebody else wrote it. */
function changed(name: string, change: (tensor: NamedTensor) => NamedTensor): Uint8Array {
  const { tensors, metadata } = decodeSafetensors(backbone);
  return encodeSafetensors({ tensors: tensors.map((own) => (own.name === name ? change(own) : own)), metadata });
}

const withNaN = (tensor: NamedTensor): NamedTensor => {
  return { ...tensor, values: tensor.values.map((value, i) => (i === 3 ? Number.NaN : value)) };
};

const kerasFile = (...layers: unknown[]): string => JSON.stringify({ class_name: "Sequential", config: { layers } });
const INPUT = { class_name: "InputLayer", config: { name: "in", batch_shape: [null, null, 4] } };
const POOL = { class_name: "GlobalAveragePooling1D", config: { name: "pool" } };
const dense = (units: number): unknown => ({
  class_name: "Dense",
  config: { name: "out", units, activation: "sigmoid" },
});

describe("[STU38] the networks of the zoo as a study names them", () => {
  test.each([
    ["{ preset: acgan-discriminator }", 1_858_947],
    ["{ preset: cnn-series, input: [12, 3] }", 128 * 8 * 3 + 128 + 256 + 164_096 + 512 + 98_432 + 256 + 129],
    ["{ preset: resnet18, input: [6, 6, 1] }", 11_168_832 - 3 * 9 * 64 + 9 * 64 + 513],
    ["{ preset: resnet20, input: [2, 6, 3], trains: full }", 269_722 - 650 + 65],
  ])("%s", (model, count) => {
    const { document } = resolve(model);
    expect(parameterCount(modelSpecOfStudy(document))).toBe(count);
    expect(modelSpecOfStudy(StudyDocument.parse(JSON.parse(JSON.stringify(document))))).toEqual(
      modelSpecOfStudy(document),
    );
  });

  test("the document of a brought model holds its layers, so that every site sees what it approves", () => {
    const model = "{ preset: keras, file: ./mine/model.json, input: [9, 4] }";
    const { document, digest } = resolve(model, { "./mine/model.json": kerasFile(INPUT, POOL, dense(1)) });
    expect(document.model).toMatchObject({
      preset: "keras",
      input: [9, 4],
      layers: [{ kind: "pool" }, { name: "out" }],
    });
    expect(parameterCount(modelSpecOfStudy(document))).toBe(5);
    const hidden = { class_name: "Dense", config: { name: "hidden", units: 2, activation: "tanh" } };
    const other = resolve(model, { "./mine/model.json": kerasFile(INPUT, POOL, hidden, dense(1)) });
    expect(other.digest).not.toBe(digest);
  });
});

describe("[STU38] refusals at their place in the file", () => {
  const brought = "{ preset: keras, file: model.json, input: [9, 4] }";
  test.each([
    ["{ preset: cnn, input: [3, 12, 2] }", {}, "model.input: [3, 12, 2] takes 72 numbers, and the columns give 36."],
    ["{ preset: cnn, input: [3, 12, 1] }", {}, "model: makes no network: conv2: its kernel is larger than [1,5,16]."],
    [
      "{ preset: resnet18, input: [6, 6, 1], weights: w.safetensors }",
      {},
      'model.weights: "w.safetensors" can\'t be read: ',
    ],
    [
      "{ preset: squeezenet, input: [6, 6, 1], trains: head }",
      {},
      "model.trains: head: what is not trained needs weights",
    ],
    ["{ preset: keras, file: ../model.json }", {}, 'model.file: "../model.json" can\'t be read: it leads out of'],
    [
      "{ preset: keras, file: model.json }",
      { "model.json": kerasFile(INPUT, POOL, dense(1)) },
      "leaves lengths of its input open",
    ],
    [
      brought,
      { "model.json": kerasFile(INPUT, { class_name: "BatchNormalization", config: { name: "bn" } }, POOL, dense(1)) },
      "model.file: BatchNormalization 'bn': in training mode",
    ],
    [
      brought,
      { "model.json": kerasFile(INPUT, POOL, { ...Object(dense(3)), config: { name: "out", units: 3 } }) },
      "the loss takes [2] logits, not [3]",
    ],
    [brought.replace("file: model.json", "file: model.json, wieghts: x"), {}, "model.wieghts: is not a key known here"],
  ])("%s", (model, files, expected) => {
    expect(faults(model, files).join("\n")).toContain(expected);
  });

  test("a model that takes indices, however its document was made", () => {
    const { document } = resolve("{ preset: acgan-discriminator }");
    const embedding = { kind: "embedding", name: "codes", vocabulary: 5, width: 2 };
    const pool = { kind: "pool", name: "flat", operation: "average", window: "global" };
    const out = { kind: "dense", name: "out", outputs: 1, activation: "linear", frozen: true };
    const model = { preset: "keras", input: [36], layers: [embedding, pool, out] };
    const parsed = StudyDocument.safeParse({ ...document, model });
    expect(parsed.error?.issues.map(({ message }) => message)).toEqual([
      "codes: an embedding takes indices, and columns are scaled to [−1, 1]",
      "out/kernel: is frozen, and no weights are given",
    ]);
    const still = StudyDocument.safeParse({ ...document, model: { ...model, layers: [out] } });
    expect(still.error?.issues.map(({ message }) => message)).toEqual(["trains nothing: every layer is frozen"]);
  });

  test("[STU39] weights that are not the network's, however the document was made", () => {
    const { document } = resolve(PRETRAINED, {}, backbone);
    const { model } = document;
    if (model.preset !== "resnet20" || model.weights === undefined) throw new Error("it has weights");
    const faultsOf = (changes: object) =>
      StudyDocument.safeParse({ ...document, model: { ...model, ...changes } }).error?.issues.map(
        ({ path, message }) => `${path.join(".")}: ${message}`,
      );
    const { bytes } = model.weights;
    expect(faultsOf({})).toBeUndefined();
    expect(faultsOf({ weights: undefined })).toEqual([
      "model.trains: says what is trained of pretrained weights, and there are none",
    ]);
    expect(faultsOf({ trains: undefined })).toEqual([
      "model.trains: must say what is trained of the pretrained weights",
    ]);
    expect(faultsOf({ weights: { ...model.weights, bytes: bytes + 4 } })).toEqual([
      `model.weights.bytes: must be ${bytes}, the network's size (got ${bytes + 4})`,
    ]);
    expect(faultsOf({ weights: { ...model.weights, fresh: ["fc"] } })).toEqual([
      "model.weights.fresh: names fc, which is no layer",
    ]);
    expect(faultsOf({ weights: { ...model.weights, bytes: WEIGHTS_BYTES_MAX + 4 } })?.[0]).toContain("Too big");
    const named = { ...model.weights, source: { ...model.weights.source, file: "a\u001b[31m" } };
    expect(faultsOf({ weights: named })).toEqual(["model.weights.source.file: a file's name"]);
    const layers = [
      { kind: "dense", name: "a", outputs: 2, activation: "tanh", frozen: true },
      { kind: "dense", name: "b", outputs: 1, activation: "linear" },
    ];
    expect(
      StudyDocument.safeParse({ ...document, model: { preset: "keras", input: [36], layers } }).error?.issues,
    ).toMatchObject([{ message: "a/kernel: is frozen, and no weights are given" }]);
  });
});

describe("[STU39] pretrained weights become one file that the document names", () => {
  test("a head for other classes starts from the seed, all else is the file's; another file is another study", () => {
    const { document, digest, weights } = resolve(PRETRAINED, {}, backbone);
    const named = weightsOfStudy(document);
    if (named === undefined || weights === null) throw new Error("it has weights");
    expect(document.model).toMatchObject({ preset: "resnet20", trains: "head" });
    expect(named.source).toEqual({ file: "w.safetensors", digest: digestOf(backbone) });
    expect(named.fresh).toEqual(["linear"]);
    const spec = modelSpecOfStudy(document);
    const { initialSeed } = document.training;
    const { parameters, frozen } = openStudyWeights(spec, named, initialSeed, weights);
    expect(parameters).toEqual(initialParameters(spec, initialSeed));
    const read = readWeights(spec, backbone, { names: pytorchNames(), fresh: ["linear"], seed: initialSeed });
    expect(frozen).toEqual(read.frozen);
    expect(StudyDocument.parse(JSON.parse(JSON.stringify(document)))).toEqual(document);
    expect(resolve(PRETRAINED, {}, backbone).digest).toBe(digest);
    const whole = resolve(PRETRAINED.replace(", trains: head", ""), {}, backbone);
    expect(whole.document.model).toMatchObject({ trains: "full" });
    expect(whole.digest).not.toBe(digest);
    expect(parameterCount(modelSpecOfStudy(whole.document))).toBeGreaterThan(200_000);
  });

  test("a head that was learnt for as many classes is kept", () => {
    const kept = backboneFile(1);
    const named = weightsOfStudy(resolve(PRETRAINED, {}, kept).document);
    expect(named?.fresh).toEqual([]);
  });

  test.each([
    ["a network of other channels", PRETRAINED.replace("[6, 6, 1]", "[3, 4, 3]"), backbone, "conv1/kernel [3,3,3,16]"],
    ["another network", PRETRAINED.replace("resnet20", "resnet18"), backbone, "conv1/kernel [3,3,1,64] takes"],
    ["a file that is none", PRETRAINED, new Uint8Array(20), "can't be read as safetensors"],
    [
      "a batch norm of negative variance",
      PRETRAINED,
      backboneFile(10, -1),
      "w.safetensors: The weights are not this network's. Tensor bn1.running_var holds -1 at index 0, and a variance is never",
    ],
    [
      "a file that ends too soon",
      PRETRAINED,
      backbone.subarray(0, -7),
      "the file ends too soon, 7 bytes before the end of",
    ],
    [
      "a head that is transposed, and not for other classes",
      PRETRAINED,
      changed("linear.weight", ({ shape, ...tensor }) => ({ ...tensor, shape: [...shape].reverse() })),
      "Tensor linear.weight is [64,10]: transposed, for its inputs stand",
    ],
    [
      "a head of other inputs",
      PRETRAINED,
      changed("linear.weight", (tensor) => ({ ...tensor, shape: [20, 32] })),
      "Tensor linear.weight is [20,32], and linear/kernel [64,1] takes [1,64]",
    ],
    [
      "a number that is not finite in a tensor that is used",
      PRETRAINED,
      changed("layer1.0.conv1.weight", withNaN),
      "Tensor layer1.0.conv1.weight of the weights holds a number that is not finite as float32, first NaN at index 3",
    ],
  ])("refuses %s, by name", (_, model, file, why) => {
    const found = faults(model, {}, file).join("\n");
    expect(found).toContain("model.weights: ");
    expect(found).toContain(why);
  });

  test("what isn't finite in a head that starts anew is no fault, and is told", () => {
    const { warnings, document } = resolve(PRETRAINED, {}, changed("linear.weight", withNaN));
    expect(warnings.map(({ path, message }) => `${path}: ${message}`)).toEqual([
      "model.weights: mine/w.safetensors: tensor linear.weight holds numbers that are not finite; it is left out, since " +
        "linear starts anew",
    ]);
    expect(weightsOfStudy(document)?.fresh).toEqual(["linear"]);
    expect(resolve(PRETRAINED, {}, backbone).warnings).toEqual([]);
  });

  test("a network that can't be is told as such, weights or none", () => {
    const found = faults("{ preset: squeezenet, input: [6, 6, 1], weights: w.safetensors }", {}, backbone);
    expect(found.join("\n")).toContain("model: makes no network");
  });

  test("of a brought model the layers that Keras froze, and its batch normalisation's statistics", () => {
    const layers = [
      { ...Object(INPUT), config: { name: "in", batch_shape: [null, 9, 4] } },
      { class_name: "BatchNormalization", config: { name: "bn", axis: 2, epsilon: 0.001 } },
      POOL,
      dense(1),
    ];
    const tensor = (name: string, size: number, value: number): NamedTensor => {
      return { name, shape: name === "out/kernel" ? [4, 1] : [size], values: new Float32Array(size).fill(value) };
    };
    const tensors = [
      ...[tensor("bn/gamma", 4, 2), tensor("bn/beta", 4, 1), tensor("bn/moving_mean", 4, 3)],
      ...[tensor("bn/moving_variance", 4, 0.999), tensor("out/kernel", 4, 5), tensor("out/bias", 1, 6)],
    ];
    const model = "{ preset: keras, file: model.json, weights: w.safetensors }";
    const files = { "model.json": kerasFile(...layers) };
    const { document, weights } = resolve(model, files, encodeSafetensors({ tensors, metadata: {} }));
    const named = weightsOfStudy(document);
    if (named === undefined || weights === null) throw new Error("it has weights");
    const { parameters, frozen } = openStudyWeights(modelSpecOfStudy(document), named, 0, weights);
    expect([...parameters]).toEqual([5, 5, 5, 5, 6]);
    expect([...frozen]).toEqual([2, 2, 2, 2, -5, -5, -5, -5]);
  });
});
