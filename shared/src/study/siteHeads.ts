/** What the heads of a study's sites make of its model and its rounds. */
import { numbersWithHeads, type SiteHeads, siteHeadsOf } from "../model/siteHeads.ts";
import { parameterCount } from "../model/spec.ts";
import type { Stretch } from "../optimizer/aggregateStep.ts";
import type { SiteName } from "../units/identity.ts";
import type { ClippingNorm } from "../units/privacy.ts";
import type { StudyDocument } from "./document.ts";
import { gridOfStudy, modelSpecOfStudy } from "./network.ts";
import { divisorOf } from "./schedule.ts";

/** Undefined where all sites share the whole network. */
export function headsOfStudy(document: StudyDocument): SiteHeads | undefined {
  if (document.training.heads === undefined) return undefined;
  return siteHeadsOf(modelSpecOfStudy(document), document.sites.length);
}

/** Numbers of the model that rounds announce and a release holds. */
export function modelNumbersOf(document: StudyDocument): number {
  const heads = headsOfStudy(document);
  return heads === undefined ? parameterCount(modelSpecOfStudy(document)) : numbersWithHeads(heads);
}

/** Values of an aggregate: those of a contribution, and behind them each site's own for its head. */
export function aggregateValuesOf(document: StudyDocument): number {
  const { size, sites } = headsOfStudy(document) ?? { size: 0, sites: 0 };
  return gridOfStudy(document).dimension + size * sites;
}

/**
 * How a step takes an aggregate. The network's mean gradient is over all contributors' patients; a head's over its own
 * site's, who alone have one there. A site that wasn't heard has a gradient of zero.
 */
export function stretchesOf(
  document: StudyDocument,
  contributors: readonly SiteName[],
  roundNorm?: ClippingNorm,
): readonly Stretch[] {
  const heads = headsOfStudy(document);
  const network = heads?.network ?? parameterCount(modelSpecOfStudy(document));
  const counted = gridOfStudy(document).dimension - network;
  return [
    { values: network, divisor: divisorOf(document, contributors, roundNorm) },
    // A count that follows the gradient moves no parameter.
    ...(counted === 0 ? [] : [{ values: counted, divisor: null }]),
    ...(heads === undefined ? [] : document.sites).map(({ name }) => {
      return { values: heads?.size ?? 0, divisor: divisorOf(document, [name], roundNorm) };
    }),
  ];
}
