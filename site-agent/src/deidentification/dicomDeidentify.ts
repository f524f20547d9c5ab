/**
 * De-identifies one DICOM object by the Basic Application Level Confidentiality Profile (PS3.15 2026c, E.1 to E.3):
 * what the table names is removed, emptied or replaced; of the rest only what `dicomKept.ts` lists stays, and only in
 * its plain form. Private attributes, curves and overlays go; sequences are recursed into; identifiers stay consistent
 * at this site. A pure function of the object, the declared rules and the site's secret.
 */

import { framesOf, withoutTexts } from "../dicom/codestream.ts";
import { type DicomDataset, type DicomElement, type DicomObject, TAG, textElement, textOf } from "../dicom/dataset.ts";
import { pixelFormatOf, plainPixels } from "../dicom/pixelFormat.ts";
import {
  cutTables,
  daysOfPatient,
  dummyOf,
  isEnhanced,
  remappedUid,
  shiftedDate,
  strictestAction,
} from "./dicomActions.ts";
import { isPlainValue, KEPT_ATTRIBUTES, RESCALE_TYPE, RESCALE_TYPES, RETAINABLE } from "./dicomKept.ts";
import { BASIC_PROFILE } from "./dicomProfile.ts";
import type { DicomRules } from "./dicomRules.ts";
import { hashPatientKey, type SiteSecret } from "./patientKey.ts";

export type Deed = "removed" | "emptied" | "replaced" | "shifted" | "retained";

/** What was done to one attribute, wherever it stood; no value of it. */
export interface AttributeDeed {
  readonly tag: number;
  /** The keyword, or why an attribute without one went. */
  readonly name: string;
  readonly deed: Deed;
  readonly count: number;
}

export interface DeidentifiedObject {
  readonly object: DicomObject;
  readonly deeds: readonly AttributeDeed[];
}

/**
 * Dates and times that the study's course is told by; all others are removed or emptied also where dates are shifted.
 */
const SHIFTED_DATES = new Set([0x00080012, 0x00080020, 0x00080021, 0x00080022, 0x00080023]);
const KEPT_TIMES = new Set([0x00080013, 0x00080030, 0x00080031, 0x00080032, 0x00080033]);
const AGE = 0x00101010;
const OLDEST_YEARS = 90;
/** Beyond this a binary attribute but pixels and look-up tables holds more than its numbers. */
const NUMBERS_BYTES_MAX = 1024;
const TABLES = new Set([0x00281201, 0x00281202, 0x00281203, 0x00283006, 0x00186013]);

/** Everything but the pixels. `patient` is the object's own identifier, not empty. */
export function deidentifyHead(
  dataset: DicomDataset,
  rules: DicomRules,
  secret: SiteSecret,
  patient: string,
): { readonly dataset: DicomDataset; readonly deeds: readonly AttributeDeed[] } {
  const work = new Deidentifier(rules, secret, daysOfPatient(secret, patient), isEnhanced(dataset));
  const cleaned = new Map(work.dataset(dataset));
  for (const element of statements(rules)) cleaned.set(element.tag, element);
  return { dataset: cleaned, deeds: work.deeds() };
}

export function deidentifyDicom(
  { dataset, transferSyntax }: DicomObject,
  rules: DicomRules,
  secret: SiteSecret,
  patient: string,
): DeidentifiedObject {
  const head = deidentifyHead(dataset, rules, secret, patient);
  const cleaned = new Map(head.dataset);
  const format = pixelFormatOf(dataset, transferSyntax);
  const pixels = dataset.get(TAG.pixelData);
  if (pixels?.value.kind === "fragments") {
    const fragments = framesOf(pixels.value.fragments, format.frames).map(withoutTexts);
    cleaned.set(TAG.pixelData, { ...pixels, vr: "OB", value: { kind: "fragments", fragments } });
  } else {
    const vr = format.bitsAllocated === 16 ? "OW" : "OB";
    cleaned.set(TAG.pixelData, {
      tag: TAG.pixelData,
      vr,
      value: { kind: "bytes", bytes: plainPixels(dataset, format) },
    });
  }
  return { object: { transferSyntax, dataset: cleaned }, deeds: head.deeds };
}

class Deidentifier {
  private readonly counts = new Map<string, { tag: number; name: string; deed: Deed; count: number }>();

