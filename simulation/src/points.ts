import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { type ResolvedStudy, resolveStudy } from "@consilium/shared/study/resolve";
import { studyReferences } from "@consilium/storage/studyFile";
import { parseDocument } from "yaml";
import { SanitizeRule } from "./sanitizeRule.ts";
import { type Axis, COX_PENALTY, type Sweep, type Trainer, UnprovenNoise } from "./sweepFile.ts";

/** One place of the grid: what of the study is changed there, and by whom it is trained. */
export interface Point {
  /** `private-noise-2.2`: the name of its folder; unique in the sweep. */
  readonly id: string;
  readonly variant: string;
  readonly train: Trainer;
  /** Value of each column, as text; empty where a variant leaves the grid out. */
  readonly columns: Readonly<Record<string, string>>;
  readonly changes: Readonly<Record<string, unknown>>;
  /** What every site does to its data set beforehand. */
  readonly sanitize?: SanitizeRule;
  /** Noise of a pooled training without a proof. */
  readonly unproven?: UnprovenNoise;
  /** Of a Cox model. */
  readonly penalty?: number;
}

/** Paths of the grid that begin so are of the variant's own rule, not the study's. */
const RULES = ["sanitize", "unproven"] as const;
type RuleName = (typeof RULES)[number];

/** Every variant at every combination of the axes' values, in the file's order. */
export function pointsOf({ file }: Pick<Sweep, "file">): readonly Point[] {
  const points = file.variants.flatMap(({ name, train, set, vary, sanitize, unproven, penalty }) =>
    (vary ? combinations(file.vary) : [[]]).map((cells): Point => {
      const columns = Object.fromEntries(cells.map(({ axis, value }) => [axis.name, textOf(value)]));
      const id = [name, ...cells.flatMap(({ axis, value }) => [axis.name, textOf(value)])].map(slug).join("-");
      const ofStudy = Object.fromEntries(
        cells.flatMap(({ axis: { path }, value }) => (ruleOf(path) === undefined ? [[path, value]] : [])),
      );
      return {
        ...{ id, variant: name, train, columns, changes: { ...file.set, ...ofStudy, ...set } },
        ...(sanitize === undefined
          ? {}
          : { sanitize: SanitizeRule.parse({ ...sanitize, ...ownOf("sanitize", cells) }) }),
        ...(unproven === undefined
          ? {}
          : { unproven: UnprovenNoise.parse({ ...unproven, ...ownOf("unproven", cells) }) }),
        ...(train === "cox" ? { penalty: penalty ?? COX_PENALTY } : {}),
      };
    }),
  );
  return points.map((point, index) => ({ ...point, id: `${String(index + 1).padStart(2, "0")}-${point.id}` }));
}

function ruleOf(path: string): RuleName | undefined {
  return RULES.find((rule) => path.startsWith(`${rule}.`));
}

/** What the grid sets of a variant's own rule. */
function ownOf(rule: RuleName, cells: readonly Cell[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    cells.flatMap(({ axis: { path }, value }) => (ruleOf(path) === rule ? [[path.slice(rule.length + 1), value]] : [])),
  );
}

type Cell = { readonly axis: Axis; readonly value: unknown };

function combinations([axis, ...rest]: readonly Axis[]): readonly (readonly Cell[])[] {
  if (axis === undefined) return [[]];
  return axis.values.flatMap((value) => combinations(rest).map((others) => [{ axis, value }, ...others]));
}

function textOf(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Of a folder's name: σ becomes `sigma`, what no file system would take becomes a hyphen. */
export function slug(text: string): string {
  const latin = text.replaceAll("σ", "sigma").replaceAll("ε", "epsilon").replaceAll("β", "beta");
  return (
    latin
      .toLowerCase()
      .replace(/[^a-z0-9.]+/g, "-")
      .replace(/^-+|-+$/g, "")
      .slice(0, 40) || "x"
  );
}

/** The text of one point's study: the study's file with the point's changes. */
function studyTextAt({ studyText }: Sweep, { changes }: Point): string {
  const document = parseDocument(studyText);
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split(".").map((key) => (/^\d+$/.test(key) ? Number(key) : key));
    if (value === null) document.deleteIn(keys);
    else document.setIn(keys, value);
  }
  return document.toString();
}

/** Writes one point's study and the files that it names to a folder of its own; returns the study's path. */
export function writeStudyAt(sweep: Sweep, point: Point, folder: string): string {
  const text = studyTextAt(sweep, point);
  const { readReference, readBytes } = studyReferences(sweep.studyPath);
  const copy = <Content extends string | Uint8Array>(reference: string, content: Content): Content => {
    const target = join(folder, reference);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
    return content;
  };
  resolveStudy({
    ...{ file: sweep.studyPath, text },
    readReference: (reference) => copy(reference, readReference(reference)),
    readBytes: (reference) => copy(reference, readBytes(reference)),
  });
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "study.yaml");
  writeFileSync(path, text);
  return path;
}

/** The study of one point, as `consilium study propose` would sign it; throws where it can't be one. */
export function studyAt(sweep: Sweep, point: Point): ResolvedStudy {
  const { studyPath } = sweep;
  const { id, changes, train } = point;
  try {
    const study = resolveStudy({ file: studyPath, text: studyTextAt(sweep, point), ...studyReferences(studyPath) });
    if (train === "cox" && study.document.data.survival === undefined) throw noTimes(id, study);
    return study;
  } catch (error) {
    // Its own refusals name the point already.
    if (!(error instanceof Failure) || error.code.startsWith("sweep/")) throw error;
    throw new Failure({
      code: "sweep/point-invalid",
      kind: "config",
      what: `Point ${id} of the sweep can't be a study (${JSON.stringify(changes)}):\n${error.message}`,
      remedy: "Change its values, or leave it out of the grid.",
      cause: error,
    });
  }
}

function noTimes(id: string, { document }: ResolvedStudy): Failure {
  return new Failure({
    code: "sweep/cox-without-times",
    kind: "config",
    what: `Point ${id} asks for train: cox, and ${document.name} is no study of times: it has no data.survival.`,
    remedy: "Leave that variant out, or name the column of times under data.survival.",
  });
}
