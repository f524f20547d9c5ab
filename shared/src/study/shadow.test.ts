import { describe, expect, test } from "vitest";
import { ShadowRule } from "../audit/shadowRule.ts";
import { referenceFaults } from "./referenceFaults.ts";
import { ReferenceRule } from "./references.ts";

const references = ReferenceRule.parse({ models: 2, rounds: 3, noiseMultiplier: 2 });
const shadow = ShadowRule.parse({ epsilon: { members: 1, nonMembers: 1 } });
const around = { data: { shares: { reference: 0.2 } }, privacy: { mechanism: "dp-sgd" } };

describe("[SHA4] shadows and the attacks that are learnt from them belong together", () => {
  test("with reference models they are a study", () => {
    expect(referenceFaults({ ...around, audit: { attacks: ["learned"], references, shadow } })).toEqual([]);
  });

  test.each([
    ["an attack without a shadow", { attacks: ["learned" as const], references }, "audit.shadow"],
    ["a shadow without its attacks", { attacks: ["relative-membership" as const], references, shadow }, "audit.shadow"],
    ["a shadow without reference models", { attacks: ["class-threshold" as const], shadow }, "audit.references"],
  ])("%s is refused", (_what, audit, place) => {
    expect(referenceFaults({ ...around, audit }).map(({ path }) => path.join("."))).toContain(place);
  });
});
