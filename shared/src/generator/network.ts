import { initialParameters } from "../model/initial.ts";
import type { LayerInput } from "../model/layer.ts";
import { INPUT } from "../model/layer.ts";
import { featureCount, ModelSpec } from "../model/spec.ts";
import type { GeneratorRule } from "./rule.ts";

/**
 * Generator and discriminator as one network: noise and class in, the discriminator's opinion out. Its parameters are
 * the generator's; the discriminator's are frozen, so that a backward pass gives the generator's gradient alone.
 */
export function jointSpec(rule: Pick<GeneratorRule, "latent" | "hidden">, discriminator: ModelSpec): ModelSpec {
  if (discriminator.loss.kind !== "acgan") throw new RangeError("a generator learns from an AC-GAN's discriminator");
  const hidden = rule.hidden.map((outputs, index): LayerInput => {
    return { kind: "dense", name: `generator/dense${index + 1}`, outputs, activation: "relu" };
  });
  return ModelSpec.parse({
    input: [rule.latent + discriminator.loss.classes],
    layers: [
      ...hidden,
      { kind: "dense", name: "generator/record", outputs: featureCount(discriminator), activation: "tanh" },
      { kind: "reshape", name: RECORD, shape: discriminator.input },
      ...discriminator.layers.map((layer, index) => frozen(layer, index === 0)),
    ],
    loss: discriminator.loss,
  });
}

const RECORD = "made";

function frozen(layer: LayerInput, isFirst: boolean): LayerInput {
  const from = (layer.from ?? (isFirst ? [RECORD] : undefined))?.map((name) => (name === INPUT ? RECORD : name));
  const placed = from === undefined ? layer : { ...layer, from };
  return isParametrised(placed) ? { ...placed, frozen: true } : placed;
}

function isParametrised(layer: LayerInput): layer is Extract<LayerInput, { frozen?: true | undefined }> {
  return ["dense", "conv", "norm", "scale", "embedding", "recurrent"].includes(layer.kind);
}

/** A generator before its first step. */
export function initialGenerator(rule: GeneratorRule, discriminator: ModelSpec): Float32Array {
  return initialParameters(jointSpec(rule, discriminator), rule.seed);
}

/**
 * What a generator makes of noise and classes [records, latent + classes]: features [records, features], each in
 * [−1, 1]. In float64 and in one order of sums, so that another machine makes the same records of it.
 */
export function generate(
  { hidden }: Pick<GeneratorRule, "hidden">,
  features: number,
  parameters: Float32Array,
  input: Float32Array,
  records: number,
): Float32Array {
  let values = Float64Array.from(input);
  let offset = 0;
  for (const [index, outputs] of [...hidden, features].entries()) {
    const inputs = values.length / records;
    const next = new Float64Array(records * outputs);
    const bias = offset + inputs * outputs;
    for (let r = 0; r < records; r++) {
      for (let o = 0; o < outputs; o++) {
        let sum = parameters[bias + o] ?? Number.NaN;
        for (let i = 0; i < inputs; i++)
          sum += (values[r * inputs + i] ?? 0) * (parameters[offset + i * outputs + o] ?? 0);
        next[r * outputs + o] = index === hidden.length ? Math.tanh(sum) : Math.max(0, sum);
      }
    }
    offset = bias + outputs;
    values = next;
  }
  return Float32Array.from(values);
}
