import { readFileSync } from "node:fs";
import type { StudyDocument } from "../../shared/src/study/document.ts";
import { resolveStudy } from "../../shared/src/study/resolve.ts";

const FOLDER = new URL("../../shared/studies/trial/", import.meta.url);

/** The trial's study as it is proposed. */
export function trialDocument(): StudyDocument {
  const read = (name: string): string => readFileSync(new URL(name, FOLDER), "utf8");
  return resolveStudy({ file: "study.yaml", text: read("study.yaml"), readReference: read }).document;
}
