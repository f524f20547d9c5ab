import { canonicalJson } from "../encoding/canonicalJson.ts";
import { digestOfJson } from "../encoding/digest.ts";
import type { LedgerEntry } from "../ledger/entry.ts";
import { normalisationOf } from "../normalisation/columnScales.ts";
import { statisticsCount } from "../normalisation/rule.ts";
import type { StudyDocument } from "../study/document.ts";
import type { SiteName } from "../units/identity.ts";
import type { ReleaseManifest } from "./manifest.ts";
import type { ReleasedModel } from "./model.ts";

/**
 * Whether a model's scales are what its study's rule makes of the noised sums, and those sums what the ledger's charges
 * became: the result that each contributor's charge was committed with is the digest of all of it.
 */
export function normalisationHolds(
  document: StudyDocument,
  { normalisation }: Pick<ReleaseManifest, "normalisation">,
  entries: readonly LedgerEntry[],
  { scales }: Pick<ReleasedModel, "scales">,
): boolean {
  const rule = document.normalisation;
  if (rule === undefined || normalisation === undefined) return rule === undefined && normalisation === undefined;
  const { contributors, sums } = normalisation;
  const listed = new Set<SiteName>(document.sites.map(({ name }) => name));
  const isCohort = new Set(contributors).size === contributors.length && contributors.every((site) => listed.has(site));
  const columns = normalisation.scales.length;
  if (!isCohort || contributors.length < document.training.minSites) return false;
  if (sums.length !== statisticsCount(rule, columns)) return false;
  const result = digestOfJson(normalisation);
  return (
    canonicalJson(normalisationOf(document, contributors, sums)) === canonicalJson(normalisation) &&
    canonicalJson(scales ?? null) === canonicalJson(normalisation.scales) &&
    contributors.every((site) => entries.some((entry) => isCommitted(entry, document, site, result)))
  );
}

function isCommitted({ body }: LedgerEntry, { name }: StudyDocument, site: SiteName, result: string): boolean {
  if (body.kind !== "committed" || body.result !== result) return false;
  return body.charge.startsWith(`${name}/normalise-0.`) && body.charge.endsWith(`/${site}/train`);
}
