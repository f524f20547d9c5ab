/** From the bytes of a DICOM file to an object that may be seen, or the reason why there is none: the only way in. */
import { blanked } from "../dicom/blank.ts";
import type { DicomObject } from "../dicom/dataset.ts";
import { readDicom } from "../dicom/read.ts";
import { type AttributeDeed, deidentifyDicom, patientOf } from "./dicomDeidentify.ts";
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

/** Throws a Failure for a file that can't be read. */
export async function safeObject(bytes: Uint8Array, rules: DicomRules, secret: SiteSecret): Promise<SafeObject> {
  const object = readDicom(bytes, knownRepresentation);
  const why = refusalOf(object, rules);
  const patient = patientOf(object);
  if (why !== null || patient === null) return { kind: "refused", why: why ?? "no-patient" };
  const seen = typeof rules.burnedIn === "object" ? await blanked(object, rules.burnedIn.blank) : object;
  return { kind: "safe", ...deidentifyDicom(seen, rules, secret, patient), patient };
}
