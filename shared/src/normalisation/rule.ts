/**
 * What a study says of its columns' scale: by the public ranges alone, or by noised statistics of the training patients
 * that are charged like any other look at them. What follows from the signed rule alone stands here.
 */
import { z } from "zod";
import type { DataContract } from "../study/contract.ts";
import { featureLayout } from "../study/features.ts";
import { NoiseMultiplier } from "../units/privacy.ts";

const shared = {
  noiseMultiplier: NoiseMultiplier.max(10_000).describe(
    "Noise standard deviation of all statistics over their L2 sensitivity: one Gaussian on the training patients.",
  ),
  columns: z
    .array(z.string().min(1).max(200))
    .min(1)
    .max(1000)
    .optional()
    .describe("Number columns to normalise; absent: all of them. Fewer columns bear less noise each."),
};

export const NormalisationRule = z.discriminatedUnion("by", [
  z.strictObject({
    by: z.literal("mean-and-deviation").describe("Mean and standard deviation become 0 and 1."),
    ...shared,
  }),
  z.strictObject({
    by: z.literal("quantiles").describe("Median becomes 0; half of what lies between 5 % and 95 % becomes 1."),
    ...shared,
    bins: z.number().int().min(8).max(1024).default(64).describe("Equal public bins of each column's public range."),
  }),
]);
export type NormalisationRule = z.infer<typeof NormalisationRule>;

/** Statistics that one round may hold: noise is drawn exactly, some microseconds each. */
const STATISTICS_MAX = 65_536;
const COLUMNS_MAX = 1000;

type Columns = Pick<DataContract, "columns">;

/** A column that is normalised, and its place among a record's features. */
export interface NormalisedColumn {
  readonly name: string;
  readonly place: number;
}

/** In the order of the contract's columns, whatever the order in the rule. */
export function normalisedColumns({ columns }: NormalisationRule, contract: Columns): readonly NormalisedColumn[] {
  return featureLayout(contract).slots.flatMap(({ column, offset }) =>
    column.type === "number" && columns?.includes(column.name) !== false ? [{ name: column.name, place: offset }] : [],
  );
}

/** Statistics of one site: a count, then sum and sum of squares of each column; or each column's bins. */
export function statisticsCount(rule: NormalisationRule, columns: number): number {
  return rule.by === "quantiles" ? columns * rule.bins : 1 + 2 * columns;
}

/** What is wrong with a rule, by path in it. */
export function normalisationFaults(
  rule: NormalisationRule,
  contract: Columns,
): { path: (string | number)[]; message: string }[] {
  const faults = (rule.columns ?? []).flatMap((name, index) => {
    const fault = columnFault(name, contract) ?? (rule.columns?.indexOf(name) !== index ? "is named twice" : null);
    return fault === null ? [] : [{ path: ["columns", index], message: `'${name}' ${fault}` }];
  });
  if (faults.length > 0) return faults;
  const count = normalisedColumns(rule, contract).length;
  if (count === 0) return [{ path: [], message: "finds no number column: nothing would be normalised; remove it" }];
  if (count > COLUMNS_MAX)
    return [{ path: [], message: `takes ≤ ${COLUMNS_MAX} number columns (got ${count}): name those that need it` }];
  const statistics = statisticsCount(rule, count);
  if (statistics > STATISTICS_MAX)
    return [
      { path: [], message: `asks for ${statistics} statistics, more than ${STATISTICS_MAX}: fewer columns or bins` },
    ];
  return [];
}

function columnFault(name: string, { columns }: Columns): string | null {
  const column = columns.find((known) => known.name === name);
  if (column === undefined) return "is no column of the data";
  if (column.type === "category") return "is a category, which has no scale: only number columns are normalised";
  return column.type === "array" ? "is an array: only number columns are normalised" : null;
}
