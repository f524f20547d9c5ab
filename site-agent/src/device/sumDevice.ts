import type { Network } from "@consilium/engine/network";
import type { ClipRule } from "@consilium/shared/clipping/clipping";
import type { ClippedSum } from "@consilium/shared/contribution/stages";
import type { Batch } from "../batch/poissonSampler.ts";
import type { PreparedPatients } from "../contract/preparedPatients.ts";
import { clippedSum } from "../gradient/clippedSum.ts";
import type { SumBuffer } from "../gradient/sumBuffer.ts";

/** What computes the clipped sums of one study at one model: this process, or its workers (`workers.ts`). */
export interface SumDevice {
  /** The sum of `gradient/clippedSum.ts` with its guarantee, borrowed until the next one or `wipe`; η is the grid's. */
  clippedSum(batch: Batch, rule: ClipRule, clipRounding: number): Promise<ClippedSum>;
  /** Forgets the last sum: it lives for one step. */
  wipe(): void;
}

export interface OwnDevice {
  readonly network: Network;
  readonly patients: PreparedPatients;
  readonly buffer: SumBuffer;
  /** Rows of a physical batch, by public numbers (`physicalRows`). */
  readonly rows: number;
}

/** The device of this very process. */
export function ownDevice({ network, patients, buffer, rows }: OwnDevice): SumDevice {
  return {
    clippedSum: async (batch, rule, clipRounding) =>
      clippedSum(network, patients, batch, { rule, clipRounding, rows }, buffer),
    wipe: () => buffer.wipe(),
  };
}
