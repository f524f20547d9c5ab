import type { PreparedPatients } from "../contract/preparedPatients.ts";
import type { EngineKind } from "../device/engineChoice.ts";
import { batchBytes } from "../device/memory.ts";
import { ShardBuffers } from "../device/shardBuffers.ts";
import { ownDevice, type SumDevice } from "../device/sumDevice.ts";
import type { DeviceWorkers } from "../device/workers.ts";
import { physicalRows } from "../gradient/physicalRows.ts";
import { SumBuffer } from "../gradient/sumBuffer.ts";
import type { EngineRequest } from "./message.ts";
import type { ModelState } from "./modelState.ts";
import { newRevision } from "./revision.ts";

/** What computes the clipped sums of an open study. */
export interface StudyDevice {
  /** Has `use` done on a device that holds the study's patients and this model. */
  with<T>(parameters: Float32Array, use: (device: SumDevice) => Promise<T>): Promise<T>;
}

export interface StudyDeviceParts {
  readonly request: Extract<EngineRequest, { type: "open" }>;
  readonly model: ModelState;
  readonly patients: PreparedPatients;
  readonly memoryMiB: number;
  readonly engine: EngineKind;
}

/** This very process. */
export function ownStudyDevice({ request, model, patients, memoryMiB }: StudyDeviceParts): StudyDevice {
  const { spec, grid, expectedBatch } = request;
  const rows = physicalRows(spec, expectedBatch, batchBytes(memoryMiB, spec));
  const buffer = new SumBuffer(grid.dimension);
  return {
    with: async (parameters, use) => {
      if (parameters === model.parameters) return use(ownDevice({ network: model.network(), patients, buffer, rows }));
      const network = model.networkAt(parameters);
      try {
        return await use(ownDevice({ network, patients, buffer, rows }));
      } finally {
        network.dispose();
      }
    },
  };
}

/** Worker processes, a shard of each step each. */
export function sharedStudyDevice(
  { request, model, patients, memoryMiB, engine }: StudyDeviceParts,
  workers: DeviceWorkers,
): StudyDevice {
  const { study, spec, grid, expectedBatch } = request;
  const rows = physicalRows(spec, expectedBatch / workers.count, batchBytes(memoryMiB, spec));
  const buffers = new ShardBuffers(grid.dimension, workers.count);
  // Of a model's memory alone workers can't tell that other numbers stand in it: each that is no round's gets its own.
  const revisionOf = (parameters: Float32Array): number =>
    parameters === model.parameters ? model.revision : newRevision();
  return {
    with: (parameters, use) => {
      const revision = revisionOf(parameters);
      const { frozen } = model;
      return use(workers.deviceOf({ study, engine, spec, frozen, parameters, revision, patients, rows, buffers }));
    },
  };
}
