/**
 * De-identifies the records of a table by the site's own rules: dates go, or move by the same number of days for all of
 * one patient's; ages of 90 and more become 90; of a US ZIP code three digits stay at most; other columns with a name
 * like an identifier's go unless they are listed. A pure function of the record, the rules and the site's secret.
 */
import { isAbsent, isArrayValue, parseNumber, type RawValue } from "@consilium/shared/study/features";
import { z } from "zod";
import { daysOfPatient, shiftedDate } from "./dicomActions.ts";
import { identifierByName, wordsOf } from "./identifiers.ts";
import type { SiteSecret } from "./patientKey.ts";

const ColumnName = z.string().min(1).max(200);
const columns = z.array(ColumnName).max(1000).default([]);

export const TableRules = z
  .strictObject({
    patient: ColumnName.optional().describe("Column that tells patients apart; copies hold its keyed hash."),
    dates: z
      .record(ColumnName, z.enum(["shift", "remove"]))
      .default({})
      .describe("shift: back by 1 to 3,650 days, the same for all dates of a patient, from a keyed hash. 2026-03-01."),
    ages: columns.describe("Columns with ages in years: 90 and more become 90."),
    zips: columns.describe("Columns with US ZIP codes: three digits stay, 000 where few people live."),
    keep: columns.describe("Columns that somebody looked at: texts, and names that look like an identifier."),
    remove: columns.describe("Columns that go in any case."),
  })
  .superRefine((rules, context) => {
    if (rules.patient === undefined && Object.values(rules.dates).includes("shift"))
      context.addIssue({ code: "custom", path: ["patient"], message: "must be named where dates are shifted" });
    const named = namesOf(rules);
    const twice = named.find((name, i) => named.indexOf(name) !== i);
    if (twice !== undefined) context.addIssue({ code: "custom", path: [], message: `must name '${twice}' once` });
  })
  .describe("What becomes of columns that identify people, by their names in the data.");
export type TableRules = z.infer<typeof TableRules>;

export function namesOf({ patient, dates, ages, zips, keep, remove }: TableRules): readonly string[] {
  return [...(patient === undefined ? [] : [patient]), ...Object.keys(dates), ...ages, ...zips, ...keep, ...remove];
}

export type ColumnDeed = "kept" | "listed" | "patient" | "shifted" | "banded" | "three-digits" | "removed";

/** What becomes of one column, and how often it did. */
export interface ColumnPlan {
  readonly name: string;
  readonly deed: ColumnDeed;
  /** Of a removed one: the rule, or what it looks like. */
  readonly why: string | null;
}

export function planColumn(name: string, { patient, dates, ages, zips, keep, remove }: TableRules): ColumnPlan {
  const plan = (deed: ColumnDeed, why: string | null = null): ColumnPlan => ({ name, deed, why });
  if (name === patient) return plan("patient");
  if (remove.includes(name) || dates[name] === "remove") return plan("removed", "by rule");
  if (dates[name] === "shift") return plan("shifted");
  if (ages.includes(name)) return plan("banded");
  if (zips.includes(name)) return plan("three-digits");
  if (keep.includes(name)) return plan("listed");
  const kind = identifierByName(name);
  return kind === null ? plan("kept") : plan("removed", kind);
}

/** Years from which on all ages are one: 45 CFR 164.514(b)(2)(i)(C). */
const OLDEST_YEARS = 90;
/**
 * Three-digit areas of at most 20,000 people by the census of 2000, as the Office for Civil Rights lists them in its
 * guidance on de-identification (2012).
 */
const FEW_PEOPLE = new Set("036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893".split(" "));
const AGE_WORDS = new Set(["age", "ages", "alter", "lebensalter"]);

/** Values of one column through its plan, counted. */
export class ColumnWork {
  /** Values that are others now. */
  changed = 0;
  /** Values that the rule can't read: left out. */
  unreadable = 0;
  /** Values of 90 and more in a column that is named like an age and that no rule speaks of. */
  old = 0;
  private readonly isAge: boolean;

  constructor(
    readonly plan: ColumnPlan,
    private readonly secret: SiteSecret,
  ) {
    this.isAge = plan.deed === "kept" && wordsOf(plan.name).some((word) => AGE_WORDS.has(word));
  }

  /** `patient`: the record's own, `null` where there is none. */
  value(given: RawValue, patient: string | null): RawValue {
    if (isAbsent(given)) return null;
    if (this.plan.deed === "shifted") return this.replaced(given, this.shifted(given, patient));
    if (this.plan.deed === "banded") return this.replaced(given, banded(given));
    if (this.plan.deed === "three-digits") return this.replaced(given, threeDigits(given));
    if (this.isAge && !isArrayValue(given) && (parseNumber(given) ?? 0) >= OLDEST_YEARS) this.old += 1;
    return given;
  }

  private shifted(given: RawValue, patient: string | null): string | null {
    const [, year, month, day] = /^(\d{4})-?(\d{2})-?(\d{2})(?!\d)/.exec(String(given).trim()) ?? [];
    if (patient === null || year === undefined) return null;
    const moved = shiftedDate(`${year}${month}${day}`, daysOfPatient(this.secret, patient));
    return moved === null ? null : `${moved.slice(0, 4)}-${moved.slice(4, 6)}-${moved.slice(6)}`;
  }

  private replaced(given: RawValue, value: string | number | null): string | number | null {
    if (value === null) this.unreadable += 1;
    else if (value !== given) this.changed += 1;
    return value;
  }
}

function banded(given: RawValue): string | number | null {
  if (isAbsent(given) || isArrayValue(given)) return null;
  const years = parseNumber(given);
  if (years === null || years < 0) return null;
  return years >= OLDEST_YEARS ? OLDEST_YEARS : given;
}

/** A number has lost its leading zeros: only five digits as text, or in a number that has them, are a ZIP code. */
function threeDigits(given: RawValue): string | null {
  const area = /^(\d{3})\d{2}(-?\d{4})?$/.exec(String(given).trim())?.[1];
  if (area === undefined) return null;
  return FEW_PEOPLE.has(area) ? "000" : area;
}
