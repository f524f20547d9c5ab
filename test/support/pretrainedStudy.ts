/** A study of made-up scans whose ResNet-20 comes pretrained: its files as their owners would write them. */
import { publicUniform } from "@consilium/shared/model/initial";
import { frozenSlots, type ParameterSlot, parameterSlots } from "@consilium/shared/model/spec";
import { resnet20 } from "@consilium/shared/model/zoo/resnet20";
import { encodeSafetensors, type NamedTensor } from "@consilium/shared/release/safetensors";

const SIDE = 8;
export const PIXELS = SIDE * SIDE;
const LEARNT_CLASSES = 10;

/** A PyTorch state dictionary of a ResNet-20, for other classes than the study's unless it ends in one logit. */
export function backboneFile(logits = LEARNT_CLASSES, variance = 1): Uint8Array {
  const classes = logits === 1 ? 2 : logits;
  const spec = resnet20({ input: [SIDE, SIDE, 1], classes, norm: "frozen-batch", trains: "head" });
  const next = publicUniform(99);
  const slots = [...frozenSlots(spec), ...parameterSlots(spec)];
  const tensors = slots.flatMap((slot) => pytorchTensors(slot, variance, next));
  return encodeSafetensors({ tensors, metadata: { format: "pt" } });
}

function pytorchTensors({ name, shape, size }: ParameterSlot, variance: number, next: () => number): NamedTensor[] {
  const [layer = "", part = ""] = split(name);
  const of = (suffix: string, dims: readonly number[], value: () => number): NamedTensor => {
    return { name: `${layer}.${suffix}`, shape: dims, values: Float32Array.from({ length: volume(dims) }, value) };
  };
  if (part === "kernel") {
    const [inputs = 1, outputs = 1] = shape.slice(-2);
    const limit = Math.sqrt((6 * outputs) / size);
    return [of("weight", [outputs, inputs, ...shape.slice(0, -2)], () => (2 * next() - 1) * limit)];
  }
  if (part === "bias") return [of("bias", shape, () => 0)];
  if (part === "scale") return [of("weight", shape, () => 1), of("running_var", shape, () => variance)];
  return [of("bias", shape, () => 0), of("running_mean", shape, () => 0)];
}

function split(slot: string): string[] {
  const at = slot.lastIndexOf("/");
  return [slot.slice(0, at).replaceAll("/", "."), slot.slice(at + 1)];
}

function volume(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** A hospital's scans: noise, and in those of class 1 a brighter half. */
export function scansCsv(seed: number, patients: number): string {
  const next = publicUniform(seed);
  const columns = Array.from({ length: PIXELS }, (_, i) => `p${i}`);
  const rows = Array.from({ length: patients }, (_, row) => {
    const label = row % 2;
    const pixels = columns.map((_, i) => (0.6 * next() + (label === 1 && i < PIXELS / 2 ? 0.4 : 0)).toFixed(3));
    return [...pixels, label].join(",");
  });
  return `${[[...columns, "label"].join(","), ...rows].join("\n")}\n`;
}

/** The study file; `trainPatients` is what its sites state publicly. */
export function scansStudy(options: {
  readonly name: string;
  readonly sites: readonly string[];
  readonly trainPatients: number;
  readonly rounds: number;
  readonly weights: string;
}): string {
  const { name, sites, trainPatients, rounds, weights } = options;
  const columns = Array.from({ length: PIXELS }, (_, i) => `    - { name: p${i}, type: number, min: 0, max: 1 }`);
  return `apiVersion: consilium/v1
kind: Study
name: ${name}
purpose: Tell bright scans from dark ones
data:
  columns:
${columns.join("\n")}
  label: { name: label, values: [0, 1] }
model: { preset: resnet20, input: [${SIDE}, ${SIDE}, 1], weights: ${weights}, trains: head }
privacy: { epsilon: 20, delta: 1.0e-4, clippingNorm: 1, noiseMultiplier: 2, samplingRate: 0.2 }
training:
  rounds: ${rounds}
  answerAfter: 1s
  deadline: 30s
  minSites: ${sites.length}
  optimizer: { name: sgd, learningRate: 0.5 }
  initialSeed: 7
evaluation: { every: ${rounds} rounds, metrics: [auc], epsilon: 1 }
audit:
  attacks: [loss]
  epsilon: { members: 1, nonMembers: 1 }
  bins: 10
  gates: { maxAttackAucUpper: 1 }
sites:
${sites.map((site) => `  - { name: ${site}, patients: ${trainPatients} }`).join("\n")}
`;
}
