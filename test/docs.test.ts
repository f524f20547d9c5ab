import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { init } from "@consilium/coordinator/command/init";
import { Clipping } from "@consilium/shared/clipping/clipping";
import { ModelFile } from "@consilium/shared/model/choice";
import { Schedule } from "@consilium/shared/optimizer/learningRate";
import { Optimizer } from "@consilium/shared/study/document";
import { formatFinding } from "@consilium/shared/study/yamlSource";
import { readStudyFile } from "@consilium/storage/studyFile";
import { afterAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { z } from "zod";

const page = (name: string) => readFileSync(fileURLToPath(new URL(`../docs/${name}`, import.meta.url)), "utf8");
const studies = page("studies.md");
const models = page("models.md");

const folder = mkdtempSync(join(tmpdir(), "consilium-docs-"));
afterAll(() => rmSync(folder, { recursive: true }));
const [template = ""] = init(folder);

const Group = z.record(z.string(), z.unknown());
type Group = z.infer<typeof Group>;

/** Keys of both, groups merged; what stands in both is the second's. */
function merged(into: Group, from: Group): Group {
  const under = (key: string, value: unknown): unknown => {
    const [old, own] = [Group.safeParse(into[key]), Group.safeParse(value)];
    return old.success && own.success ? merged(old.data, own.data) : value;
  };
  return { ...into, ...Object.fromEntries(Object.entries(from).map(([key, value]) => [key, under(key, value)])) };
}

/** What is said of the template with a page's lines in it: nothing, where they fit. */
function warningsWith(snippet: string): readonly string[] {
  const path = join(folder, "tried.yaml");
  writeFileSync(
    path,
    stringify(merged(Group.parse(parse(readFileSync(template, "utf8"))), Group.parse(parse(snippet)))),
  );
  return readStudyFile(path).warnings.map(formatFinding);
}

const fences = (text: string) => [...text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, snippet = ""]) => snippet);

/** Names in the first column of a table under a heading. */
function namesUnder(text: string, heading: string): readonly string[] {
  const table = text
    .slice(text.indexOf(heading))
    .split("\n\n")
    .find((part) => part.startsWith("| "));
  const first = (table ?? "")
    .split("\n")
    .slice(2)
    .map((line) => line.split("|")[1] ?? "");
  return first
    .flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name))
    .filter((name) => !/^\w+(\.\w+)+$/.test(name));
}

describe("[STU29] what docs/studies.md shows fits the template that init writes", () => {
  test.each(fences(studies))("%s", (snippet) => {
    expect(warningsWith(snippet)).toEqual([]);
  });

  test("there are some", () => {
    expect(fences(studies).length).toBeGreaterThan(1);
  });

  test.each(namesUnder(studies, "## Clipping"))("privacy.clipping: %s", (clipping) => {
    expect(warningsWith(`privacy: { clipping: ${clipping} }`)).toEqual([]);
  });

  test("its tables name every mode, optimizer and schedule, and the template's comment every network", () => {
    const modes = namesUnder(studies, "## Clipping").map((clipping) => Clipping.parse(parse(clipping)).mode);
    expect(modes).toEqual(Clipping.options.map(({ shape }) => shape.mode.value));
    expect(namesUnder(studies, "## The server's step")).toEqual(Optimizer.options.map(({ shape }) => shape.name.value));
    const schedules = namesUnder(studies, "moves the rate from round to round");
    expect(schedules).toEqual(Schedule.options.map(({ shape }) => shape.name.value));
    const presets = ModelFile.options.map(({ shape }) => shape.preset.value);
    expect([...namesUnder(models, "# Models")].sort()).toEqual([...presets].sort());
    expect(readFileSync(template, "utf8")).toContain(`# ${presets.join(" | ")}\n`);
  });

  test("the template's own hint of an early stop fits it, uncommented", () => {
    const hint = /^ {2}# (earlyStop: \{.*\})/m.exec(readFileSync(template, "utf8"))?.[1];
    expect(warningsWith(`training:\n  ${hint}`)).toEqual([]);
  });
});

test.each(fences(models))("[STU38] what docs/models.md shows is a network that a study may name: %s", (snippet) => {
  expect(z.strictObject({ model: ModelFile }).safeParse(parse(snippet)).error).toBeUndefined();
});
