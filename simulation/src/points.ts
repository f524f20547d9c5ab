import { Failure } from "@consilium/shared/failure/failure";
import { InvalidStudy, type ResolvedStudy, resolveStudy } from "@consilium/shared/study/resolve";
import { studyReferences } from "@consilium/storage/studyFile";
import { parseDocument } from "yaml";
import { type Axis, SanitizeRule, type Sweep, type Trainer } from "./sweepFile.ts";

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
}

/** Paths of the grid that begin so are the variant's sanitizing, not the study's. */
const SANITIZE = "sanitize.";

/** Every variant at every combination of the axes' values, in the file's order. */
export function pointsOf({ file }: Pick<Sweep, "file">): readonly Point[] {
  const points = file.variants.flatMap(({ name, train, set, vary, sanitize }) =>
    (vary ? combinations(file.vary) : [[]]).map((cells): Point => {
      const columns = Object.fromEntries(cells.map(({ axis, value }) => [axis.name, textOf(value)]));
      const [ofSanitizing, ofStudy] = [true, false].map((wanted) =>
        Object.fromEntries(
          cells.flatMap(({ axis: { path }, value }) =>
            path.startsWith(SANITIZE) === wanted ? [[wanted ? path.slice(SANITIZE.length) : path, value]] : [],
          ),
        ),
      );
      const id = [name, ...cells.flatMap(({ axis, value }) => [axis.name, textOf(value)])].map(slug).join("-");
      const rule = sanitize === undefined ? {} : { sanitize: SanitizeRule.parse({ ...sanitize, ...ofSanitizing }) };
      return { id, variant: name, train, columns, changes: { ...file.set, ...ofStudy, ...set }, ...rule };
    }),
  );
  return points.map((point, index) => ({ ...point, id: `${String(index + 1).padStart(2, "0")}-${point.id}` }));
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
function slug(text: string): string {
  const latin = text.replaceAll("σ", "sigma").replaceAll("ε", "epsilon").replaceAll("β", "beta");
  return (
    latin
      .toLowerCase()
      .replace(/[^a-z0-9.]+/g, "-")
      .replace(/^-+|-+$/g, "")
      .slice(0, 40) || "x"
  );
}

/** The study of one point, as `consilium study propose` would sign it; throws where it can't be one. */
export function studyAt({ studyPath, studyText }: Sweep, { id, changes }: Point): ResolvedStudy {
  const document = parseDocument(studyText);
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split(".").map((key) => (/^\d+$/.test(key) ? Number(key) : key));
    if (value === null) document.deleteIn(keys);
    else document.setIn(keys, value);
  }
  try {
    return resolveStudy({ file: studyPath, text: document.toString(), ...studyReferences(studyPath) });
  } catch (error) {
    if (!(error instanceof InvalidStudy)) throw error;
    throw new Failure({
      code: "sweep/point-invalid",
      kind: "config",
      what: `Point ${id} of the sweep can't be a study (${JSON.stringify(changes)}):\n${error.message}`,
      remedy: "Change its values, or leave it out of the grid.",
      cause: error,
    });
  }
}
