/** Studies of the bench of rounds: real in everything but their records, which nothing reads. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";

export interface RoundPlan {
  readonly name: string;
  readonly hidden: readonly [number, number];
  readonly answerAfterMs: number;
  /** Training rounds; the first `warmUp` are not counted. */
  readonly rounds: number;
  readonly warmUp: number;
}

export const SITES = ["north", "east", "south", "west"] as const;
export const DATASET = "numbers";
const FEATURES = ["a", "b", "c", "d"];

/** Public patients n of a site, q and σ: an expected batch of 64 σ, so contributions take 12 bits a value. */
const PATIENTS = 1280;
const SAMPLING_RATE = 0.1;
const NOISE_MULTIPLIER = 2;
/** Wide enough for every round that is measured: this bench counts seconds, not ε. */
export const CAP = { epsilon: 200, delta: 1e-5 };

/** Kernels and biases of a network with two hidden layers and one output. */
export function parametersOf({ hidden: [first, second] }: RoundPlan): number {
  return (FEATURES.length + 1) * first + (first + 1) * second + (second + 1);
}

/** Writes the study and one small table; paths of both. */
export function writeStudy(folder: string, plan: RoundPlan): { study: string; records: string } {
  mkdirSync(folder, { recursive: true });
  const study = join(folder, `${plan.name}.yaml`);
  const records = join(folder, `${plan.name}.csv`);
  writeFileSync(study, stringify(studyFile(plan)));
  writeFileSync(records, table());
  return { study, records };
}

function studyFile({ name, hidden, answerAfterMs, rounds }: RoundPlan): unknown {
  return {
    apiVersion: "consilium/v1",
    kind: "Study",
    name,
    purpose: "Time rounds",
    data: {
      columns: FEATURES.map((feature) => ({ name: feature, type: "number", min: -1, max: 1 })),
      label: { name: "label", values: [0, 1] },
      split: "split",
    },
    model: { preset: "mlp", hidden: [...hidden] },
    privacy: {
      epsilon: 100,
      delta: CAP.delta,
      clippingNorm: 1,
      noiseMultiplier: NOISE_MULTIPLIER,
      samplingRate: SAMPLING_RATE,
    },
    training: {
      // One more than is measured: training never ends while the clock runs.
      rounds: rounds + 1,
      answerAfter: `${answerAfterMs}ms`,
      deadline: "120s",
      minSites: SITES.length,
      onDropout: "continue",
      optimizer: { name: "sgd", learningRate: 0.1 },
      initialSeed: 7,
    },
    evaluation: { every: `${rounds + 2} rounds`, metrics: ["auc"], epsilon: 0.1, bins: 10 },
    audit: {
      attacks: ["loss"],
      epsilon: { members: 0.1, nonMembers: 0.1 },
      bins: 10,
      gates: { maxAttackAucUpper: 1 },
    },
    sites: SITES.map((site) => ({ name: site, patients: PATIENTS })),
  };
}

/** As many training rows as the study says, and some for each other part. */
function table(): string {
  const rows = Array.from({ length: PATIENTS + 100 }, (_, row) => {
    const features = FEATURES.map((_, column) => (((row * (column + 3)) % 41) / 20 - 1).toFixed(3));
    return [...features, row % 2, row < PATIENTS ? "train" : "test"].join(",");
  });
  return `${[...FEATURES, "label", "split"].join(",")}\n${rows.join("\n")}\n`;
}
