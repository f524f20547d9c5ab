import type { PricedEvent } from "../event/pricedEvent.ts";
import { Failure } from "../failure/failure.ts";

/**
 * Pure ε of one release under metric privacy between any two records, one replaced by the other: ε per unit of distance
 * times the largest distance. Throws where nobody has proven a figure: records without a bound, or a sampler that is
 * near to the mechanism alone. Such a release belongs under a signed disclosure, not under a cap.
 */
export function recordEpsilon(event: Extract<PricedEvent, { kind: "metric" }>): number {
  const { epsilonPerDistance, diameter, sampler } = event;
  if (diameter === null) throw unproven("records that no norm bounds");
  if (sampler !== "exact") throw unproven("noise drawn in floating point");
  return epsilonPerDistance * diameter;
}

function unproven(of: string): Failure {
  return new Failure({
    code: "accountant/unsupported",
    kind: "config",
    what: `No figure for each record is proven for metric privacy with ${of}.`,
    remedy: "Clip records to an L2 norm and use exact noise, or have stewards sign it as an unprotected disclosure.",
  });
}
