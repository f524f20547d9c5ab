import type { ModelChoice } from "@consilium/shared/model/choice";
import { modelSpecOf } from "@consilium/shared/model/preset";
import type { ModelSpec } from "@consilium/shared/model/spec";
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
export const STEADY = { name: "CNN 28×28", batch: 16, steps: 1000, every: 100 } as const;

const WHOLE = "private, noise made alongside";
const ALL = ["non-private", "private, noise ready", WHOLE] as const;
const PEERS = ["non-private", "opacus", "opacus-ghost"] as const;
const CLASSES = 10;

const quick: Repeats = { warmUp: 3, least: 20, most: 200, seconds: 2 };
const medium: Repeats = { warmUp: 2, least: 5, most: 15, seconds: 4 };
const slow: Repeats = { warmUp: 1, least: 3, most: 7, seconds: 8 };
const once: Repeats = { warmUp: 0, least: 1, most: 1, seconds: 1 };

export function deeptype(): ModelSpec {
  return modelSpecOf({ preset: "deeptype", hidden: [1024, 512], clusters: 6, clusterWeight: 0.1 }, 20_000, 6);
}

export function smallCnn(): ModelSpec {
  return imageModel({ preset: "cnn", input: [28, 28, 1] });
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
    kinds: ALL,
    repeats: slow,
    wasm: "most of a minute a step: measured at batch 16 instead",
    peers: PEERS,
  },
  {
    name: `${RESNET}, 64×64, batch 16`,
    spec: resnet18(64),
    batch: 16,
    aim: null,
    kinds: ["non-private", WHOLE],
    repeats: slow,
    wasm: { ...once, warmUp: 1 },
    peers: ["non-private"],
  },
  {
    name: `${RESNET}, 224×224, batch 16`,
    spec: resnet18(224),
    batch: 16,
    aim: { timesPytorch: 1.5, ms: 3600, peakRssMiB: 2048 },
    kinds: ALL,
    repeats: slow,
    wasm: "twelve times the pixels of 64×64: minutes a step",
    peers: PEERS,
  },
  {
    name: "small CNN 28×28, batch 256",
    spec: smallCnn,
    batch: 256,
    aim: { ms: 110 },
    kinds: ALL,
    repeats: { ...medium, most: 30 },
    wasm: medium,
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
