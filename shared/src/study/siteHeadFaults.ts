/** What doesn't go with heads of sites' own, however the document was made. */
import type { ModelChoice } from "../model/choice.ts";
import { networkOf } from "../model/preset.ts";
import { siteHeadsOf } from "../model/siteHeads.ts";
import type { StudyDocument } from "./document.ts";
import { featureCount } from "./features.ts";

interface Fault {
  readonly path: readonly string[];
  readonly message: string;
}

export function siteHeadFaults(
  study: Pick<StudyDocument, "training" | "generator" | "audit" | "sites" | "model" | "data">,
): Fault[] {
  const { training, generator, audit, sites, model, data } = study;
  if (training.heads === undefined) return [];
  const fault = (message: string): Fault => ({ path: ["training", "heads"], message });
  return [
    ...(sites.length < 2 ? [fault("of sites need two sites or more")] : []),
    ...(generator === undefined ? [] : [fault("of sites can't be had with a generator: it learns from one network")]),
    ...(audit.references === undefined
      ? []
      : [fault("of sites can't be had with audit.references: those have no site's head to be held against")]),
    ...("weights" in model && model.weights !== undefined
      ? [fault("of sites are not in this version where the network starts from a weights file")]
      : []),
    ...(trainsNoHead(model, data, sites.length) ? [fault("of sites need a last layer that is trained")] : []),
  ];
}

function trainsNoHead(model: ModelChoice, data: StudyDocument["data"], sites: number): boolean {
  const network = networkOf(model, featureCount(data), data.label.values.length);
  return !("fault" in network) && siteHeadsOf(network.spec, sites) === undefined;
}
