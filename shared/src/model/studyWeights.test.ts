import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { digestOf } from "../encoding/digest.ts";
import { initialParameters } from "./initial.ts";
import { frozenSlots, ModelSpec, parameterCount, parameterSlots } from "./spec.ts";
import { openStudyWeights, type StudyWeights, studyWeights, weightsBytes } from "./studyWeights.ts";
import { TORCHVISION_SQUEEZENET_NAMES } from "./weightNames.ts";
import { squeezenet } from "./zoo/squeezenet.ts";

const SEED = 5;
const spec = ModelSpec.parse({
  input: [3],
  layers: [
    { kind: "dense", name: "trunk", outputs: 2, activation: "tanh", frozen: true },
    { kind: "dense", name: "head", outputs: 1, activation: "linear" },
  ],
  loss: { kind: "sigmoid-cross-entropy" },
});
const source = { file: "trunk.safetensors", digest: digestOf("trunk") };
const frozen = Float32Array.from({ length: 8 }, (_, i) => i / 10);
const weights = { parameters: initialParameters(spec, SEED), frozen };
const { named, bytes } = studyWeights(weights, { source, fresh: ["head"] });

/** What a document would name, were these its bytes. */
function renamed(parameters: Float32Array, others: Float32Array, fresh: string[] = []): [StudyWeights, Uint8Array] {
  const made = studyWeights({ parameters, frozen: others }, { source, fresh });
  return [made.named, made.bytes];
}

describe("[STU39] a study's weights file is what its document names, or it is refused", () => {
  test("trained numbers first, then frozen ones, little-endian, nothing else", () => {
    expect(bytes).toHaveLength(4 * (3 + 8));
    expect(new DataView(bytes.buffer).getFloat32(4 * (3 + 7), true)).toBe(Math.fround(0.7));
    expect(named).toMatchObject({ digest: digestOf(bytes), bytes: weightsBytes(spec) });
    expect(openStudyWeights(spec, named, SEED, bytes)).toEqual(weights);
  });

  test("what is opened is a copy: training on it leaves the bytes as they are", () => {
    const opened = openStudyWeights(spec, named, SEED, bytes);
    opened.parameters.fill(9);
    opened.frozen.fill(9);
    expect(digestOf(bytes)).toBe(named.digest);
  });

  test("one altered bit anywhere, one byte more or less", () => {
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
        const altered = bytes.slice();
        altered[at] = (altered[at] ?? 0) ^ (1 << bit);
        expect(() => openStudyWeights(spec, named, SEED, altered)).toThrow("bytes are not those");
      }),
    );
    expect(() => openStudyWeights(spec, named, SEED, bytes.subarray(1))).toThrow("bytes are not those");
    expect(() => openStudyWeights(spec, named, SEED, new Uint8Array([...bytes, 0]))).toThrow("bytes are not those");
  });

  test.each([
    ["a part's digest that is another's", { ...named, initial: named.frozen }, "its trained part"],
    ["a frozen part that is another's", { ...named, frozen: named.initial }, "its frozen part"],
  ])("%s", (_, lie, why) => {
    expect(() => openStudyWeights(spec, lie, SEED, bytes)).toThrow(why);
  });

  test("a file of another network's size, whatever its digest", () => {
    const [other, otherBytes] = renamed(new Float32Array(parameterCount(spec)), new Float32Array(9));
    expect(() => openStudyWeights(spec, other, SEED, otherBytes)).toThrow("not of the network's size");
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("%s, by the name of what holds it", (number) => {
    const bad = frozen.slice();
    bad[7] = number;
    const [other, otherBytes] = renamed(weights.parameters, bad);
    expect(() => openStudyWeights(spec, other, SEED, otherBytes)).toThrow("trunk/bias holds a number");
  });

  test("a head that claims to start from the seed and doesn't", () => {
    const learnt = weights.parameters.slice();
    learnt[0] = 0.25;
    const [claim, claimed] = renamed(learnt, frozen, ["head"]);
    expect(() => openStudyWeights(spec, claim, SEED, claimed)).toThrow("head/kernel does not start from");
    const [plain, same] = renamed(learnt, frozen);
    expect(openStudyWeights(spec, plain, SEED, same).parameters).toEqual(learnt);
    expect(() => openStudyWeights(spec, named, SEED + 1, bytes)).toThrow("head/kernel does not start from");
  });
});

test("[ENG16] torchvision counts SqueezeNet's layers", () => {
  const model = squeezenet({ input: [64, 64, 3], classes: 2, trains: "head" });
  const layers = [...frozenSlots(model), ...parameterSlots(model)].map(({ name }) => name.replace(/\/[a-z]+$/, ""));
  const prefixes = [...new Set(layers)].map(TORCHVISION_SQUEEZENET_NAMES.prefix);
  expect(prefixes).toHaveLength(2 + 8 * 3);
  expect(prefixes).toEqual([
    "features.0.",
    ...[3, 4, 6, 7, 9, 10, 11, 12].flatMap((place) =>
      ["squeeze", "expand1x1", "expand3x3"].map((part) => `features.${place}.${part}.`),
    ),
    "classifier.1.",
  ]);
});
