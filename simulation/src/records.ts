import { createHmac } from "node:crypto";
import { assert, Failure } from "@consilium/shared/failure/failure";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { StudyDocument } from "@consilium/shared/study/document";
import type { SiteName } from "@consilium/shared/units/identity";
import { openData } from "@consilium/site-agent/connector/open";
import { ContractViolated, preparePatients } from "@consilium/site-agent/contract/prepare";
import type { PreparedPatients } from "@consilium/site-agent/contract/preparedPatients";
import { PROBLEMS, type Problem } from "@consilium/site-agent/contract/tally";

/**
 * A site's key for splitting patients into parts. At a hospital it is secret; here it follows from the repetition, so
 * that all variants of one repetition train on the same patients.
 */
export function splitKeyOf(repetition: number, site: SiteName): Uint8Array {
  return new Uint8Array(createHmac("sha256", "split of a simulation").update(`${repetition}/${site}`).digest());
}

interface RecordsFrom {
  readonly path: string;
  readonly splitKey: Uint8Array;
  readonly random: RandomSource;
}

/** A site's patients as the study may use them; throws where its records don't meet the contract. */
export async function patientsOfSite(
  document: StudyDocument,
  name: SiteName,
  from: RecordsFrom,
): Promise<PreparedPatients> {
  return (await preparedOfSite(document, name, from)).patients;
}

/** What may make figures other than they look; that values were clipped to their public range is usual. */
const NOTABLE: ReadonlySet<Problem> = new Set([
  "all-missing",
  "duplicate-records",
  "duplicates-across-parts",
  "past-last-cut",
  "patients-differ",
  "part-empty",
]);

/** What of a site's records meets the contract, and is odd all the same: a sentence each. */
export async function oddities(document: StudyDocument, name: SiteName, from: RecordsFrom): Promise<readonly string[]> {
  const { report } = await preparedOfSite(document, name, from);
  return report.violations.flatMap(({ column, problem, count }) => {
    if (!NOTABLE.has(problem)) return [];
    const where = column === null ? `${name}, ${from.path}` : `${name}, ${from.path}, column '${column}'`;
    return [`${where}: ${PROBLEMS[problem][0]} (${count})`];
  });
}

async function preparedOfSite({ data, sites }: StudyDocument, name: SiteName, { path, splitKey, random }: RecordsFrom) {
  const published = sites.find((site) => site.name === name)?.patients;
  assert(published !== undefined, "a study names each of its sites");
  try {
    const connector = await openData(path);
    try {
      return await preparePatients(connector, data, { secret: splitKey, random, publicPatients: published });
    } finally {
      await connector.close();
    }
  } catch (error) {
    if (error instanceof ContractViolated) throw misfit(name, path, error);
    throw error instanceof Failure ? unreadable(name, path, error) : error;
  }
}

/** What reads files knows no site. */
function unreadable(site: SiteName, path: string, cause: Failure): Failure {
  const { code, kind, message, remedy } = cause;
  return new Failure({ code, kind, what: `${path}, the records of ${site}: ${message}`, remedy, cause });
}

/** The path of a site's records, as the sweep names it. */
export function recordsOf(records: ReadonlyMap<SiteName, string>, site: SiteName): string {
  const path = records.get(site);
  if (path !== undefined) return path;
  throw new Failure({
    code: "simulation/no-records",
    kind: "config",
    what: `The study names site ${site}, and no records are named for it.`,
    remedy: `Name them under records: in the sweep's file, as ${site}: PATH.`,
  });
}

const VIOLATIONS_SHOWN = 5;

function misfit(site: SiteName, path: string, { report }: ContractViolated): Failure {
  const found = report.violations
    .filter(({ severity }) => severity === "error")
    .slice(0, VIOLATIONS_SHOWN)
    .map(({ column, problem, count }) => `  ${column ?? "all"}: ${PROBLEMS[problem][0]} (${count})`);
  return new Failure({
    code: "simulation/records-unfit",
    kind: "config",
    what: [`${path}, the records of ${site}, don't meet the study's data contract:`, ...found].join("\n"),
    remedy: "Mend the records, or the study's columns, ranges and number of patients.",
  });
}
