import { makeCanaries } from "@consilium/shared/canary/canaries";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { CanaryRule } from "@consilium/shared/study/audit";
import type { DataContract } from "@consilium/shared/study/contract";
import { PART_CODE, type PreparedPatients } from "./preparedPatients.ts";

/**
 * The patients, and after them the study's canaries with their coins, which stand in this file alone. Prepared anew a
 * site has new coins: a bound from them holds as well, and shows what was trained since.
 */
export function withCanaries(
  patients: PreparedPatients,
  contract: DataContract,
  { count }: CanaryRule,
  random: RandomSource,
): PreparedPatients {
  const { features, labels, coins } = makeCanaries(contract, count, random);
  const records = patients.labels.length;
  return {
    featureCount: patients.featureCount,
    features: joined(Float32Array, patients.features, features),
    labels: joined(Int32Array, patients.labels, labels),
    recordStart: joined(
      Int32Array,
      patients.recordStart,
      Int32Array.from(labels, (_, i) => records + i + 1),
    ),
    parts: joined(
      Uint8Array,
      patients.parts,
      coins.map((coin) => (coin === 1 ? PART_CODE.canaryIn : PART_CODE.canaryOut)),
    ),
  };
}

type Numbers = Float32Array | Int32Array | Uint8Array;

function joined<Kind extends Numbers>(kind: { new (length: number): Kind }, first: Kind, second: Kind): Kind {
  const both = new kind(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
