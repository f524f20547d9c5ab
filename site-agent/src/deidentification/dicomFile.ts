/** From the bytes of a DICOM file to an object that may be seen, or the reason why there is none: the only way in. */
import { blanked } from "../dicom/blank.ts";
import { framesOf, streamSize } from "../dicom/codestream.ts";
import { type DicomDataset, type DicomObject, TAG } from "../dicom/dataset.ts";
import { pixelFormatOf } from "../dicom/pixelFormat.ts";
import { readDicom } from "../dicom/read.ts";
import { type AttributeDeed, deidentifyDicom, deidentifyHead, patientOf } from "./dicomDeidentify.ts";
import { knownRepresentation } from "./dicomKept.ts";
import { type DicomRules, type ObjectRefusal, refusalOf } from "./dicomRules.ts";
import type { SiteSecret } from "./patientKey.ts";

export type SafeObject =
  | { readonly kind: "refused"; readonly why: ObjectRefusal }
  | {
      readonly kind: "safe";
      readonly object: DicomObject;
      readonly deeds: readonly AttributeDeed[];
      /** The file's own identifier of the patient: to be hashed, never to be kept. */
      readonly patient: string;
    };

export type SafeHead =
  | { readonly kind: "refused"; readonly why: ObjectRefusal }
  | { readonly kind: "safe"; readonly dataset: DicomDataset; readonly patient: string };

/** The same without its pixels, which take the longest: none is decoded. */
export function safeHead(bytes: Uint8Array, rules: DicomRules, secret: SiteSecret): SafeHead {
  const object = readDicom(bytes, knownRepresentation);
  const why = refusalOf(object, rules);
  const patient = patientOf(object);
  if (why !== null || patient === null) return { kind: "refused", why: why ?? "no-patient" };
  return { kind: "safe", dataset: deidentifyHead(object.dataset, rules, secret, patient).dataset, patient };
}

/** Throws a Failure for a file that can't be read. */
export async function safeObject(bytes: Uint8Array, rules: DicomRules, secret: SiteSecret): Promise<SafeObject> {
  const object = readDicom(bytes, knownRepresentation);
  const why = refusalOf(object, rules);
  const patient = patientOf(object);
  if (why !== null || patient === null) return { kind: "refused", why: why ?? "no-patient" };
  const rectangles = typeof rules.burnedIn === "object" ? rules.burnedIn.blank : [];
  const seen = rectangles.length > 0 || hasSpareBits(object) ? await blanked(object, rectangles) : object;
  return { kind: "safe", ...deidentifyDicom(seen, rules, secret, patient), patient };
}

/** Whether a lossless stream may hold more than the pixels: bits above theirs, where old systems kept overlays. */
function hasSpareBits({ dataset, transferSyntax }: DicomObject): boolean {
  const pixels = dataset.get(TAG.pixelData)?.value;
  if (pixels?.kind !== "fragments") return false;
  const { codec, frames, bitsStored } = pixelFormatOf(dataset, transferSyntax);
  if (codec === "rle") return true;
  return framesOf(pixels.fragments, frames).some((frame) => (streamSize(frame)?.precision ?? 0) > bitsStored);
}
