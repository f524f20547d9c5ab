import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { DATA_HELP } from "../command/dataHelp.ts";
import { datasetSchema } from "../command/schema.ts";
import { parseDatasetFile } from "./source.ts";
import { isKnownUnit, MOLAR_MASS } from "./unit.ts";

const page = readFileSync(fileURLToPath(new URL("../../../docs/data.md", import.meta.url)), "utf8");
const fences = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, snippet = ""]) => snippet);
const START = "apiVersion: consilium/v1\nkind: Dataset\n";

const Schema = z.object({ properties: z.record(z.string(), z.unknown()).optional() }).loose();

/** Every key of a file: names of properties, however deep; not those that a file makes up itself. */
function keysOf(schema: unknown): readonly string[] {
  if (Array.isArray(schema)) return schema.flatMap(keysOf);
  const parsed = Schema.safeParse(schema);
  if (!parsed.success) return [];
  const { properties = {}, ...rest } = parsed.data;
  return [...Object.keys(properties), ...[...Object.values(properties), ...Object.values(rest)].flatMap(keysOf)];
}

describe("[DAT16] docs/data.md", () => {
  test.each(fences)("an example that parses: %s", (snippet) => {
    const text = snippet.startsWith("apiVersion") ? snippet : `${START}${snippet}`;
    expect(parseDatasetFile(text).kind).toBe("Dataset");
  });

  test("shows every kind of source, and names every key that there is", () => {
    const keys = [...new Set(keysOf(datasetSchema()))];
    expect(keys).toEqual(expect.arrayContaining(["postgres", "passwordFile", "otherVisits", "comparator", "recode"]));
    expect(keys.filter((key) => !new RegExp(`\\b${key}\\b`).test(page))).toEqual([]);
  });

  test("names every substance, and no unit that isn't there", () => {
    expect(Object.keys(MOLAR_MASS).filter((name) => !page.includes(name))).toEqual([]);
    const rows = [...page.matchAll(/^\| (?:mass|length|temp|press|time|cells|amount|HbA1c)[^|]*\| ([^|]+) \|$/gm)];
    const units = rows.flatMap(([, cell = ""]) => (cell.split("; to a mass")[0] ?? "").split(/[,;] /));
    expect(units.length).toBeGreaterThan(40);
    expect(units.map((unit) => unit.replace(/ \(.*\)/, "")).filter((unit) => !isKnownUnit(unit))).toEqual([]);
  });

  test("the help's own example parses", () => {
    const example = /^ {2}apiVersion[\s\S]*?(?=\n\n)/m.exec(DATA_HELP)?.[0] ?? "";
    expect(parseDatasetFile(example.replace(/^ {2}/gm, "")).source.sqlite?.table).toBe("visits");
  });
});
