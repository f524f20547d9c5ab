import type { Grid } from "@consilium/shared/contribution/grid";
import { packContribution } from "@consilium/shared/contribution/pack";
import { type LocalSteps, PseudoGradient } from "@consilium/shared/contribution/pseudoGradient";
import { sanitizedSum } from "@consilium/shared/contribution/sanitizedSum";
import type { Contribution } from "@consilium/shared/contribution/stages";
import type { SumDevice } from "../device/sumDevice.ts";
import { type SampleSum, withSampleSum } from "./sampleSum.ts";

export interface SanitizedRound extends Omit<SampleSum, "device"> {
  readonly grid: Grid;
  /** None: one step. */
  readonly local: LocalSteps | undefined;
  /** The public model of this round. */
  readonly start: Float32Array;
  /** Memory of the site's own model between steps, as long as `start`. */
  own(): Float32Array;
  /** Memory of the packed contribution, until the next round. */
  readonly packed: Uint8Array;
  /** Has `use` done on a device that holds the study's sanitized patients, and no others, and this model. */
  withDevice<T>(parameters: Float32Array, use: (device: SumDevice) => Promise<T>): Promise<T>;
}

/**
 * A round on sanitized records: sample → clip → sum → round → pack, as often as there are local steps.
 *
 * Guarantee. Patients come from a file that holds sanitized ones alone (`PreparedSanitized`), the model from the wire:
 * the contribution is post-processing of what the sanitizer put out, which its charge paid for, and so is all that
 * the site keeps from step to step. The event says so. Clipping and sampling are for learning here: they bound how far
 * one patient pulls the model and no promise rests on them.
 */
export async function sanitizedRound(round: SanitizedRound): Promise<Contribution> {
  const { grid, local, start, packed } = round;
  const sumAt = (parameters: Float32Array) =>
    round.withDevice(parameters, (device) => withSampleSum({ ...round, device }, (sum) => sanitizedSum(sum, grid)));
  const first = await sumAt(start);
  if (local === undefined) return packContribution(first, packed);
  const own = round.own();
  const total = new PseudoGradient(first, local);
  for (let step = 1; step < local.steps; step++) {
    total.modelFrom(start, own);
    total.add(await sumAt(own));
  }
  return packContribution(total.finish(), packed);
}
