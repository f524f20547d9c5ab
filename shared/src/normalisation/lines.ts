import { epsilonOfEvents } from "../accountant/convert.ts";
import type { StudyDocument } from "../study/document.ts";
import { epsilonText } from "../units/epsilonText.ts";
import { binThreshold, CLEAR, noiseOf } from "./columnScales.ts";
import { normalisedColumns } from "./rule.ts";
import { normalisationEvent } from "./statistics.ts";

type Planned = Pick<StudyDocument, "data" | "normalisation" | "sites">;

/** What a study learns of its columns' scale, at what cost, and what the noise lets it see; nothing without a rule. */
export function normalisationLines(document: Planned & Pick<StudyDocument, "privacy">): readonly string[] {
  const rule = document.normalisation;
  if (rule === undefined) return [];
  const columns = normalisedColumns(rule, document.data).map(({ name }) => name);
  const epsilon = epsilonText(epsilonOfEvents([normalisationEvent(rule)], document.privacy.delta));
  const named =
    columns.length > 8 ? `${columns.slice(0, 8).join(", ")} and ${columns.length - 8} more` : columns.join(", ");
  const what =
    rule.by === "quantiles"
      ? `5 %, 50 % and 95 % quantiles from ${rule.bins} public bins each`
      : "mean and standard deviation";
  return [
    `${what} of ${named}`,
    `one round before training, charged to the training patients: σ = ${rule.noiseMultiplier}, ` +
      `by itself ε = ${epsilon} at δ = ${document.privacy.delta}; it counts in every figure of the study`,
    `${resolutionText(document)}; any other column stays as its public range scales it`,
  ];
}

function resolutionText(document: Planned): string {
  const share = `${Number((100 * leastSpread(document)).toPrecision(2))} %`;
  return document.normalisation?.by === "quantiles"
    ? `a column is rescaled where half of all patients crowd into less than about ${share} of its public range`
    : `a column is rescaled where its standard deviation is above about ${share} of its public range, at the worst`;
}

/** Why the noise would leave nothing to see of any column; null where some may show. */
export function swampedText(document: Planned): string | null {
  const rule = document.normalisation;
  if (rule === undefined) return null;
  const share = leastSpread(document);
  if (rule.by === "quantiles") {
    return 2 * share * rule.bins >= 4
      ? null
      : `hides every bin of fewer than ${Math.ceil(hiddenBelow(document))} patients`;
  }
  // Values spread evenly over their range have a standard deviation of 0.29 of it.
  return share < 0.25 ? null : "hides any standard deviation that a column within its public range could have";
}

/** Patients that a bin must hold to show. */
function hiddenBelow({ normalisation, data, sites }: Planned): number {
  if (normalisation?.by !== "quantiles") return 0;
  return binThreshold(
    noiseOf(normalisation, normalisedColumns(normalisation, data).length, sites.length),
    normalisation.bins,
  );
}

/**
 * As a share of the public range. Of quantiles: what half of the patients may fill evenly, so that their bins show. Of
 * moments: the least standard deviation that shows for a column at the end of its range, where noise weighs most.
 */
function leastSpread(document: Planned): number {
  const { normalisation: rule, data, sites } = document;
  if (rule === undefined) return 0;
  const patients = sites.reduce((sum, site) => sum + site.patients, 0);
  if (rule.by === "quantiles") return Math.min(1, patients / 2 / hiddenBelow(document) / rule.bins);
  const noise = noiseOf(rule, normalisedColumns(rule, data).length, sites.length);
  // The variance's own noise at mean ±1 is √(1 + 4 + 1) of a sum's; the range is 2 wide.
  return Math.sqrt((CLEAR * Math.sqrt(6) * noise) / patients) / 2;
}
