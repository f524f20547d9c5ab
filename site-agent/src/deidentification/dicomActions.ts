/** What becomes of one attribute: the table's action, the type's choice where the table leaves one, and the dummies. */
import { createHmac } from "node:crypto";
import type { DicomDataset, DicomElement } from "../dicom/dataset.ts";
import { bytesOf, TAG, textElement } from "../dicom/dataset.ts";
import type { ProfileAttribute } from "./dicomProfile.ts";
import type { SiteSecret } from "./patientKey.ts";

export type SimpleAction = "X" | "Z" | "D" | "U";

/** Attributes that an enhanced multi-frame object must have with a value (PS3.3, C.7.5.2, C.7.6.16). */
const NEEDED_WHEN_ENHANCED = new Set([0x0008002a, 0x00080023, 0x00080033, 0x00181000, 0x00189516, 0x00189517]);
/** Attributes that some image must have, if empty (type 2): the acquisition's context. */
const NEEDED_EMPTY = new Set([0x00400555]);

/** The strictest of the actions that leaves an image valid: its optional attributes are removed. */
export function strictestAction({ action, tag }: ProfileAttribute, isEnhanced: boolean): SimpleAction {
  const isNeeded = isEnhanced && NEEDED_WHEN_ENHANCED.has(tag);
  switch (action) {
    case "D":
    case "Z":
    case "X":
    case "U":
      return action;
    case "Z/D":
      return isNeeded ? "D" : "Z";
    case "X/D":
    case "X/Z/D":
      return isNeeded ? "D" : "X";
    case "X/Z":
      return NEEDED_EMPTY.has(tag) ? "Z" : "X";
    case "X/Z/U*":
      return "X";
  }
}

export function isEnhanced(dataset: DicomDataset): boolean {
  return dataset.has(TAG.sharedFunctionalGroups) || dataset.has(TAG.perFrameFunctionalGroups);
}

/** A value of the kind that says nothing; `null` for what has no dummy (sequences, bytes), which is removed instead. */
export function dummyOf(tag: number, vr: string): DicomElement | null {
  const text = DUMMIES[vr];
  return text === undefined ? null : textElement(tag, vr, text);
}

const DUMMIES: Readonly<Record<string, string>> = {
  AE: "REMOVED",
  AS: "000Y",
  CS: "REMOVED",
  DA: "19000101",
  DS: "0",
  DT: "19000101000000",
  IS: "0",
  LO: "REMOVED",
  LT: "REMOVED",
  PN: "REMOVED",
  SH: "REMOVED",
  ST: "REMOVED",
  TM: "000000",
  UC: "REMOVED",
  UR: "removed:",
  UT: "REMOVED",
};

/**
 * Another identifier in the place of one, the same for the same one at this site and for nobody else: 2.25 and 128
 * bits of an HMAC-SHA-256 (FIPS 198-1) in decimal, in the form of a UUID of version 8 (RFC 9562), so at most 44
 * characters.
 */
export function remappedUid(secret: SiteSecret, uid: string): string {
  const bytes = createHmac("sha256", secret).update(`uid\0${uid}`).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return `2.25.${BigInt(`0x${bytes.toString("hex")}`)}`;
}

/**
 * Days that all dates of a patient go back by: 1 to 3,650, from the patient's identifier and the site's secret alone.
 */
export function daysOfPatient(secret: SiteSecret, patient: string): number {
  const digest = createHmac("sha256", secret).update(`dates\0${patient}`).digest();
  return 1 + Number(digest.readBigUInt64BE(0) % 3650n);
}

/** `20260301` (or a date and time) that many days earlier, as a date; `null` for what is no date. */
export function shiftedDate(text: string, days: number): string | null {
  const [, year, month, day] = /^(\d{4})(\d{2})(\d{2})/.exec(text.trim()) ?? [];
  if (year === undefined || month === undefined || day === undefined) return null;
  const at = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  if (at.getUTCMonth() !== Number(month) - 1 || at.getUTCDate() !== Number(day)) return null;
  at.setUTCDate(at.getUTCDate() - days);
  return at.toISOString().slice(0, 10).replaceAll("-", "");
}

/** Descriptor and data of each table: three palettes, and that of a modality or a window. */
const TABLES = [
  [0x00281101, 0x00281201],
  [0x00281102, 0x00281202],
  [0x00281103, 0x00281203],
  [0x00283002, 0x00283006],
] as const;

/** Look-up tables without whatever stands behind their last entry; one that doesn't say how many it has goes. */
export function cutTables(dataset: Map<number, DicomElement>): void {
  for (const [descriptor, data] of TABLES) {
    const [described, table] = [bytesOf(dataset, descriptor), bytesOf(dataset, data)];
    const element = dataset.get(data);
    if (element === undefined) continue;
    dataset.delete(data);
    if (described === null || table === null || described.length < 6) continue;
    const view = new DataView(described.buffer, described.byteOffset, described.byteLength);
    // None stand for 65,536 (PS3.3, C.7.6.3.1.5). Entries of 8 bits may lie in words or in bytes.
    const entries = view.getUint16(0, true) || 65_536;
    const bytes = table.subarray(0, table.length >= 2 * entries ? 2 * entries : entries + (entries % 2));
    dataset.set(data, { ...element, value: { kind: "bytes", bytes } });
  }
}