  constructor(
    private readonly rules: DicomRules,
    private readonly secret: SiteSecret,
    private readonly days: number,
    private readonly isEnhanced: boolean,
  ) {}

  dataset(dataset: DicomDataset): DicomDataset {
    const kept = new Map<number, DicomElement>();
    for (const element of dataset.values()) {
      const after = this.element(element);
      if (after !== null) kept.set(after.tag, after);
    }
    cutTables(kept);
    return kept;
  }

  deeds(): readonly AttributeDeed[] {
    return [...this.counts.values()].sort((a, b) => a.tag - b.tag);
  }

  private element(element: DicomElement): DicomElement | null {
    const { tag } = element;
    const group = Math.floor(tag / 0x10000);
    if (tag % 0x10000 === 0 || tag === TAG.pixelData) return null;
    if (group % 2 === 1) return this.remove(tag, "private attribute");
    if (group >= 0x5000 && group <= 0x50ff) return this.remove(tag, "curve");
    if (group >= 0x6000 && group <= 0x60ff) return this.remove(tag, "overlay");
    const retained = RETAINABLE.get(tag);
    if (retained !== undefined && this.rules.keep.includes(retained.name)) return this.retain(element, retained.name);
    const attribute = BASIC_PROFILE.get(tag);
    if (attribute === undefined) return this.unnamed(element);
    const dated = this.dated(element);
    if (dated !== null) return this.note(dated, attribute.name, "shifted");
    if (tag === TAG.patientId) return this.patientId(element);
    switch (strictestAction(attribute, this.isEnhanced)) {
      case "X":
        return this.remove(tag, attribute.name);
      case "Z":
        return this.note(emptied(tag, attribute.vr), attribute.name, "emptied");
      case "U":
        return attribute.vr === "UI" ? this.uid(element, attribute.name) : this.remove(tag, attribute.name);
      case "D": {
        const dummy = attribute.vr === "UI" ? this.uid(element, attribute.name) : dummyOf(tag, attribute.vr);
        return dummy === null ? this.remove(tag, attribute.name) : this.note(dummy, attribute.name, "replaced");
      }
    }
  }

  /** An attribute that the profile says nothing of: stays only if it is listed, and as what it is listed for. */
  private unnamed(element: DicomElement): DicomElement | null {
    const { tag, vr, value } = element;
    const listed = KEPT_ATTRIBUTES.get(tag);
    if (listed === undefined) return this.remove(tag, "not listed");
    if (value.kind === "items") {
      if (listed.vr !== "SQ") return this.remove(tag, listed.name);
      return { tag, vr: "SQ", value: { kind: "items", items: value.items.map((item) => this.dataset(item)) } };
    }
    const isKind = vr === listed.vr || (isShort(vr) && isShort(listed.vr)) || (isBytes(vr) && hasBytes(tag, listed.vr));
    if (!isKind || value.kind !== "bytes") return this.remove(tag, listed.name);
    if (isBinary(vr)) {
      const fits = value.bytes.length <= NUMBERS_BYTES_MAX || TABLES.has(tag);
      return fits ? element : this.remove(tag, listed.name);
    }
    const text = latin1(value.bytes);
    const isKnown = tag !== RESCALE_TYPE || RESCALE_TYPES.has(text.trim());
    return isKnown && isPlainValue(listed.vr, text) ? element : this.remove(tag, listed.name);
  }

  private retain(element: DicomElement, name: string): DicomElement | null {
    const { tag, vr, value } = element;
    if (value.kind !== "bytes" || !isPlainValue(vr, latin1(value.bytes))) return this.remove(tag, name);
    const years = tag === AGE ? /^(\d{3})Y$/.exec(latin1(value.bytes).trim())?.[1] : undefined;
    const isOld = years !== undefined && Number(years) >= OLDEST_YEARS;
    // Ages above 89 are one class: 45 CFR 164.514(b)(2)(i)(C).
    return this.note(isOld ? textElement(tag, vr, `0${OLDEST_YEARS}Y`) : element, name, "retained");
  }

