import type { IdentifierKind } from "../deidentification/identifiers.ts";

/** One kind of disagreement between data and contract, counted; for this hospital's own eyes. */
export interface Violation {
  /** An error stands in the way of training; a warning doesn't. */
  readonly severity: "error" | "warning";
  /** `null`: the data set as a whole. */
  readonly column: string | null;
  readonly problem: Problem;
  /** Records, or patients, or columns, as the problem says. */
  readonly count: number;
}

/** Every problem that is told, with the words and the way out. */
export const PROBLEMS = {
  "column-missing": ["the data have no such column", "Rename the file's column, or ask for a study without it."],
  "column-repeated": ["the data have more than one column of this name", "Keep one of them."],
  identifier: ["identifies people", "A study may not train on it; ask its author to drop the column."],
  "value-missing": ["records without a value, and the study has no fill", "Fill them, or ask for a public fill."],
  "not-a-number": ["records whose value is no number", "Correct them; decimals are written with a point."],
  "no-time": ["records whose time is no number from 0 on", "Count the time from the study's own beginning."],
  "wrong-shape": ["records whose array is missing or of another shape", "Read the images at the study's size."],
  "unknown-category": ["records whose value is not one of the study's", "Map the codes to those of the schema."],
  "not-recoded": ["records whose value the data set's file doesn't recode", "List the value there; none is guessed."],
  "not-converted": [
    "records whose value is no number to convert",
    "Correct them, or recode them in the data set's file. Between mass and amount name the substance: of: cholesterol.",
  ],
  "not-deidentified": [
    "records whose date, age or ZIP code the rules of de-identification can't read",
    "Write 2026-03-01, years, and five digits; or have the column removed.",
  ],
  "scale-differs": ["records off the scale that the data set's file expects", "Check the unit, or the conversion."],
  "label-missing": ["records without a label", "Leave them out of the file, or add the label."],
  "unknown-label": ["records whose label is not one of the study's", "Map the codes to those of the study."],
  "patient-missing": ["records without a patient key", "Add the key: a patient's records must be told together."],
  "split-unknown": ["records whose split is neither train nor test", "Write train or test."],
  "split-disagrees": ["patients with records in both train and test", "Give all records of a patient the same split."],
  "patient-repeated": [
    "further records of a patient, whose time is one record's",
    "Keep one line a patient: the time to the event, or to the last look.",
  ],
  "no-records": ["the file has no records", "Export it again."],
  "out-of-range": ["records outside the public range, clipped to it", "Check the unit; clipping is harmless if rare."],
  "left-out": [
    "DICOM files without a usable image",
    "Texts, reports, text in pictures: consilium-site data deidentify tells why, with counts.",
  ],
  "no-visit": [
    "patients of the table of patients who have no visit, left out",
    "Check the export of visits; whoever was never seen has nothing to learn from.",
  ],
  "off-scale": ["records off the scale that the data set's file expects", "Check them; a few are seldom harm."],
  "all-missing": ["no record has a value; all are filled", "Nothing to do if it is not recorded here."],
  "duplicate-records": ["records that repeat an earlier one exactly", "Check the export."],
  "duplicates-across-parts": [
    "records that equal one of another patient in another part",
    "The same person under two keys weakens the audit; chance where columns are few.",
  ],
  "past-last-cut": [
    "records, more than half, whose time is past the study's last cut: no event of theirs is seen",
    "Check the unit: a date or a code is no time.",
  ],
  "records-over-limit": ["records beyond the study's limit for one patient, left out at random", "Nothing to do."],
  "patients-differ": [
    "training patients, far from the study's public number",
    "Tell the study's author before approving.",
  ],
  "part-empty": ["of the three parts have no patient", "Too few patients for this study's split."],
} as const satisfies Record<string, readonly [what: string, remedy: string]>;
export type Problem = keyof typeof PROBLEMS;

const WARNINGS: ReadonlySet<Problem> = new Set([
  "out-of-range",
  "left-out",
  "no-visit",
  "off-scale",
  "all-missing",
  "duplicate-records",
  "duplicates-across-parts",
  "past-last-cut",
  "records-over-limit",
  "patients-differ",
  "part-empty",
]);

/** Counts problems, column by column. */
export class Tally {
  private readonly counts = new Map<string, { column: string | null; problem: Problem; count: number }>();
  private readonly kinds = new Map<string, IdentifierKind>();

  add(column: string | null, problem: Problem, count = 1): void {
    const key = `${problem}\0${column ?? ""}`;
    const known = this.counts.get(key);
    if (known === undefined) this.counts.set(key, { column, problem, count });
    else known.count += count;
  }

  addIdentifier(column: string, kind: IdentifierKind): void {
    if (this.kinds.has(column)) return;
    this.kinds.set(column, kind);
    this.add(column, "identifier");
  }

  /** Errors first, then in the order of the problems above. */
  violations(): readonly (Violation & { readonly identifier?: IdentifierKind })[] {
    const order = Object.keys(PROBLEMS);
    return [...this.counts.values()]
      .map(({ column, problem, count }) => {
        const kind = problem === "identifier" && column !== null ? this.kinds.get(column) : undefined;
        const severity: Violation["severity"] = WARNINGS.has(problem) ? "warning" : "error";
        return { severity, column, problem, count, ...(kind === undefined ? {} : { identifier: kind }) };
      })
      .sort((a, b) => order.indexOf(a.problem) - order.indexOf(b.problem));
  }
}
