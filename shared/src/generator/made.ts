import { assert } from "../failure/failure.ts";
import { publicUniform } from "../model/initial.ts";
import { generate } from "./network.ts";
import type { GeneratorRule } from "./rule.ts";

/** Records that a generator made. */
export interface MadeRecords {
  /** [records, features], each in [−1, 1]. */
  readonly features: Float32Array;
  /** Class of each. */
  readonly labels: Uint8Array;
}

/** Which public noise records are made from: another of each round, and of the release. */
export type MadeFor =
  | { readonly use: "step"; readonly round: number }
  | { readonly use: "training"; readonly round: number; readonly step: number }
  | { readonly use: "candidate"; readonly round: number }
  | { readonly use: "release"; readonly round: number };

/** What a generator makes records from. */
export interface MadeFrom {
  /** [records, latent + classes]: noise uniform in [−1, 1), then the class as one of them. */
  readonly input: Float32Array;
  readonly labels: Uint8Array;
}

/** From the study's public seed and nothing else; classes by their public shares. */
export function noiseFor(
  rule: Pick<GeneratorRule, "latent" | "labels" | "seed">,
  classes: number,
  count: number,
  made: MadeFor,
): MadeFrom {
  const step = made.use === "training" ? ` ${made.step}` : "";
  const next = publicUniform(`${rule.seed} ${made.use} ${made.round}${step}`, "made-records");
  const width = rule.latent + classes;
  const input = new Float32Array(count * width);
  const labels = new Uint8Array(count);
  for (let record = 0; record < count; record++) {
    const start = record * width;
    for (let i = 0; i < rule.latent; i++) input[start + i] = 2 * next() - 1;
    const label = classOf(rule.labels, classes, next());
    labels[record] = label;
    input[start + rule.latent + label] = 1;
  }
  return { input, labels };
}

function classOf(shares: readonly number[] | undefined, classes: number, place: number): number {
  if (shares === undefined) return Math.floor(place * classes);
  let sum = 0;
  for (let index = 0; index < classes - 1; index++) {
    sum += shares[index] ?? 0;
    if (place < sum) return index;
  }
  return classes - 1;
}

/** Records of one generator. */
export function makeRecords(
  rule: GeneratorRule,
  { classes, features }: { readonly classes: number; readonly features: number },
  parameters: Float32Array,
  count: number,
  made: MadeFor,
): MadeRecords {
  const { input, labels } = noiseFor(rule, classes, count, made);
  return { features: generate(rule, features, parameters, input, count), labels };
}

/** The release's records: of each chosen generator alike, in their order, the first ones one more where it must be. */
export function releasedRecords(
  rule: GeneratorRule,
  shape: { readonly classes: number; readonly features: number },
  generators: readonly { readonly round: number; readonly parameters: Float32Array }[],
): MadeRecords {
  assert(generators.length > 0, "synthetic records are made by a generator");
  const parts = generators.map(({ round, parameters }, index) => {
    const count = Math.floor((rule.records + generators.length - 1 - index) / generators.length);
    return makeRecords(rule, shape, parameters, count, { use: "release", round });
  });
  const features = new Float32Array(rule.records * shape.features);
  const labels = new Uint8Array(rule.records);
  let at = 0;
  for (const part of parts) {
    features.set(part.features, at * shape.features);
    labels.set(part.labels, at);
    at += part.labels.length;
  }
  return { features, labels };
}
