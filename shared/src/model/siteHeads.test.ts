import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { modelSpecOf } from "./preset.ts";
import { headLayerOf, networkOfSite, numbersWithHeads, siteHeadsOf, withHeads } from "./siteHeads.ts";
import { type ModelSpec, parameterCount, parameterSlots } from "./spec.ts";

const SPECS: readonly [string, ModelSpec, string][] = [
  ["logistic", modelSpecOf({ preset: "logistic" }, 5, 2), "output"],
  ["mlp", modelSpecOf({ preset: "mlp", hidden: [4, 3], activation: "tanh" }, 5, 3), "output"],
  // Its centroids stand behind the last layer.
  ["deeptype", modelSpecOf({ preset: "deeptype", hidden: [6], clusters: 3, clusterWeight: 0.1 }, 5, 4), "output"],
  // Its last layers are a convolution and a pooling, which has no parameters.
  ["squeezenet", modelSpecOf({ preset: "squeezenet", input: [64, 64, 1] }, 64 * 64, 2), "conv10"],
];

describe("[HED3] a model with a head for each site", () => {
  test.each(SPECS)("of %s: the head is the last layer that has parameters, whole", (_, spec, layer) => {
    expect(headLayerOf(spec)).toBe(layer);
    const heads = siteHeadsOf(spec, 3);
    if (heads === undefined) throw new Error("it has a last layer");
    const inside = parameterSlots(spec).filter(
      ({ offset }) => offset >= heads.offset && offset < heads.offset + heads.size,
    );
    expect(inside.map(({ name }) => name)).toEqual([`${layer}/kernel`, `${layer}/bias`]);
    expect(numbersWithHeads(heads)).toBe(parameterCount(spec) + 3 * heads.size);
  });

  test("holds each site's network: the common body, and the numbers of its own head in their place", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 5 }), fc.nat(4), (sites, seed) => {
        const spec = modelSpecOf({ preset: "mlp", hidden: [4], activation: "relu" }, 3, 2);
        const heads = siteHeadsOf(spec, sites);
        if (heads === undefined) throw new Error("it has a last layer");
        const site = seed % sites;
        const own = Float32Array.from({ length: parameterCount(spec) }, (_, i) => i + 1);
        const all = withHeads(own, heads);
        expect(networkOfSite(all, heads, site)).toEqual(own);
        for (let i = 0; i < heads.size; i++) all[heads.network + site * heads.size + i] = -i;
        const changed = networkOfSite(all, heads, site);
        const slow = Float32Array.from(own, (value, i) =>
          i >= heads.offset && i < heads.offset + heads.size ? -(i - heads.offset) : value,
        );
        expect(changed).toEqual(slow);
        expect(networkOfSite(all, heads, (site + 1) % sites)).toEqual(own);
      }),
    );
  });
});
