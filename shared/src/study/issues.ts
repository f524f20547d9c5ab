/** Turns what a schema refuses into findings that say what is wrong in the reader's words, and what to do. */
import { z } from "zod";
import type { Finding, Path, YamlSource } from "./yamlSource.ts";

type Issue = z.core.$ZodIssue;

/** What to say beside an error, by path without list positions: `privacy.epsilon` → `Typical: 1..8.` */
export type Hints = Readonly<Record<string, string>>;

/** Parses a source's value; every fault becomes a finding at its place. */
export function parseSource<Schema extends z.ZodType>(
  source: YamlSource,
  schema: Schema,
  hints: Hints = {},
): { value: z.infer<Schema> | null; findings: readonly Finding[] } {
  if (source.findings.length > 0) return { value: null, findings: source.findings };
  const parsed = schema.safeParse(source.value);
  if (parsed.success) return { value: parsed.data, findings: [] };
  const findings = parsed.error.issues.flatMap((issue) => findingsOf(issue, [], source, schema, hints));
  return { value: null, findings: withoutEchoes(findings).sort((a, b) => a.line - b.line || a.column - b.column) };
}

/** A misspelt key is one fault: that the right one is missing goes without saying. */
function withoutEchoes(findings: readonly Finding[]): Finding[] {
  const misspelt = new Set(
    findings.flatMap(({ path, remedy }) => {
      const meant = /^Did you mean '(.+)'\?$/.exec(remedy)?.[1];
      return meant === undefined ? [] : [path.replace(/[^.]*$/, meant)];
    }),
  );
  return findings.filter(({ path, message }) => !(message.startsWith("is missing") && misspelt.has(path)));
}

function findingsOf(issue: Issue, parent: Path, source: YamlSource, schema: z.ZodType, hints: Hints): Finding[] {
  const path = [...parent, ...issue.path];
  const value = valueAt(source.value, path);
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(schema, path, source.value);
    return issue.keys.map((key) => source.keyFinding(path, key, "is not a key known here", suggestion(key, known)));
  }
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const branch = nearestBranch(issue.errors);
    if (branch !== null) return branch.flatMap((inner) => findingsOf(inner, path, source, schema, hints));
  }
  const hint = hints[path.filter((segment) => typeof segment === "string").join(".")] ?? optionHint(issue, value);
  return [source.finding("error", path, messageOf(issue, value), hint)];
}

/** Of a union's branches, one that the value was meant for: its own type and constant fit. */
function nearestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | null {
  const meant = branches.filter((issues) =>
    issues.every((issue) => issue.path.length > 0 || !["invalid_type", "invalid_value"].includes(issue.code)),
  );
  return [...meant].sort((a, b) => a.length - b.length)[0] ?? null;
}

function messageOf(issue: Issue, value: unknown): string {
  const got = `(got ${show(value)})`;
  const missing = value === undefined;
  switch (issue.code) {
    case "invalid_type":
      return missing ? `is missing: ${article(issue.expected)}` : `must be ${article(issue.expected)} ${got}`;
    case "invalid_value":
      return `${missing ? "is missing:" : "must be"} ${oneOf(issue.values)}${missing ? "" : ` ${got}`}`;
    case "invalid_union":
      return `${missing ? "is missing:" : "must be"} ${expectationOf(issue)}${missing ? "" : ` ${got}`}`;
    case "too_small":
      if (issue.origin === "string") return "must not be empty";
      if (issue.origin !== "number")
        return `must have at least ${issue.minimum} ${Number(issue.minimum) === 1 ? "item" : "items"}`;
      return `must be ${issue.inclusive ? "≥" : ">"} ${issue.minimum} ${got}`;
    case "too_big":
      if (issue.origin === "string") return `must have at most ${issue.maximum} characters`;
      if (issue.origin !== "number") return `must have at most ${issue.maximum} items`;
      return `must be ${issue.inclusive ? "≤" : "<"} ${issue.maximum} ${got}`;
    case "invalid_format":
      return `must be ${issue.message} ${got}`;
    default:
      return issue.message;
  }
}

