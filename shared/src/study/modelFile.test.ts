import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parameterCount } from "../model/spec.ts";
import { StudyDocument } from "./document.ts";
import { modelSpecOfStudy } from "./network.ts";
import { InvalidStudy, type ResolvedStudy, resolveStudy } from "./resolve.ts";

const HEART = new URL("../../studies/heart/", import.meta.url);
const heart = readFileSync(new URL("study.yaml", HEART), "utf8");
const schema = readFileSync(new URL("schema.yaml", HEART), "utf8");
const MODEL = /^model: .*$/m;

/** The heart study with 36 numbers for columns, 3 × 12 of them. */
function resolve(model: string, files: Readonly<Record<string, string>> = {}): ResolvedStudy {
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
  });
}

function faults(model: string, files: Readonly<Record<string, string>> = {}): readonly string[] {
  try {
    resolve(model, files);
    return [];
  } catch (error) {
    if (!(error instanceof InvalidStudy)) throw error;
    return error.findings.map(({ path, message, remedy }) => `${path}: ${message}. ${remedy}`);
  }
}

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
      "model.weights: a start from pretrained weights is not",
    ],
    [
      "{ preset: squeezenet, input: [6, 6, 1], trains: head }",
      {},
      "model.trains: a network of which a part stays frozen",
    ],
    ["{ preset: keras, file: ../model.json }", {}, 'model.file: "../model.json" can\'t be read.'],
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
      "out: frozen parameters don't reach the sites in this version",
    ]);
  });
});
