/** What was done to a table, in figures alone: names of columns, no value and no identifier of the original. */
import { Digest } from "@consilium/shared/units/identity";
import { z } from "zod";
import { type ColumnWork, TableRules } from "./tableRules.ts";

const count = z.number().int().nonnegative();

export const TableStatement = z.strictObject({
  kind: z.literal("table"),
  rules: TableRules,
  read: count,
  written: count,
  /** Records that belong to nobody: left out where patients are told apart. */
  withoutPatient: count,
  /** `null`: the rules name no patient. */
  patients: count.nullable(),
  columns: z.array(
    z.strictObject({
      name: z.string(),
      deed: z.enum(["kept", "listed", "patient", "shifted", "banded", "three-digits", "removed"]),
      /** Of a removed one: the rule, or what it looks like. */
      why: z.string().nullable(),
      changed: count,
      unreadable: count,
    }),
  ),
  /** SHA-256 over the line "SHA-256, two blanks, path" of the written file. */
  output: Digest,
});
export type TableStatement = z.infer<typeof TableStatement>;

export function columnReport({ plan, changed, unreadable }: ColumnWork): TableStatement["columns"][number] {
  return { ...plan, changed, unreadable };
}

const DEEDS: Readonly<Record<TableStatement["columns"][number]["deed"], string>> = {
  kept: "kept",
  listed: "kept, listed",
  patient: "replaced by a keyed hash",
  shifted: "dates shifted",
  banded: "90 and more are 90",
  "three-digits": "three digits",
  removed: "removed",
};

/** The statement for people. */
export function tableLines(statement: TableStatement): readonly string[] {
  const { read, written, withoutPatient, patients, columns, output } = statement;
  return [
    "De-identified by the site's rules for tables.",
    `${written} of ${read} records written${patients === null ? "" : `, of ${patients} patients`}.`,
    ...(withoutPatient === 0 ? [] : [`  left out: ${withoutPatient}, records without a patient`]),
    "",
    ...columns.map(({ name, deed, why, changed, unreadable }) => {
      const unread = unreadable === 0 ? "" : `, ${unreadable} left out that the rule can't read`;
      const others = changed === 0 ? "" : `, ${changed} values are others now`;
      return `${name}: ${DEEDS[deed]}${why === null ? "" : ` (${why})`}${others}${unread}`;
    }),
    "",
    `SHA-256 of the output's list: ${output}`,
  ];
}
