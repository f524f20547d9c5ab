import { createHmac } from "node:crypto";
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import type { Part } from "@consilium/shared/ledger/entry";
import type { DataContract } from "@consilium/shared/study/contract";
import type { PatientKey, SiteSecret } from "../deidentification/patientKey.ts";

/** What a data set's own split column says of a patient. */
export type GivenSplit = "train" | "test";

/**
 * The part of a patient, from its key and the site's secret alone: never from other patients, so adding or removing one
 * moves nobody else. `train` of a split column is train; its `test` patients are halved into validation and audit.
 */
export function partOf(
  secret: SiteSecret,
  patient: PatientKey,
  split: GivenSplit | null,
  shares: DataContract["shares"],
): Part {
  if (split === "train") return "train";
  const place = unitInterval(secret, patient);
  if (split === "test") return place < 0.5 ? "validation" : "audit";
  if (place < shares.train) return "train";
  if (place < shares.train + shares.validation) return "validation";
  return place < shares.train + shares.validation + (shares.reference ?? 0) ? "reference" : "audit";
}

/**
 * What decides the parts of a data set. Charges are booked for each part and a site's figure is the greatest, which
 * holds only while every study on the same data set splits it by the same rule: a second rule would move patients
 * between parts.
 */
export function splitRule(contract: DataContract): string {
  const { patient, split, shares } = contract;
  return canonicalJson({ patient: patient ?? null, ...(split === undefined ? { shares } : { split }) });
}

/** Whether parts follow from patients' own keys alone; else from the file too: its row numbers, or its split column. */
export function isSplitByKey({ patient, split }: DataContract): boolean {
  return patient !== undefined && split === undefined;
}

/** A uniform place in [0, 1) by the first 53 bits of an HMAC under a domain of its own. */
function unitInterval(secret: SiteSecret, patient: PatientKey): number {
  const digest = createHmac("sha256", secret).update(`part\0${patient}`).digest();
  return Number(digest.readBigUInt64BE(0) >> 11n) / 2 ** 53;
}