function expectationOf(issue: Issue): string {
  if (issue.code === "invalid_value") return oneOf(issue.values);
  if (issue.code === "invalid_type") return article(issue.expected);
  if (issue.code !== "invalid_union") return "something else";
  if (issue.errors.length === 0) return oneOf(discriminatorValues(issue));
  return [...new Set(issue.errors.flatMap((branch) => branch.slice(0, 1).map(expectationOf)))].join(" or ");
}

function discriminatorValues(issue: Issue): readonly unknown[] {
  return "options" in issue && Array.isArray(issue.options) ? issue.options : [];
}

function optionHint(issue: Issue, value: unknown): string {
  if (typeof value !== "string") return "";
  const options = issue.code === "invalid_value" ? issue.values : discriminatorValues(issue);
  const near = nearest(
    value,
    options.filter((option) => typeof option === "string"),
  );
  return near === null ? "" : `Did you mean '${near}'?`;
}

function suggestion(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  if (near !== null) return `Did you mean '${near}'?`;
  return known.length === 0 ? "" : `Known here: ${known.join(", ")}.`;
}

function oneOf(values: readonly unknown[]): string {
  const shown = values.map((value) => String(value));
  return shown.length === 1 ? (shown[0] ?? "") : `one of ${shown.join(", ")}`;
}

function article(expected: string): string {
  const words: Record<string, string> = {
    number: "a number",
    int: "a whole number",
    string: "text",
    object: "a group of keys",
    array: "a list",
    boolean: "true or false",
  };
  return words[expected] ?? `of type ${expected}`;
}

function show(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a group of keys";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, segment) => {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, segment)) return undefined;
    return Object.entries(value).find(([key]) => key === String(segment))?.[1];
  }, root);
}

/** Keys that a schema knows at a path; of a union's branches, those of the one whose constants the value has. */
function keysAt(schema: unknown, path: Path, value: unknown): readonly string[] {
  let level: unknown[] = [schema];
  let here = value;
  for (const segment of path) {
    level = level.flatMap((part) => objectsOf(part, here)).flatMap((part) => stepInto(part, segment));
    here = valueAt(here, [segment]);
  }
  const objects = level.flatMap((part) => objectsOf(part, here));
  return [...new Set(objects.flatMap((part) => (part instanceof z.ZodObject ? Object.keys(part.shape) : [])))];
}

function stepInto(part: unknown, segment: PropertyKey): unknown[] {
  if (part instanceof z.ZodObject) return typeof segment === "string" ? [part.shape[segment]] : [];
  if (part instanceof z.ZodRecord) return [part.valueType];
  return part instanceof z.ZodArray ? [part.element] : [];
}

function objectsOf(part: unknown, value: unknown): unknown[] {
  if (part instanceof z.ZodOptional || part instanceof z.ZodDefault || part instanceof z.ZodPrefault)
    return objectsOf(part.unwrap(), value);
  if (part instanceof z.ZodPipe) return objectsOf(part.in, value);
  if (part instanceof z.ZodUnion) {
    const options = part.options.flatMap((option) => objectsOf(option, value));
    const fitting = options.filter((option) => constantsFit(option, value));
    return fitting.length > 0 ? fitting : options;
  }
  return [part];
}

function constantsFit(option: unknown, value: unknown): boolean {
  if (!(option instanceof z.ZodObject)) return false;
  return Object.entries(option.shape).every(
    ([key, field]) => !(field instanceof z.ZodLiteral) || field.safeParse(valueAt(value, [key])).success,
  );
}

/** The candidate within a third of the word's length in edits, if there is one. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const ranked = candidates
    .map((candidate) => ({ candidate, edits: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best !== undefined && best.edits <= Math.max(1, Math.floor(word.length / 3)) ? best.candidate : null;
}

/** Edits of one letter, or of two neighbours changing places, from one word to the other (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (before[j - 2] ?? 0) + 1 : replaced;
      next.push(Math.min(replaced, swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
