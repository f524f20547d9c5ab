import { describe, expect, test } from "vitest";
import { layerGraph } from "../graph.ts";
import { frozenSlots, type ModelSpec, parameterCount, parameterSlots, sizeOf } from "../spec.ts";
import { acganDiscriminator } from "./acganDiscriminator.ts";
import { cnn } from "./cnn.ts";
import { efficientnetLite0 } from "./efficientnetLite0.ts";
import { resnet18 } from "./resnet18.ts";
import { resnet20 } from "./resnet20.ts";
import { seriesCnn } from "./seriesCnn.ts";
import { squeezenet } from "./squeezenet.ts";

const PUBLISHED: readonly { name: string; spec: ModelSpec; count: number }[] = [
  // torchvision's documentation: 11,689,512; 1,235,496.
  {
    name: "ResNet-18 at 224",
    spec: resnet18({ input: [224, 224, 3], classes: 1000, norm: "group", trains: "full" }),
    count: 11_689_512,
  },
  {
    name: "SqueezeNet 1.1",
    spec: squeezenet({ input: [224, 224, 3], classes: 1000, trains: "full" }),
    count: 1_235_496,
  },
  // He et al. 2016, table 6: 0.27 M.
  {
    name: "ResNet-20",
    spec: resnet20({ input: [32, 32, 3], classes: 10, norm: "group", trains: "full" }),
    count: 269_722,
  },
  // Its authors' table: 4.7 M.
  {
    name: "EfficientNet-Lite0",
    spec: efficientnetLite0({ input: [224, 224, 3], classes: 1000, norm: "group", trains: "full" }),
    count: 4_652_008,
  },
  // Tramèr & Boneh 2021, table 9: 26 K.
  { name: "small CNN", spec: cnn([28, 28, 1], 10), count: 26_010 },
  // By hand from Wang, Yan & Oates 2017, §II-B: 1,152 + 164,096 + 98,432, norms 1,024, one logit 129.
  { name: "CNN for series", spec: seriesCnn([140, 1], 2), count: 264_833 },
  // By hand from the layers: 320 + 18,496 + 787,456 + 1,049,600 + 1,025 + 2,050.
  { name: "AC-GAN discriminator", spec: acganDiscriminator(2), count: 1_858_947 },
];

describe("[ENG15] parameters as published", () => {
  test.each(PUBLISHED)("$name: $count", ({ spec, count }) => {
    expect(parameterCount(spec)).toBe(count);
    expect(frozenSlots(spec)).toEqual([]);
  });
});

describe("what of a pretrained network trains", () => {
  const at = (trains: "head" | "last-block" | "full") =>
    resnet18({ input: [64, 64, 3], classes: 2, norm: "frozen-batch", trains });
  const trained = (spec: ModelSpec): string[] => [...new Set(parameterSlots(spec).map(({ name }) => blockOf(name)))];
  const blockOf = (name: string): string =>
    name
      .split("/")
      .slice(0, name.startsWith("layer") ? 2 : 1)
      .join("/");

  test("the head alone, the last block with it, or every convolution", () => {
    expect(trained(at("head"))).toEqual(["fc"]);
    expect(trained(at("last-block"))).toEqual(["layer4/1", "fc"]);
    expect(trained(at("full"))).toHaveLength(10);
  });

  test("folded batch normalisation stays frozen whatever trains, and nothing is lost", () => {
    for (const trains of ["head", "last-block", "full"] as const) {
      const spec = at(trains);
      const frozen = frozenSlots(spec).map(({ name }) => name);
      expect(frozen.filter((name) => /bn\d\/|downsample\/1/.test(name))).toHaveLength(40);
      // The 1,000 classes' head has 513,000 numbers, one logit's 513.
      expect(parameterCount(spec) + sizeOf(frozenSlots(spec))).toBe(11_689_512 - 513_000 + 513);
    }
  });
});

test.each([
  [224, [56, 56, 64]],
  [64, [16, 16, 64]],
  [32, [32, 32, 64]],
])("ResNet-18's first stage sees %i pixels as %j", (side, expected) => {
  const spec = resnet18({ input: [side, side, 1], classes: 3, norm: "group", trains: "full" });
  const first = layerGraph(spec).nodes.find(({ layer }) => layer.name === "layer1/0/relu2");
  expect(first?.output).toEqual(expected);
});

test("a network too large for its input is refused", () => {
  expect(() => cnn([6, 6, 1], 2)).toThrow(/larger than/);
});
