import { z } from "zod";
import { SurvivalRule } from "./survivalRule.ts";

const ColumnName = z.string().min(1).max(200).describe("As it stands in the data's header.");

/** A value of a category or a label. */
export const CategoryValue = z.union([z.number(), z.string()]);
export type CategoryValue = z.infer<typeof CategoryValue>;

/**
 * What two category values are compared by: their text, where `1`, `1.0` and `"1"` are the same value,
 * because one hospital's file writes codes as integers and the next one's as decimals.
 */
export function categoryKey(value: CategoryValue): string {
  const text = String(value).trim();
  return /^[+-]?\d{1,15}(\.\d{1,15})?$/.test(text) ? String(Number(text) + 0) : text;
}

const MissingRule = z
  .union([
    z.literal("refuse"),
    z.strictObject({
      fill: CategoryValue.describe("The public value that stands in: the same at every site, never learnt from data."),
      indicator: z.boolean().default(false).describe("Adds one feature: 1 where the value was missing, else 0."),
      codes: z
        .array(CategoryValue)
        .max(20)
        .default([])
        .describe("Values that stand for missing in the data, beside an empty cell, NA, NaN and ?: 0, 999, unknown."),
    }),
  ])
  .default("refuse")
  .describe("A missing value: refuse the data, or fill it by a public rule.");

const rangeEnd = z.number().min(-1e30).max(1e30);

export const NumberColumn = z
  .strictObject({
    name: ColumnName,
    type: z.literal("number"),
    unit: z.string().max(40).optional().describe("For people: mmHg, years, mg/dl."),
    min: rangeEnd.describe("Lower end of the public range: values are clipped to it, then scaled to [−1, 1]."),
    max: rangeEnd.describe("Upper end of the public range, from knowledge of the field and never from the data."),
    missing: MissingRule,
  })
  .superRefine((column, context) => {
    if (column.min >= column.max)
      context.addIssue({ code: "custom", path: ["max"], message: `must be > min, ${column.min} (got ${column.max})` });
    if (column.missing === "refuse" || column.min >= column.max) return;
    const { fill } = column.missing;
    if (typeof fill !== "number" || fill < column.min || fill > column.max) {
      const range = `${column.min}..${column.max}`;
      const message = `must be a number in the column's range ${range} (got ${JSON.stringify(fill)})`;
      context.addIssue({ code: "custom", path: ["missing", "fill"], message });
    }
  });
export type NumberColumn = z.infer<typeof NumberColumn>;

export const CategoryColumn = z
  .strictObject({
    name: ColumnName,
    type: z.literal("category"),
    values: z.array(CategoryValue).min(2).max(1000).describe("Every value allowed, in one-hot order; public."),
    missing: MissingRule,
  })
  .superRefine((column, context) => {
    refuseRepeats(column.values, context);
    if (column.missing === "refuse") return;
    const fill = categoryKey(column.missing.fill);
    if (column.values.every((value) => categoryKey(value) !== fill)) {
      const message = `must be one of the column's values (got ${JSON.stringify(column.missing.fill)})`;
      context.addIssue({ code: "custom", path: ["missing", "fill"], message });
    }
  });
export type CategoryColumn = z.infer<typeof CategoryColumn>;

/** Numbers that the array columns of a record may hold: a colour image of 224 × 224. */
export const ARRAY_VALUES_MAX = 224 * 224 * 3;

export const ArrayColumn = z
  .strictObject({
    name: ColumnName,
    type: z.literal("array"),
    shape: z
      .array(z.number().int().positive().max(ARRAY_VALUES_MAX))
      .min(1)
      .max(3)
      .describe("[height, width, channels] of an image, [length, channels] or [length] of a series."),
    unit: z.string().max(40).optional().describe("For people: HU, mV."),
    min: rangeEnd.describe("Lower end of every number's public range: clipped to it, then scaled to [−1, 1]."),
    max: rangeEnd.describe("Upper end of the public range: 255 for pixels of 8 bits, never the data's greatest value."),
    missing: MissingRule,
  })
  .superRefine((column, context) => {
    const { min, max, missing } = column;
    const refuse = (path: string[], message: string): void => context.addIssue({ code: "custom", path, message });
    if (valueCount(column) > ARRAY_VALUES_MAX)
      refuse(["shape"], `must hold ≤ ${ARRAY_VALUES_MAX} numbers (got ${valueCount(column)})`);
    if (min >= max) refuse(["max"], `must be > min, ${min} (got ${max})`);
    if (missing === "refuse" || min >= max) return;
    if (typeof missing.fill !== "number" || missing.fill < min || missing.fill > max)
      refuse(["missing", "fill"], `must be a number in the range ${min}..${max}: all of a missing array is filled so`);
    if (missing.codes.length > 0) refuse(["missing", "codes"], "must be empty: an array is there or missing");
  });
