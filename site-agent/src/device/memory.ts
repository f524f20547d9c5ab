import { frozenSlots, type ModelSpec, parameterCount, sizeOf } from "@consilium/shared/model/spec";

/** Program, WebAssembly heap and tables before any model is loaded. */
const PROCESS_BYTES = 160 * 2 ** 20;
/**
 * For each parameter: the model, its copy on the device and the one before (4 each), the sum (8), noise of two attempts
 * (8) and the packed contribution (up to 3). A worker's own is less.
 */
const PARAMETER_BYTES = 31;
/** For each frozen parameter: in memory and on the device. */
const FROZEN_BYTES = 8;

/**
 * What one physical batch's tensors may take for a process to stay within its budget: by public numbers alone, for the
 * rows of a batch follow from it. May be none or less; a batch has its least rows then too (`physicalRows`).
 */
export function batchBytes(memoryMiB: number, spec: ModelSpec): number {
  const ofModel = PARAMETER_BYTES * parameterCount(spec) + FROZEN_BYTES * sizeOf(frozenSlots(spec));
  return memoryMiB * 2 ** 20 - PROCESS_BYTES - ofModel;
}
