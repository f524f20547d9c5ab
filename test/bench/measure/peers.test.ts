import { parameterCount } from "@consilium/shared/model/spec";
import { describe, expect, test } from "vitest";
import { ENGINE_PLANS } from "./enginePlans.ts";
import { labelsOf } from "./engineSteps.ts";
import { perceptron, VALUES } from "./growthPlans.ts";
import { findPeers, layerParameters, PYTHON_VARIABLE } from "./peers.ts";

describe("a Python with PyTorch", () => {
  test("that was named and lacks it is refused", () => {
    const lines: string[] = [];
    expect(() => findPeers({ [PYTHON_VARIABLE]: "/no/such/python" }, (line) => lines.push(line))).toThrow(
      expect.objectContaining({ kind: "config", message: expect.stringContaining("/no/such/python can't be started") }),
    );
    expect(lines).toEqual([]);
  });
});

describe("the models that are timed", () => {
  test("have the sizes that others' figures are of", () => {
    const sizes = ENGINE_PLANS.map(({ name, spec }) => [name.split(",")[0], layerParameters(spec())]);
    expect(Object.fromEntries(sizes)).toMatchObject({
      // Weights and biases of DeepType, without its centroids.
      "DeepType 20": 20_000 * 1024 + 1024 + 1024 * 512 + 512 + 512 * 6 + 6,
      // torchvision's resnet18 with 10 classes; group normalisation has as many parameters as batch normalisation.
      "ResNet-18 with group normalisation": 11_181_642,
      "small CNN 28×28": 26_010,
      "AC-GAN discriminator": 1_858_947,
    });
  });

  test("grow with width and depth", () => {
    const widths = VALUES.width.map((width) => parameterCount(perceptron({ batch: 1, width, depth: 2 })));
    expect(widths).toEqual([...widths].sort((a, b) => a - b));
    expect(widths[0]).toBe(1000 * 128 + 128 + 128 * 128 + 128 + 128 * 10 + 10);
    expect(perceptron({ batch: 1, width: 8, depth: 16 }).layers).toHaveLength(17);
  });

  test("see all classes; a discriminator sees real and made records in turn", () => {
    expect([...labelsOf({ kind: "sigmoid-cross-entropy" }, 4)]).toEqual([0, 1, 0, 1]);
    expect([...labelsOf({ kind: "softmax-cross-entropy", classes: 3 }, 4)]).toEqual([0, 1, 2, 0]);
    expect([...labelsOf({ kind: "acgan", classes: 2 }, 5)]).toEqual([0, 2, 1, 3, 0]);
  });
});
