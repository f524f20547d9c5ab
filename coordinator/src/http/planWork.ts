import { type PlanContext, planStudy } from "@consilium/shared/plan/planStudy";
import { StudyDocument } from "@consilium/shared/study/document";
import { InvalidStudy, resolveStudy } from "@consilium/shared/study/resolve";
import { formatFinding } from "@consilium/shared/study/yamlSource";
import { z } from "zod";

/** One fault of a file, where it stands. */
export const PlanFault = z.strictObject({
  file: z.string(),
  line: z.number().int(),
  column: z.number().int(),
  path: z.string(),
  message: z.string(),
  remedy: z.string(),
});
export type PlanFault = z.infer<typeof PlanFault>;

/** The study that a text is, or all that keeps it from being one. */
export const Resolved = z.discriminatedUnion("is", [
  z.strictObject({
    is: z.literal("study"),
    document: StudyDocument,
    noiseWasAuto: z.boolean(),
    warnings: z.array(z.string()),
  }),
  z.strictObject({ is: z.literal("faulty"), faults: z.array(PlanFault) }),
]);
export type Resolved = z.infer<typeof Resolved>;

/** A study file as it is typed, and the texts of the files that it names. */
export interface StudyText {
  readonly text: string;
  readonly files: readonly { readonly path: string; readonly text: string }[];
}

/** What takes tenths of a second and more, from values alone: done in a thread of its own (`planThread.ts`). */
export type PlanJob =
  | { readonly job: "resolve"; readonly source: StudyText }
  | { readonly job: "plan"; readonly document: StudyDocument; readonly context: PlanContext };

export function doPlanJob(job: PlanJob): unknown {
  return job.job === "resolve" ? resolved(job.source) : planStudy(job.document, job.context);
}

const STUDY_FILE = "study.yaml";

function resolved({ text, files }: StudyText): Resolved {
  const readReference = (path: string): string => {
    const file = files.find((one) => bare(one.path) === bare(path));
    if (file === undefined) throw new Error("it was not sent");
    return file.text;
  };
  try {
    const { document, noiseWasAuto, warnings } = resolveStudy({ file: STUDY_FILE, text, readReference });
    return { is: "study", document, noiseWasAuto, warnings: warnings.map(formatFinding) };
  } catch (error) {
    if (!(error instanceof InvalidStudy)) throw error;
    return { is: "faulty", faults: error.findings.map(({ severity: _, ...fault }) => fault) };
  }
}

function bare(path: string): string {
  return path.replace(/^\.\//, "");
}
