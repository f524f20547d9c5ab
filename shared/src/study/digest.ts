import { digestOfJson } from "../encoding/digest.ts";
import type { Digest } from "../units/identity.ts";
import type { StudyDocument } from "./document.ts";

/** What sites approve: SHA-256 of the document's canonical JSON, so spelling and order in the file don't matter. */
export function studyDigest(document: StudyDocument): Digest {
  return digestOfJson(document);
}
