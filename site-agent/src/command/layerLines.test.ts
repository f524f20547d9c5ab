import { ModelSpec } from "@consilium/shared/model/spec";
import { acganDiscriminator } from "@consilium/shared/model/zoo/acganDiscriminator";
import { resnet18 } from "@consilium/shared/model/zoo/resnet18";
import { expect, test } from "vitest";
import { layerLines } from "./layerLines.ts";

test("[ENG15] a pretrained network: what is frozen is said so, and how much of it is never sent", () => {
  const lines = layerLines(resnet18({ input: [64, 64, 3], classes: 2, norm: "frozen-batch", trains: "head" }), 3);
  expect(lines[0]).toBe("conv1: conv 70 × 70 × 3 → 32 × 32 × 64, 9408 parameters; frozen: nothing to clip");
  expect(lines[1]).toBe(
    "bn1: batch norm, its statistics fixed 32 × 32 × 64 → 32 × 32 × 64, 128 parameters; frozen: nothing to clip",
  );
  expect(lines.at(-2)).toMatch(/^fc: dense 512 → 1, 513 parameters; norm from .*, crossed over the patient's records$/);
  expect(lines.at(-1)).toBe("trained: 513 parameters; frozen, so never sent: 11176512");
});

test("[ENG15] two heads and group norms are told by name", () => {
  expect(layerLines(acganDiscriminator(2), 1).at(-1)).toMatch(/^loss: real or made, plus which class/);
  const grouped = layerLines(resnet18({ input: [64, 64, 3], classes: 3, norm: "group", trains: "full" }), 1);
  expect(grouped[1]).toBe(
    "bn1: norm in 32 groups 32 × 32 × 64 → 32 × 32 × 64, 128 parameters; norm from each record's own gradient",
  );
});

test("[ENG17] shared parameters are clipped over all of their uses", () => {
  const spec = ModelSpec.parse({
    input: [4, 6],
    layers: [
      { kind: "dense", name: "a", outputs: 6, activation: "tanh" },
      { kind: "dense", name: "again", outputs: 6, activation: "tanh", sharedWith: "a" },
      { kind: "norm", name: "normed", groups: 1, over: "channels" },
      { kind: "pool", name: "flat", operation: "max", window: "global" },
      { kind: "dense", name: "out", outputs: 1, activation: "linear" },
    ],
    loss: { kind: "sigmoid-cross-entropy" },
  });
  const lines = layerLines(spec, 1);
  expect(lines[1]).toBe("again: dense 4 × 6 → 4 × 6, parameters of a; norm over all of their uses");
  expect(lines[2]).toContain("normed: norm at each position 4 × 6");
});