  private dated(element: DicomElement): DicomElement | null {
    if (this.rules.dates !== "shift" || element.value.kind !== "bytes") return null;
    const { tag, vr } = element;
    const text = latin1(element.value.bytes);
    if (KEPT_TIMES.has(tag)) {
      const isTime = vr === "TM" && /^[0-9.]{2,13}$/.test(text.trim());
      return this.rules.times === "keep" && isTime ? element : null;
    }
    const shifted = SHIFTED_DATES.has(tag) ? shiftedDate(text, this.days) : null;
    return shifted === null ? null : textElement(tag, "DA", shifted);
  }

  private patientId({ tag, value }: DicomElement): DicomElement {
    // As `patientOf` reads it: the same patient has the same hash here, in the copies' folders and in a study.
    const patient = value.kind === "bytes" ? (latin1(value.bytes).split("\\")[0] ?? "").trim() : "";
    const key = patient === "" ? "" : hashPatientKey(this.secret, patient);
    return this.note(textElement(tag, "LO", key), "PatientID", "replaced");
  }

  private uid({ tag, value }: DicomElement, name: string): DicomElement {
    const uids = value.kind === "bytes" ? latin1(value.bytes).split("\\") : [];
    const text = uids.map((uid) => (uid === "" ? "" : remappedUid(this.secret, uid))).join("\\");
    return this.note(textElement(tag, "UI", text), name, "replaced");
  }

  private remove(tag: number, name: string): null {
    this.count(tag, name, "removed");
    return null;
  }

  private note(element: DicomElement, name: string, deed: Deed): DicomElement {
    this.count(element.tag, name, deed);
    return element;
  }

  private count(tag: number, name: string, deed: Deed): void {
    const key = `${tag} ${deed} ${name}`;
    const known = this.counts.get(key);
    if (known === undefined) this.counts.set(key, { tag, name, deed, count: 1 });
    else known.count += 1;
  }
}

/** What the object says of itself afterwards (PS3.3, C.7.1.1; PS3.15, E.1.1), codes of PS3.16, CID 7050. */
function statements(rules: DicomRules): readonly DicomElement[] {
  const options = new Set(
    [...RETAINABLE.values()].filter(({ name }) => rules.keep.includes(name)).map(({ option }) => option),
  );
  const codes: [string, string][] = [["113100", "Basic Application Confidentiality Profile"]];
  if (typeof rules.burnedIn === "object") codes.push(["113101", "Clean Pixel Data Option"]);
  if (rules.dates === "shift") codes.push(["113107", "Retain Longitudinal Temporal Information Modified Dates Option"]);
  if (options.has("113108")) codes.push(["113108", "Retain Patient Characteristics Option"]);
  if (options.has("113109")) codes.push(["113109", "Retain Device Identity Option"]);
  const items = codes.map(([code, meaning]) => {
    const elements = [
      textElement(0x00080100, "SH", code),
      textElement(0x00080102, "SH", "DCM"),
      textElement(0x00080104, "LO", meaning),
    ];
    return new Map(elements.map((element) => [element.tag, element]));
  });
  return [
    textElement(0x00120062, "CS", "YES"),
    textElement(0x00120063, "LO", "DICOM PS3.15 2026c Basic Profile"),
    { tag: 0x00120064, vr: "SQ", value: { kind: "items", items } },
    textElement(TAG.burnedIn, "CS", "NO"),
    textElement(0x00280303, "CS", rules.dates === "shift" ? "MODIFIED" : "REMOVED"),
  ];
}

function emptied(tag: number, vr: string): DicomElement {
  return vr === "SQ" ? { tag, vr, value: { kind: "items", items: [] } } : textElement(tag, vr, "");
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString("latin1")
    .replace(/[\0 ]+$/, "");
}

const isShort = (vr: string): boolean => vr === "US" || vr === "SS";
const isBytes = (vr: string): boolean => vr === "OB" || vr === "OW";
/** LUT Data (0028,3006) is "US or OW" (PS3.6, 6), and most writers take the second. */
const hasBytes = (tag: number, listed: string): boolean => isBytes(listed) || tag === 0x00283006;
const isBinary = (vr: string): boolean => isShort(vr) || isBytes(vr) || ["AT", "FD", "FL", "SL", "UL"].includes(vr);

/** The object's own patient identifier; `null` where it has none. */
export function patientOf({ dataset }: DicomObject): string | null {
  return textOf(dataset, TAG.patientId);
}
