import type { ClipRule } from "@consilium/shared/clipping/clipping";
import { initialParameters, publicUniform } from "@consilium/shared/model/initial";
import { modelDigest } from "@consilium/shared/model/modelDigest";
import { modelSpecOf } from "@consilium/shared/model/preset";
import { frozenSlots, ModelSpec, parameterCount, sizeOf } from "@consilium/shared/model/spec";
import { type FrozenPart, NOTHING_FROZEN } from "@consilium/shared/model/studyWeights";
import { jsonLinesLogger } from "@consilium/shared/system/logger";
import { StudyName } from "@consilium/shared/units/identity";
import { ClippingNorm } from "@consilium/shared/units/privacy";
import type { PreparedPatients } from "../contract/preparedPatients.ts";
import { sumLength } from "../gradient/clippedSum.ts";
import { ROUNDING } from "../gradient/layerCases.test-support.ts";
import { ShardBuffers } from "./shardBuffers.ts";
import type { DeviceWorkers, ShardedStudy } from "./workers.ts";

const FEATURES = 400;
const CLASSES = 3;

/** A sum of a quarter of a megabyte at least: more than a pipe holds, so that a worker can die in the middle of one. */
export const SPEC = modelSpecOf({ preset: "mlp", hidden: [160], activation: "tanh" }, FEATURES, CLASSES);
export const DIMENSION = parameterCount(SPEC);
/** The same with a first layer that stays as it was given. */
export const PRETRAINED = ModelSpec.parse({
  ...SPEC,
  layers: SPEC.layers.map((layer, index) => (index === 0 ? { ...layer, frozen: true } : layer)),
});
export const ROWS = 16;
const clippingNorm = ClippingNorm.parse(0.5);
export const RULE: ClipRule = { clipping: { mode: "flat" }, clippingNorm, roundNorm: clippingNorm };
export const QUIET = jsonLinesLogger("test", () => undefined);

/** With one more coordinate. */
export const ADAPTIVE: ClipRule = {
  ...RULE,
  clipping: { mode: "adaptive", quantile: 0.5, rate: 0.2, countPrice: 0.01 },
  roundNorm: ClippingNorm.parse(0.7),
};

/** One to three records each. */
export function somePatients(seed: number, count: number): PreparedPatients {
  const next = publicUniform(seed);
  const recordStart = new Int32Array(count + 1);
  for (let i = 0; i < count; i++) recordStart[i + 1] = (recordStart[i] ?? 0) + 1 + Math.floor(next() * 3);
  const records = recordStart[count] ?? 0;
  return {
    featureCount: FEATURES,
    features: Float32Array.from({ length: records * FEATURES }, () => 2 * next() - 1),
    labels: Int32Array.from({ length: records }, () => Math.floor(next() * CLASSES)),
    recordStart,
    parts: new Uint8Array(count),
  };
}

/** A study at a model of its own, for so many workers. */
export function shardedStudy(
  patients: PreparedPatients,
  workers: number,
  revision = 1,
  rule = RULE,
  spec = SPEC,
  engine: ShardedStudy["engine"] = "native",
): ShardedStudy {
  return {
    study: StudyName.parse(spec === SPEC ? "shards" : "pretrained"),
    engine,
    spec,
    frozen: frozenOf(spec),
    parameters: initialParameters(spec, revision),
    revision,
    patients,
    rows: ROWS,
    buffers: new ShardBuffers(sumLength(spec, rule), workers),
  };
}

/** Frozen numbers of the size of trained ones. */
export function frozenOf(spec: ModelSpec): FrozenPart {
  const size = sizeOf(frozenSlots(spec));
  if (size === 0) return NOTHING_FROZEN;
  const next = publicUniform(7);
  const numbers = Float32Array.from({ length: size }, () => 0.2 * next() - 0.1);
  return { numbers, digest: modelDigest(numbers) };
}

/** The first patients. */
export const batchOf = (count: number) => ({ patients: Int32Array.from({ length: count }, (_, patient) => patient) });

/** A copy of the workers' sum. */
export async function sumOf(
  workers: DeviceWorkers,
  study: ShardedStudy,
  count: number,
  rule = RULE,
  clipRounding = ROUNDING,
): Promise<Float64Array> {
  const device = workers.deviceOf(study);
  try {
    return Float64Array.from((await device.clippedSum(batchOf(count), rule, clipRounding)).values);
  } finally {
    device.wipe();
  }
}
