/** What a data set's own file declares for its DICOM objects, and which objects are refused before anything else. */
import { z } from "zod";
import { type DicomObject, TAG, textOf } from "../dicom/dataset.ts";
import { RETAINABLE_NAMES } from "./dicomKept.ts";

const place = z.number().int().min(0).max(0xffff);
const size = z.number().int().min(1).max(0xffff);

export const Region = z
  .strictObject({ x: place, y: place, width: size, height: size })
  .describe("A rectangle of every frame, in pixels from the upper left, that is made black.");
export type Region = z.infer<typeof Region>;

export const DicomRules = z.strictObject({
  keep: z
    .array(z.enum(RETAINABLE_NAMES))
    .max(RETAINABLE_NAMES.length)
    .default([])
    .describe("Attributes to retain, by the profile's options for patient characteristics and device identity."),
  dates: z
    .enum(["remove", "shift"])
    .default("remove")
    .describe("shift: all dates of a patient go back by the same number of days, 1 to 3,650, from a keyed hash."),
  times: z.enum(["remove", "keep"]).default("remove").describe("Times of day, kept only where dates are shifted."),
  burnedIn: z
    .union([
      z.literal("refuse"),
      z.literal("none").describe("Somebody looked at these images: no text is burned in."),
      z.strictObject({ blank: z.array(Region).min(1).max(100) }).describe("Text stands in these rectangles alone."),
    ])
    .default("refuse")
    .describe("Images that say that text is burned into them, or of kinds where it usually is."),
  secondaryCapture: z.boolean().default(false).describe("Whether secondary captures (screen shots, scans) are read."),
});
export type DicomRules = z.infer<typeof DicomRules>;

/** Why an object is left out. */
export const REFUSALS = {
  "structured-report": "structured reports",
  "encapsulated-document": "encapsulated documents",
  "secondary-capture": "secondary captures",
  "presentation-state": "presentation states",
  waveform: "waveforms",
  "no-image": "other objects without an image",
  "burned-in": "images with burned-in text, or of a kind where it is usual and nobody said that there is none",
  "no-patient": "images without a patient's identifier",
} as const;
export type ObjectRefusal = keyof typeof REFUSALS;

/** SOP classes by the beginning of their identifiers (PS3.4, B.5). */
const STORAGE = "1.2.840.10008.5.1.4.1.1.";
const KINDS: readonly (readonly [string, ObjectRefusal])[] = [
  ["88.", "structured-report"],
  ["104.", "encapsulated-document"],
  ["11.", "presentation-state"],
  ["9.", "waveform"],
  ["66", "no-image"],
  ["481.", "no-image"],
  ["4.2", "no-image"],
  ["30", "no-image"],
];
/**
 * Kinds of image that are commonly written over (PS3.3, C.7.6.1.1.4 leaves it to (0028,0301), which is often absent).
 */
const WRITTEN_OVER = new Set("US IVUS ES GM SM XC OT SC DOC ECG OP OPT OAM EPS HD XA RF BMD".split(" "));

/** Why an object can't be used under these rules; `null` where it can. */
export function refusalOf({ dataset }: DicomObject, rules: DicomRules): ObjectRefusal | null {
  const kind = textOf(dataset, TAG.sopClass) ?? "";
  for (const [beginning, refusal] of KINDS) if (kind.startsWith(`${STORAGE}${beginning}`)) return refusal;
  if (!kind.startsWith(STORAGE) || !dataset.has(TAG.pixelData)) return "no-image";
  const isCapture = kind === `${STORAGE}7` || kind.startsWith(`${STORAGE}7.`);
  if (isCapture && !rules.secondaryCapture) return "secondary-capture";
  if (textOf(dataset, TAG.patientId) === null) return "no-patient";
  if (rules.burnedIn !== "refuse") return null;
  const said = textOf(dataset, TAG.burnedIn);
  if (said === "NO") return null;
  const modality = textOf(dataset, TAG.modality);
  const isUsual = isCapture || modality === null || WRITTEN_OVER.has(modality) || dataset.has(TAG.conversionType);
  return said !== null || isUsual ? "burned-in" : null;
}
