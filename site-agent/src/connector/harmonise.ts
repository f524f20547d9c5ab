/**
 * From a hospital's own names, units and codes to those that studies ask for, by rules in the data set's file: they
 * stay at the site. Nothing is guessed: a value that no rule speaks of is left out and counted as a violation.
 */
import { CategoryValue, categoryKey } from "@consilium/shared/study/contract";
import { isAbsent, isArrayValue, parseNumber, type RawValue } from "@consilium/shared/study/features";
import { nearest } from "@consilium/shared/study/issues";
import { z } from "zod";
import { type Connector, placesOf, type SourceFinding, unreadableData } from "./connector.ts";
import { conversion, type Linear, MOLAR_MASS, type Substance } from "./unit.ts";

const finite = z.number().min(-1e30).max(1e30);
const SubstanceName = z.custom<Substance>((value) => typeof value === "string" && Object.hasOwn(MOLAR_MASS, value), {
  message: `must be one of ${Object.keys(MOLAR_MASS).join(", ")}`,
});

/** How one column comes to be. */
export const HarmoniseRule = z
  .strictObject({
    from: z.string().min(1).max(200).optional().describe("The column's name in the data; without it, the same name."),
    convert: z
      .strictObject({
        from: z.string().min(1).max(40).describe("Unit of the data: mmol/L, kg, °F, or its UCUM code."),
        to: z.string().min(1).max(40).describe("Unit that studies ask for: mg/dL, lb, °C."),
        of: SubstanceName.optional().describe("Between mass and amount: the substance, such as cholesterol."),
      })
      .refine(({ from, to, of }) => conversion(from, to, of) !== null, {
        message: "these units have no known conversion; name the substance with `of`, or write `linear`",
      })
      .optional()
      .describe("From one unit to another by the table of docs/data.md."),
    linear: z
      .strictObject({ factor: finite.refine((factor) => factor !== 0, "must not be 0"), offset: finite.default(0) })
      .optional()
      .describe("value · factor + offset, for what the table doesn't know."),
    recode: z
      .record(z.string(), z.union([CategoryValue, z.null()]))
      .optional()
      .describe(
        "Each value of the data with what studies call it; null: missing. A value that isn't listed is refused.",
      ),
    expect: z
      .tuple([finite, finite])
      .refine(([low, high]) => low < high, "must be [low, high]")
      .optional()
      .describe("Where values lie that are in the right unit; more than a tenth outside is an error."),
  })
  .refine((rule) => [rule.convert, rule.linear, rule.recode].filter((way) => way !== undefined).length <= 1, {
    message: "must have one of convert, linear and recode at most",
  });
export type HarmoniseRule = z.infer<typeof HarmoniseRule>;

/** By the names that studies ask for. */
export const Harmonise = z.record(z.string().min(1).max(200), HarmoniseRule);
export type Harmonise = z.infer<typeof Harmonise>;

/** Values outside the expected range, of all that are there, from which the scale is taken for another. */
const OFF_SCALE_SHARE = 0.1;

/** The same records with the rules applied; what they say of a column that isn't there is a Failure. */
export async function harmonised(connector: Connector, rules: Harmonise): Promise<Connector> {
  const own = await connector.columns();
  for (const [name, rule] of Object.entries(rules)) requireUsable(name, rule, own, rules);
  const renamed = new Set(Object.entries(rules).flatMap(([name, { from = name }]) => (from === name ? [] : [from])));
  const names = [
    ...own.flatMap((name) => (rules[name] === undefined && !renamed.has(name) ? [name] : [])),
    ...Object.keys(rules),
  ];
  let values: readonly HarmonisedColumn[] = [];
  return {
    columns: async () => names,
    rows: (columns) => {
      placesOf(names, columns);
      values = columns.map((name) => new HarmonisedColumn(name, rules[name] ?? {}));
      return harmonisedRows(connector, values);
    },
    findings: () => [...connector.findings(), ...values.flatMap((column) => column.findings())],
    close: () => connector.close(),
  };
}

async function* harmonisedRows(
  connector: Connector,
  columns: readonly HarmonisedColumn[],
): AsyncGenerator<readonly (readonly RawValue[])[]> {
  const sources = [...new Set(columns.map(({ source }) => source))];
  const places = columns.map(({ source }) => sources.indexOf(source));
  for await (const chunk of connector.rows(sources))
    yield chunk.map((row) => columns.map((column, i) => column.value(row[places[i] ?? 0])));
}

/** One column's rule with what it counted. */
class HarmonisedColumn {
  readonly source: string;
  readonly #linear: Linear | null;
  readonly #codes: ReadonlyMap<string, RawValue> | null;
  #refused = 0;
  #present = 0;
  #outside = 0;

  constructor(
    private readonly name: string,
    private readonly rule: HarmoniseRule,
  ) {
    const { convert, linear, recode } = rule;
    this.source = rule.from ?? name;
    this.#linear = linear ?? (convert === undefined ? null : conversion(convert.from, convert.to, convert.of));
    this.#codes =
      recode === undefined ? null : new Map(Object.entries(recode).map(([code, value]) => [categoryKey(code), value]));
  }

  value(given: RawValue): RawValue {
    const value = this.#changed(given);
    const { expect } = this.rule;
    if (expect === undefined || isAbsent(value)) return value;
    const number = isArrayValue(value) ? null : parseNumber(value);
    this.#present += 1;
    if (number === null || number < expect[0] || number > expect[1]) this.#outside += 1;
    return value;
  }

  findings(): readonly SourceFinding[] {
    const { name: column } = this;
    const [problem, scale] = [
      this.#codes === null ? "not-converted" : "not-recoded",
      this.#outside > OFF_SCALE_SHARE * this.#present ? "scale-differs" : "off-scale",
    ] as const;
    return [
      { column, problem, count: this.#refused },
      { column, problem: scale, count: this.#outside },
    ].filter(({ count }) => count > 0);
  }

  #changed(given: RawValue): RawValue {
    if (isAbsent(given)) return null;
    if (this.#codes !== null) {
      const value = isArrayValue(given) ? undefined : this.#codes.get(categoryKey(given));
      if (value === undefined) this.#refused += 1;
      return value ?? null;
    }
    if (this.#linear === null) return given;
    const number = isArrayValue(given) ? null : parseNumber(given);
    if (number === null) {
      this.#refused += 1;
      return null;
    }
    return number * this.#linear.factor + this.#linear.offset;
  }
}

function requireUsable(name: string, rule: HarmoniseRule, own: readonly string[], rules: Harmonise): void {
  const source = rule.from ?? name;
  if (!own.includes(source)) {
    const near = nearest(source, own);
    throw unreadableData(
      "harmonise-missing",
      `The data set's file harmonises '${source}', and the data have no such column.`,
      near === null ? "Correct the name; names count by case." : `Did you mean '${near}'? Names count by case.`,
    );
  }
  const isTaken = source !== name && own.includes(name) && !Object.values(rules).some(({ from }) => from === name);
  if (!isTaken) return;
  throw unreadableData(
    "harmonise-clash",
    `The data set's file calls '${source}' '${name}', and the data have a column of that name already.`,
    "Give that column another name by a rule of its own.",
  );
}
