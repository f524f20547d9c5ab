import type { ModelChoice } from "@consilium/shared/model/choice";
import { modelSpecOf } from "@consilium/shared/model/preset";
import { ModelSpec } from "@consilium/shared/model/spec";
import type { StepKind } from "./engineSteps.ts";
import type { PeerKind } from "./peers.ts";
import type { Repeats } from "./repeats.ts";

/** What the private step on libtensorflow's CPU engine is to reach, noise included. */
export interface Aim {
  /** Times PyTorch's step without privacy in the same run. */
  readonly timesPytorch?: number;
  readonly timesPytorchStretch?: number;
  /** For a machine like the one it was set on (two cores), and where PyTorch is missing. */
  readonly ms?: number;
  readonly peakRssMiB?: number;
}

export interface EnginePlan {
  readonly name: string;
  readonly spec: () => ModelSpec;
  readonly batch: number;
  readonly aim: Aim | null;
  readonly kinds: readonly StepKind[];
  readonly repeats: Repeats;
  /** On WebAssembly: how often, or why not. */
  readonly wasm: Repeats | string;
  readonly peers: readonly PeerKind[];
}

/** Private steps over which memory must not grow. */
export const STEADY = { name: "convolution 8×8", batch: 32, steps: 1000, every: 100 } as const;

const WHOLE = "private, noise made alongside";
const ALL = ["non-private", "private, noise ready", WHOLE] as const;
const WITHOUT_AND_WITH = ["non-private", WHOLE] as const;
const PEERS = ["non-private", "opacus", "opacus-ghost"] as const;
const CLASSES = 10;

const quick: Repeats = { warmUp: 3, least: 20, most: 200, seconds: 2 };
const medium: Repeats = { warmUp: 2, least: 5, most: 15, seconds: 4 };
const slow: Repeats = { warmUp: 1, least: 3, most: 7, seconds: 8 };
/** Opacus' steps take up to ten seconds each. */
export const OPACUS_REPEATS: Repeats = { warmUp: 1, least: 2, most: 15, seconds: 4 };
/** For what takes most of a minute: the first step takes no longer than the second by more than a few percent. */
const once: Repeats = { warmUp: 0, least: 1, most: 3, seconds: 5 };

export function deeptype(): ModelSpec {
  return modelSpecOf({ preset: "deeptype", hidden: [1024, 512], clusters: 6, clusterWeight: 0.1 }, 20_000, 6);
}

/** Small enough for a thousand steps, with a layer of each kind that keeps tensors of its own. */
export function steadyModel(): ModelSpec {
  return ModelSpec.parse({
    input: [8, 8, 1],
    layers: [
      { kind: "conv", name: "conv", outputs: 8, kernel: [3, 3], activation: "linear" },
      { kind: "norm", name: "norm", groups: 4 },
      { kind: "activation", name: "rectified", activation: "relu" },
      { kind: "pool", name: "pool", operation: "max", window: [2, 2] },
      { kind: "reshape", name: "flat", shape: [128] },
      { kind: "dropout", name: "dropped", rate: 0.2 },
      { kind: "dense", name: "logits", outputs: CLASSES, activation: "linear" },
    ],
    loss: { kind: "softmax-cross-entropy", classes: CLASSES },
  });
}

const resnet18 = (side: number) => (): ModelSpec => imageModel({ preset: "resnet18", input: [side, side, 3] });

function imageModel(choice: Extract<ModelChoice, { preset: "cnn" | "resnet18" }>): ModelSpec {
  const [height, width, channels] = choice.input;
  return modelSpecOf(choice, height * width * channels, CLASSES);
}

const DEEPTYPE = "DeepType 20,000-1,024-512-6";
const RESNET = "ResNet-18 with group normalisation";

export const ENGINE_PLANS: readonly EnginePlan[] = [
  {
    name: `${DEEPTYPE}, batch 64`,
    spec: deeptype,
    batch: 64,
    aim: { timesPytorch: 2, timesPytorchStretch: 1.5, ms: 300, peakRssMiB: 1024 },
    kinds: ALL,
    repeats: medium,
    wasm: medium,
    peers: PEERS,
  },
  {
    name: `${DEEPTYPE}, batch 256`,
    spec: deeptype,
    batch: 256,
    aim: { timesPytorch: 2, timesPytorchStretch: 1.5, ms: 560, peakRssMiB: 1024 },
    kinds: ALL,
    repeats: medium,
    wasm: slow,
    peers: PEERS,
  },
  {
    name: `${DEEPTYPE}, batch 4,096`,
    spec: deeptype,
    batch: 4096,
    aim: { peakRssMiB: 2048 },
    kinds: [WHOLE],
    repeats: { ...slow, least: 2, most: 3 },
    wasm: "sixteen times the batch of 256, in as many physical batches",
    peers: [],
  },
  {
    name: `${RESNET}, 64×64, batch 64`,
    spec: resnet18(64),
    batch: 64,
    aim: { timesPytorch: 1.5, ms: 1800, peakRssMiB: 2048 },
    kinds: WITHOUT_AND_WITH,
    repeats: slow,
    wasm: "most of a minute a step: measured at batch 16 instead",
    peers: PEERS,
  },
  {
    name: `${RESNET}, 64×64, batch 16`,
    spec: resnet18(64),
    batch: 16,
    aim: null,
    kinds: [WHOLE],
    repeats: slow,
    wasm: once,
    peers: [],
  },
  {
    name: `${RESNET}, 224×224, batch 16`,
    spec: resnet18(224),
    batch: 16,
    aim: { timesPytorch: 1.5, ms: 3600, peakRssMiB: 2048 },
    kinds: WITHOUT_AND_WITH,
    repeats: slow,
    wasm: "twelve times the pixels of 64×64: minutes a step",
    peers: PEERS,
  },
  {
    name: "small CNN 28×28, batch 256",
    spec: () => imageModel({ preset: "cnn", input: [28, 28, 1] }),
    batch: 256,
    aim: { ms: 110 },
    kinds: ALL,
    repeats: { ...medium, most: 30 },
    wasm: once,
    peers: PEERS,
  },
  {
    name: "AC-GAN discriminator, 1 real and 1 made",
    spec: () => modelSpecOf({ preset: "acgan-discriminator", input: [3, 12, 1] }, 36, 2),
    batch: 2,
    aim: { ms: 15 },
    kinds: ALL,
    repeats: quick,
    wasm: quick,
    peers: PEERS,
  },
  {
    name: "DeepType 2,000-256-64, batch 64",
    spec: () => modelSpecOf({ preset: "deeptype", hidden: [256, 64], clusters: 6, clusterWeight: 0.1 }, 2000, 6),
    batch: 64,
    aim: null,
    kinds: [WHOLE],
    repeats: { ...quick, seconds: 1 },
    wasm: { ...quick, seconds: 1 },
    peers: [],
  },
  {
    name: "MLP 21-32-16, batch 64",
    spec: () => modelSpecOf({ preset: "mlp", hidden: [32, 16], activation: "relu" }, 21, 2),
    batch: 64,
    aim: null,
    kinds: [WHOLE],
    repeats: { ...quick, seconds: 1 },
    wasm: { ...quick, seconds: 1 },
    peers: [],
  },
  {
    name: "logistic 21, batch 64",
    spec: () => modelSpecOf({ preset: "logistic" }, 21, 2),
    batch: 64,
    aim: null,
    kinds: ALL,
    repeats: { ...quick, seconds: 1 },
    wasm: { ...quick, seconds: 1 },
    peers: ["non-private", "opacus"],
  },
];
