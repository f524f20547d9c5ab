import type { Network } from "@consilium/engine/network";
import { countWeight } from "@consilium/shared/clipping/adaptiveNorm";
import type { ClipRule } from "@consilium/shared/clipping/clipping";
import { patientPart } from "@consilium/shared/clipping/patientPart";
import { clippedSensitivity } from "@consilium/shared/contribution/grid";
import { asClippedSum, type ClippedSum } from "@consilium/shared/contribution/stages";
import { layerGraph } from "@consilium/shared/model/graph";
import { type ModelSpec, parameterCount } from "@consilium/shared/model/spec";
import * as tf from "@tensorflow/tfjs-core";
import { type PhysicalBatch, physicalBatches } from "../batch/physicalBatches.ts";
import type { Batch } from "../batch/poissonSampler.ts";
import type { PreparedPatients } from "../contract/preparedPatients.ts";
import { addBlock } from "./blockSum.ts";
import { clipGroups } from "./clipGroups.ts";
import { clipScales } from "./clipScales.ts";
import { dropoutMasks } from "./dropoutMask.ts";
import { FormedGradients } from "./formedGradients.ts";
import { forPatients } from "./norms.ts";
import { ROW_MULTIPLE, runPass } from "./pass.ts";
import { rowsMax } from "./physicalRows.ts";
import { cancellationMax, fitsFloat32, placesPerSum } from "./placesPerSum.ts";
import type { SumBuffer } from "./sumBuffer.ts";

/** How a batch's patients are clipped and added; nothing of it hangs on the batch but the step's size. */
export interface SumRule {
  readonly rule: ClipRule;
  /** η of the study's grid: the sum's sensitivity and the rows of its float32 parts follow from it. */
  readonly clipRounding: number;
  /** Rows of a physical batch. */
  readonly rows?: number;
  /** Patients of the whole step, of which `batch` may be a shard. */
  readonly patientsInStep?: number;
}

/**
 * Σ over the batch's patients of clip(∇ of the sum of the patient's losses); an empty batch gives zeros. With adaptive
 * clipping the weighted count of patients below the round's norm follows as one more coordinate (`countWeight`).
 *
 * Guarantee: adding or removing one patient moves the result's L2 norm by ≤ C(1 + η), η the grid's, C the
 * signed norm or, with a count, `patientPart`: each patient's part is a function of model, rule and that patient alone and
 * at most C long (`clipScale`, and ρ/2 of the signed norm for the count), and all float sums together err within η
 * (`placesPerSum`). A patient with a number that is not finite adds exactly zero, and nothing else about the step
 * differs. `batch` may be one shard of a step of `patientsInStep`; the shards' sums, added in float64, have the guarantee
 * together (`shardedSum`). The result borrows `buffer` until its next `start`.
 */
export function clippedSum(
  network: Network,
  patients: PreparedPatients,
  batch: Batch,
  how: SumRule,
  buffer: SumBuffer,
): ClippedSum {
  const { spec } = network;
  const { rule, clipRounding, rows = rowsMax(spec), patientsInStep = batch.patients.length } = how;
  const { clipping, clippingNorm } = rule;
  const parameters = parameterCount(spec);
  const groups = clipGroups(spec, clipping);
  const parts = physicalBatches(batch.patients, patients.recordStart, rows);
  const isSequential = hasPositions(spec);
  const excess = cancellationMax(isSequential);
  const summands = { hasPositions: isSequential, isSingle: mostRecords(parts) <= 1 };
  const places = placesPerSum(clipRounding, patientsInStep, summands);
  // A count is exact in float64 alone.
  const isCounted = clipping.mode === "adaptive";
  buffer.start(parts.length > 1 || isCounted || !fitsFloat32(clipRounding, patientsInStep));
  let count = 0;
  for (const [index, part] of parts.entries()) {
    const { features, labels } = gather(patients, part, paddedRows(part, rows));
    const uses = runPass(network, features, labels, dropoutMasks);
    const formed = new FormedGradients(part.rowStart);
    try {
      const { groups_R, areFinite, ...scales } = clipScales(
        uses,
        part.rowStart,
        labels.length,
        rule,
        groups,
        excess,
        formed,
      );
      count += scales.count;
      for (const use of uses.blocks) {
        const scale_R = groups_R[groups.of(use.offset)] ?? new Float64Array(labels.length);
        addBlock(use, { scale_R, areFinite, places, formed, buffer, isFirst: index === 0 });
      }
    } finally {
      formed.dispose();
      uses.dispose();
    }
  }
  if (isCounted) {
    buffer.write(parameters, Float64Array.of(countWeight(clipping) * clippingNorm * count), true);
  }
  return asClippedSum(buffer.values, sumSensitivity(spec, rule, clipRounding));
}

/** Coordinates of a clipped sum. */
export function sumLength(spec: ModelSpec, rule: ClipRule): number {
  return patientPart(rule, parameterCount(spec)).dimension;
}

/** L2 sensitivity of a clipped sum. */
export function sumSensitivity(spec: ModelSpec, rule: ClipRule, clipRounding: number): number {
  return clippedSensitivity({ patientNorm: patientPart(rule, parameterCount(spec)).norm, clipRounding });
}

/** Whether some kernel is used at several positions of a record. */
function hasPositions(spec: ModelSpec): boolean {
  return layerGraph(spec).nodes.some(
    ({ layer, inputs, owner }, index) =>
      owner !== index ||
      layer.kind === "conv" ||
      layer.kind === "recurrent" ||
      (layer.kind === "dense" && (inputs[0]?.length ?? 1) > 1),
  );
}

function mostRecords(parts: readonly PhysicalBatch[]): number {
  let most = 0;
  for (const { rowStart } of parts) forPatients(rowStart, (_, first, end) => (most = Math.max(most, end - first)));
  return most;
}

/**
 * A record must come out the same whoever is beside it. wasm's kernels see to that for rows in multiples of
 * `ROW_MULTIPLE`; libtensorflow's choose blocks and algorithms by size, so there every physical batch has the same.
 */
function paddedRows(part: PhysicalBatch, rows: number): number {
  const multiple = tf.getBackend() === "wasm" ? ROW_MULTIPLE : rows;
  return Math.ceil((part.rowStart.at(-1) ?? 0) / multiple) * multiple;
}

/** The patients' records as one matrix, filled up with rows of zeros that no patient owns. */
function gather(
  patients: PreparedPatients,
  part: PhysicalBatch,
  rows: number,
): { features: Float32Array; labels: Int32Array } {
  const width = patients.featureCount;
  const features = new Float32Array(rows * width);
  const labels = new Int32Array(rows);
  for (const [index, patient] of part.patients.entries()) {
    const first = patients.recordStart[patient] ?? 0;
    const end = patients.recordStart[patient + 1] ?? 0;
    const row = part.rowStart[index] ?? 0;
    features.set(patients.features.subarray(first * width, end * width), row * width);
    labels.set(patients.labels.subarray(first, end), row);
  }
  return { features, labels };
}