export type ArrayColumn = z.infer<typeof ArrayColumn>;

export const Column = z.discriminatedUnion("type", [NumberColumn, CategoryColumn, ArrayColumn]);
export type Column = z.infer<typeof Column>;

/** Values of one cell: 1 of a number, one a place of an array, one a value of a one-hot category. */
export function valueCount(
  column: Pick<NumberColumn, "type"> | Pick<CategoryColumn, "type" | "values"> | Pick<ArrayColumn, "type" | "shape">,
): number {
  if (column.type === "number") return 1;
  return column.type === "array" ? column.shape.reduce((product, n) => product * n, 1) : column.values.length;
}

/** What a study predicts. */
export const Label = z
  .strictObject({
    name: ColumnName,
    values: z
      .array(CategoryValue)
      .min(2)
      .max(100)
      .describe("Classes in their order; of two, the second is the positive."),
  })
  .superRefine((label, context) => refuseRepeats(label.values, context));

const share = z.number().min(0).max(1);

export const Shares = z
  .strictObject({
    train: share,
    validation: share,
    audit: share,
    reference: share
      .gt(0)
      .optional()
      .describe("Patients who train an audit's reference models and nothing else; none without it."),
  })
  .refine(
    ({ train, validation, audit, reference = 0 }) => Math.abs(train + validation + audit + reference - 1) < 1e-9,
    {
      message: "train, validation, audit and reference, where there is one, must add up to 1",
    },
  )
  .refine((shares) => shares.train > 0, { message: "train must be > 0", path: ["train"] });

/** How patients are told apart and split; shared by the study file and the signed document. */
export const patientFields = {
  patient: ColumnName.optional().describe("Column that tells patients apart; absent: one record is one patient."),
  split: ColumnName.optional().describe(
    "Column with `train` and `test`, if the data come split; a keyed hash halves the test patients.",
  ),
  shares: Shares.default({ train: 0.7, validation: 0.15, audit: 0.15 }).describe(
    "Without a split column: each part's share of the patients.",
  ),
  maxRecordsPerPatient: z
    .number()
    .int()
    .positive()
    .max(10_000)
    .default(1)
    .describe("Records of one patient beyond this are left out, chosen at random."),
  survival: SurvivalRule.optional().describe(
    "Predicts times: the label says whether the event came, and a record stands for each interval that was entered.",
  ),
};

export const Columns = z.array(Column).min(1).max(30_000).describe("Features, in order.");

/** What a study may read at a site: nothing else crosses the connector. */
export const DataContract = z
  .strictObject({ columns: Columns, label: Label, ...patientFields })
  .superRefine((contract, context) => {
    const used = new Map<string, string>();
    const take = (name: string | undefined, role: string, path: (string | number)[]): void => {
      if (name === undefined) return;
      const taken = used.get(name.toLowerCase());
      if (taken !== undefined) context.addIssue({ code: "custom", path, message: `'${name}' is already ${taken}` });
      else used.set(name.toLowerCase(), role);
    };
    contract.columns.forEach((column, i) => {
      take(column.name, `column ${i + 1}`, ["columns", i, "name"]);
    });
    const arrays = contract.columns.filter(({ type }) => type === "array");
    const numbers = arrays.reduce((sum, column) => sum + valueCount(column), 0);
    if (numbers > ARRAY_VALUES_MAX) {
      const message = `array columns of a record may hold ${ARRAY_VALUES_MAX} numbers (got ${numbers})`;
      context.addIssue({ code: "custom", path: ["columns"], message });
    }
    take(contract.label.name, "the label", ["label", "name"]);
    take(contract.patient, "the patient key", ["patient"]);
    take(contract.split, "the split column", ["split"]);
    take(contract.survival?.time, "the time", ["survival", "time"]);
  });
export type DataContract = z.infer<typeof DataContract>;

function refuseRepeats(
  values: readonly CategoryValue[],
  context: { addIssue(issue: { code: "custom"; path: (string | number)[]; message: string }): void },
): void {
  const seen = new Set<string>();
  values.forEach((value, i) => {
    const key = categoryKey(value);
    if (key === "") context.addIssue({ code: "custom", path: ["values", i], message: "must not be empty" });
    if (seen.has(key)) {
      const message = `${JSON.stringify(value)} is listed twice (values compare by their text)`;
      context.addIssue({ code: "custom", path: ["values", i], message });
    }
    seen.add(key);
  });
}
