/** A sanitized file that a study is to train on: shown to be the one that a charge of this data set paid for. */
import { readFile } from "node:fs/promises";
import { Failure } from "@consilium/shared/failure/failure";
import type { ChargeId } from "@consilium/shared/ledger/entry";
import { verifyStatement } from "@consilium/shared/signing/ed25519";
import type { DataContract } from "@consilium/shared/study/contract";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import type { DatasetId, SiteName } from "@consilium/shared/units/identity";
import { z } from "zod";
import { contentOf } from "../contract/content.ts";
import { type ContractReport, ContractViolated, preparePatients } from "../contract/prepare.ts";
import { asSanitized, PART_CODE, type PreparedPatients, type PreparedSanitized } from "../contract/preparedPatients.ts";
import { DatasetBudget } from "../ledger/budget.ts";
import { readKeys } from "../storage/keys.ts";
import { askSite, type CommandContext } from "./context.ts";
import { openNamed } from "./localFile.ts";
import { manifestOf } from "./sanitizeFile.ts";
import { MANIFEST_DOMAIN, SignedManifest } from "./sanitizeManifest.ts";

export interface PaidFile {
  readonly path: string;
  readonly charge: ChargeId;
  readonly manifest: SignedManifest["manifest"];
}

/**
 * Throws unless the file is, byte for byte, what this site's own signed manifest beside it says, made from this data
 * set, and its charge stands in the ledger. Reads no original record.
 */
export async function paidFile(
  context: CommandContext,
  path: string,
  { site, dataset }: { readonly site: SiteName; readonly dataset: DatasetId },
): Promise<PaidFile> {
  const { manifest, signature } = await readManifest(path);
  const { identity } = await readKeys(context.folder);
  if (!verifyStatement(identity.publicKey, MANIFEST_DOMAIN, manifest, signature))
    throw notPaid(path, "its manifest is not signed with this site's key");
  if (manifest.site !== site || manifest.dataset !== dataset)
    throw notPaid(path, `it was made from ${manifest.site}'s data set ${manifest.dataset}, not from ${dataset}`);
  const { digest } = await contentOf(path);
  if (digest !== manifest.file) throw notPaid(path, "it is not the file that its manifest names: it was changed since");
  const budgets = await askSite(context, { ask: "budget" }, z.array(DatasetBudget));
  const made = budgets
    .find((budget) => budget.dataset === dataset)
    ?.sanitizings.find(({ charge }) => charge === manifest.charge);
  if (made === undefined) throw notPaid(path, `the ledger has no charge ${manifest.charge}`);
  // After a restore the charge may be known by its signature alone, without what closed it.
  if (made.file !== null && made.file !== digest) throw notPaid(path, `charge ${manifest.charge} made another file`);
  return { path, charge: manifest.charge, manifest };
}

/**
 * Its training patients, read through the study's contract. A patient is in the same part as in the data set itself: by
 * the patient's own key, or by the split column; without either nothing would tell.
 */
export async function sanitizedPatients(
  context: CommandContext,
  paid: PaidFile,
  contract: DataContract,
): Promise<{ patients: PreparedSanitized; report: ContractReport }> {
  if (contract.patient === undefined && contract.split === undefined) throw unmatched();
  const { path } = paid;
  const { splitKey } = await readKeys(context.folder);
  const connector = await openNamed(path);
  try {
    const { patients, report } = await preparePatients(connector, contract, {
      secret: splitKey,
      random: operatingSystemRandom,
    });
    await requireUntouched(paid);
    return { patients: asSanitized(trainingOnly(patients)), report };
  } catch (error) {
    throw error instanceof ContractViolated ? misfit(path, error) : error;
  } finally {
    await connector.close();
  }
}

/**
 * Once it was read: a file that was changed, or replaced, meanwhile is refused. It stays the site's own word: whoever
 * may write to its folder could put another there and the first one back in between.
 */
export async function requireUntouched({ path, manifest }: PaidFile): Promise<void> {
  const { digest } = await contentOf(path);
  if (digest !== manifest.file) throw notPaid(path, "it was changed while it was read");
}

/** Validation and audit patients' sanitized records are left out: training never sees anything of them. */
function trainingOnly(patients: PreparedPatients): PreparedPatients {
  const { featureCount, recordStart, parts } = patients;
  const features: Float32Array[] = [];
  const labels: number[] = [];
  const starts = [0];
  parts.forEach((part, patient) => {
    if (part !== PART_CODE.train) return;
    const [from = 0, to = 0] = [recordStart[patient], recordStart[patient + 1]];
    features.push(patients.features.subarray(from * featureCount, to * featureCount));
    labels.push(...patients.labels.subarray(from, to));
    starts.push(labels.length);
  });
  const kept = new Float32Array(labels.length * featureCount);
  let at = 0;
  for (const rows of features) {
    kept.set(rows, at);
    at += rows.length;
  }
  return {
    featureCount,
    features: kept,
    labels: Int32Array.from(labels),
    recordStart: Int32Array.from(starts),
    parts: new Uint8Array(starts.length - 1).fill(PART_CODE.train),
  };
}

async function readManifest(path: string): Promise<SignedManifest> {
  const beside = manifestOf(path);
  const text = await readFile(beside, "utf8").catch(() => null);
  if (text === null) throw notPaid(path, `there is no manifest ${beside} beside it`);
  try {
    return SignedManifest.parse(JSON.parse(text));
  } catch {
    throw notPaid(path, `${beside} is no manifest of this version`);
  }
}

function notPaid(path: string, why: string): Failure {
  return new Failure({
    code: "sanitizer/not-paid-for",
    kind: "refused",
    what: `${path} can't stand in for the data set: ${why}.`,
    remedy:
      "Name a file as consilium-site sanitize wrote it, with its .sanitized.json beside it. Nothing was approved.",
  });
}

function unmatched(): Failure {
  return new Failure({
    code: "sanitizer/rows-unmatched",
    kind: "config",
    what: "The study's data contract has neither a patient key nor a split column.",
    remedy:
      "Nothing would tell which sanitized records are of training patients: have the study name `patient` or `split`.",
  });
}

function misfit(path: string, { report }: ContractViolated): Failure {
  const errors = report.violations
    .filter(({ severity }) => severity === "error")
    .map(({ column, problem }) => `${column ?? "records"}: ${problem}`);
  return new Failure({
    code: "sanitizer/contract-violated",
    kind: "config",
    what: `${path} does not meet the study's data contract (${errors.join(", ")}).`,
    remedy:
      "Sanitize with --schema of this very study; a projection's columns are its own, and fit no study of the source.",
  });
}
