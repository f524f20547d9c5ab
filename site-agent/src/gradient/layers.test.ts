import { publicUniform } from "@consilium/shared/model/initial";
import type { LayerInput } from "@consilium/shared/model/layer";
import { ModelSpec } from "@consilium/shared/model/spec";
import { acganDiscriminator } from "@consilium/shared/model/zoo/acganDiscriminator";
import { cnn } from "@consilium/shared/model/zoo/cnn";
import { resnet18 } from "@consilium/shared/model/zoo/resnet18";
import { resnet20 } from "@consilium/shared/model/zoo/resnet20";
import { squeezenet } from "@consilium/shared/model/zoo/squeezenet";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { BACKENDS, startExactly } from "./backends.test-support.ts";
import { all, CLASSES, KINDS, modelOf, network, patientsOf, ROUNDING, seed, sumOf } from "./layerCases.test-support.ts";
import { l2Norm, type OracleModel, oracleClippedSum } from "./oracle.test-support.ts";

describe.each(BACKENDS)("on %s", (backend) => {
  beforeAll(() => startExactly(backend));

  describe.each(Object.entries(KINDS))("%s", (_, cases) => {
    test("[ENG1] the clipped sum agrees with the slow oracle, one gradient a patient", () => {
      fc.assert(
        fc.property(cases, seed, fc.constantFrom(1, 3), ({ spec, isIndices }, start, recordsMax) => {
          const model = modelOf(spec, start);
          const patients = patientsOf(spec, start + 1, recordsMax, isIndices === true);
          // Records that cancel almost wholly are clipped a little more (`cancellationMax`): not at so wide a norm.
          for (const clippingNorm of [recordsMax === 1 ? 0.05 : 0.5, 1000]) {
            const expected = oracleClippedSum(model, patients, all(patients), clippingNorm);
            const sum = sumOf(model, patients, all(patients), clippingNorm);
            const apart = l2Norm(sum.map((value, i) => value - (expected[i] ?? 0)));
            // Norms are raised for what float32 pairs of positions can lose, the more the more of them cancel.
            expect(apart).toBeLessThan((clippingNorm === 1000 ? 2e-5 : 1e-3) * Math.max(l2Norm(expected), 1e-3));
          }
        }),
        { numRuns: 25 },
      );
    });

    test("[ENG2] one patient's part is never longer than C(1 + η), in float64", () => {
      fc.assert(
        fc.property(cases, seed, ({ spec, isIndices }, start) => {
          const model = modelOf(spec, start);
          const patients = patientsOf(spec, start + 1, 3, isIndices === true);
          const bound = 0.01 * (1 + ROUNDING);
          for (const patient of all(patients)) {
            expect(l2Norm(sumOf(model, patients, Int32Array.of(patient), 0.01))).toBeLessThanOrEqual(bound);
          }
        }),
        { numRuns: 10 },
      );
    });
  });

  /** Without dropout, whose masks are secret, and narrow: the oracle takes one number at a time. */
  function narrowed(spec: ModelSpec): ModelSpec {
    const layers = spec.layers.map((layer): LayerInput => {
      if (layer.kind === "dropout") return { kind: "activation", name: layer.name, activation: "linear" };
      return layer.kind === "dense" && layer.outputs > 100 ? { ...layer, outputs: 9 } : layer;
    });
    return ModelSpec.parse({ ...spec, layers });
  }

  const ZOO: readonly { name: string; spec: ModelSpec }[] = [
    {
      name: "convolutions over many positions",
      spec: network(
        [47, 46, 1],
        [
          { kind: "conv", name: "a", outputs: 2, kernel: [5, 3], stride: 2, activation: "tanh" },
          { kind: "conv", name: "b", outputs: 2, kernel: [3, 3], activation: "linear" },
        ],
      ),
    },
    { name: "small CNN", spec: cnn([14, 16, 1], CLASSES) },
    { name: "AC-GAN discriminator", spec: narrowed(acganDiscriminator(2)) },
    {
      name: "ResNet-18, GroupNorm",
      spec: resnet18({ input: [9, 8, 1], classes: CLASSES, norm: "group", trains: "full", width: 2 }),
    },
    {
      name: "ResNet-18, published stem, last block",
      spec: resnet18({ input: [64, 64, 1], classes: CLASSES, norm: "frozen-batch", trains: "last-block", width: 1 }),
    },
    {
      name: "ResNet-20, frozen BatchNorm, full",
      spec: resnet20({ input: [8, 8, 1], classes: CLASSES, norm: "frozen-batch", trains: "full", width: 2 }),
    },
    {
      name: "SqueezeNet",
      spec: narrowed(squeezenet({ input: [35, 35, 1], classes: CLASSES, trains: "full", narrowing: 16 })),
    },
  ];

  /**
   * The model with every parameter one float32 rounding off, up or down by chance: how far its gradient moves says what
   * a deep network makes of rounding. Processors with other vector units round otherwise, some by several times that.
   */
  function nudged(model: OracleModel, start: number): OracleModel {
    const next = publicUniform(start);
    return { ...model, parameters: model.parameters.map((value) => value * (1 + (next() < 0.5 ? -1 : 1) * 2 ** -23)) };
  }

  describe.each(ZOO)("$name", ({ spec }) => {
    test("[ENG1] the clipped sum agrees with the slow oracle, one gradient a patient", () => {
      const model = modelOf(spec, 11);
      const patients = patientsOf(spec, 12, 2, false);
      for (const clippingNorm of [0.5, 1000]) {
        const batch = Int32Array.of(0, 1, 2);
        const expected = oracleClippedSum(model, patients, batch, clippingNorm);
        const sum = sumOf(model, patients, batch, clippingNorm);
        const apart = l2Norm(sum.map((value, i) => value - (expected[i] ?? 0)));
        const nearby = oracleClippedSum(nudged(model, 13), patients, batch, clippingNorm);
        const conditioning = l2Norm(nearby.map((value, i) => value - (expected[i] ?? 0)));
        expect(l2Norm(expected)).toBeGreaterThan(0.01);
        // Raised norms make clipped gradients a little short, γ of a kernel's inputs and outputs; the rest is what
        // float32 does to such a model.
        expect(apart).toBeLessThan(4e-5 * l2Norm(expected) + 16 * conditioning);
      }
    });
  });
});
