import type { PricedEvent } from "../event/pricedEvent.ts";
import { Failure, unreachable } from "../failure/failure.ts";

/** Events of one record's release by noise that is pure ε-private, or that has no figure for a record at all. */
export type RecordRelease = Extract<
  PricedEvent,
  { kind: "metric" | "record-laplace" | "pixel-laplace" | "randomised-response" }
>;

/**
 * Pure ε of one release between any two records, one replaced by the other. Throws where nobody has proven a figure:
 * records without a bound, a sampler that is near to its mechanism alone, noise that answers for single pixels. Such a
 * release belongs under a signed disclosure, not under a cap.
 */
export function recordEpsilon(event: RecordRelease): number {
  switch (event.kind) {
    case "metric": {
      const { epsilonPerDistance, diameter, sampler } = event;
      if (diameter === null) throw unproven("metric privacy of records that no norm bounds");
      if (sampler !== "exact") throw unproven("metric privacy with noise drawn in floating point");
      return epsilonPerDistance * diameter;
    }
    case "record-laplace":
      return event.diameter / event.scale;
    case "pixel-laplace":
      throw unproven("noise that hides one pixel at a time");
    case "randomised-response":
      // A logarithm is right to its last bit or two.
      return Math.log(event.odds) * (1 + 2 ** -50);
    default:
      return unreachable(event);
  }
}

/** Whether a release has a figure for a record at all: what has none is never charged to a cap. */
export function hasRecordFigure(event: PricedEvent): boolean {
  if (event.kind === "metric") return event.diameter !== null && event.sampler === "exact";
  return event.kind !== "pixel-laplace";
}

function unproven(of: string): Failure {
  return new Failure({
    code: "accountant/unsupported",
    kind: "config",
    what: `No figure for each record is proven for ${of}.`,
    remedy: "Clip records to a norm and noise all of each exactly, or have stewards sign an unprotected disclosure.",
  });
}
