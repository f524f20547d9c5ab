import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { errnoOf } from "@consilium/shared/failure/errno";
import { Failure } from "@consilium/shared/failure/failure";
import { parseSource } from "@consilium/shared/study/issues";
import { formatFinding, openYaml } from "@consilium/shared/study/yamlSource";
import { SiteName } from "@consilium/shared/units/identity";
import { z } from "zod";
import { Measure } from "./measure.ts";
import { SanitizeRule } from "./sanitizeRule.ts";

const text = z.string().trim().min(1).max(300);
/** `privacy.noiseMultiplier`: where a value stands in the study's file. */
const StudyPath = z.string().regex(/^[A-Za-z]+(\.[A-Za-z]+|\.\d+)*$/, "a path such as privacy.noiseMultiplier");
const Changes = z.record(StudyPath, z.unknown());

export const Trainer = z
  .enum(["study", "pooled", "local", "cox"])
  .describe(
    "study: the study as its sites would run it. pooled: all records together, without privacy. local: each site by " +
      "itself, without privacy. cox: a Cox model of all records together, without privacy, beside a study of times.",
  );
export type Trainer = z.infer<typeof Trainer>;

const Axis = z.strictObject({
  name: text.describe("The column's name in tables and plots."),
  path: StudyPath.describe(
    "Where in the study's file it stands; `sanitize.epsilon`: in the variant's sanitizing; `unproven.clippingNorm`: in " +
      "its unproven noise.",
  ),
  values: z.array(z.unknown()).min(1).max(100),
});
export type Axis = z.infer<typeof Axis>;

export const UnprovenNoise = z
  .strictObject({
    clippingNorm: z.number().positive(),
    noiseMultiplier: z.number().positive().describe("σ: any, also such that no study may propose."),
    clips: z
      .enum(["each", "pairs"])
      .optional()
      .describe(
        "each (unless said otherwise): a patient's own gradient. pairs: of a study with a generator the mean of a patient's " +
          "and a made record's, as SPRINT_gan clips it.",
      ),
  })
  .describe(
    "With train: pooled. Gradients are clipped and noised as the papers' software does it, in floating point and in one " +
      "place: its ε is an ideal Gaussian's, which no proof of ours covers.",
  );
export type UnprovenNoise = z.infer<typeof UnprovenNoise>;

/** Of a Cox model whose variant names no other. */
export const COX_PENALTY = 0.1;

const VariantRule = z.strictObject({
  name: text,
  train: Trainer.default("study"),
  set: Changes.default({}).describe("Changes of the study's file for this variant."),
  sanitize: SanitizeRule.optional(),
  unproven: UnprovenNoise.optional(),
  penalty: z
    .number()
    .min(1e-6)
    .max(1e6)
    .optional()
    .describe(`With train: cox: ½·penalty·Σβ² beside the mean log partial likelihood, ${COX_PENALTY} without it.`),
  vary: z.boolean().default(true).describe("Whether the grid of `vary` is run for it; false: one run, as it stands."),
});

const Plot = z.strictObject({
  title: text,
  kind: z
    .enum(["lines", "bars", "curves"])
    .default("lines")
    .describe(
      "lines: figures over x. bars: a bar for each point. curves: accuracy round by round, where `curve` is set.",
    ),
  variants: z.array(text).min(1).optional().describe("Only points of these variants."),
  x: text.default("epsilon").describe("Of lines: a column of `vary`, or a figure such as epsilon."),
  y: z.array(Measure).min(1).max(4).default(["heldAccuracy"]),
  by: text.optional().describe("A column of `vary` or `variant`: a line for each of its values."),
  logX: z.boolean().default(false),
});
export type Plot = z.infer<typeof Plot>;

/** A grid of one study: what is changed, how often each is run, what is drawn. */
export const SweepFile = z.strictObject({
  apiVersion: z.literal("consilium/v1"),
  kind: z.literal("Sweep"),
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,39}$/, "lower-case letters, digits and hyphens, 40 at most, a letter first"),
  question: text.describe("What the sweep is to answer; stands at the head of its page."),
  study: z.string().default("./study.yaml").describe("The study's file, relative to this one."),
  records: z
    .record(SiteName, z.string())
    .default({})
    .describe("Each site's table or data set's file; without it data/SITE.csv, .npz or .yaml beside the study."),
  curve: z
    .number()
    .int()
    .positive()
    .optional()
    .describe("Every so many rounds: exact accuracy on training and held-out patients, for learning curves."),
  repetitions: z.number().int().min(1).max(100).default(1).describe("Runs of each point, on another split each."),
  set: Changes.default({}).describe("Changes of the study's file for every run."),
  vary: z.array(Axis).max(4).default([]).describe("The grid: every combination of these values is run."),
  variants: z
    .array(VariantRule)
    .min(1)
    .max(20)
    .default([{ name: "study", train: "study", set: {}, vary: true }]),
  plots: z.array(Plot).max(12).default([]),
  notes: z.array(z.string().min(1).max(2000)).max(20).default([]).describe("Paragraphs below the figures."),
});
export type SweepFile = z.infer<typeof SweepFile>;

export interface Sweep {
  readonly path: string;
  readonly file: SweepFile;
  readonly studyPath: string;
  readonly studyText: string;
}

/** Throws a Failure that names every fault with its place. */
export function readSweep(path: string): Sweep {
  const content = textAt(path, "A sweep's file");
  if (/^kind:\s*Study\s*$/m.test(content)) throw noSweep(path);
  const source = openYaml(path, content);
  const { value, findings } = parseSource(source, SweepFile);
  if (value === null) throw invalid(findings.map(formatFinding));
  const columns = new Set([...value.vary.map(({ name }) => name), "variant"]);
  const misplaced = misplacedIn(value);
  if (misplaced.length > 0) throw invalid(misplaced.map((what) => `${path} ${what}.`));
  const unknown = value.plots.flatMap(({ x, by, kind, variants = [] }, at) => [
    ...(columns.has(x) || Measure.safeParse(x).success ? [] : [`plots[${at}].x: no column or figure is called ${x}`]),
    ...(by === undefined || columns.has(by) ? [] : [`plots[${at}].by: no column is called ${by}`]),
    ...(kind === "curves" && value.curve === undefined ? [`plots[${at}].kind: curves need \`curve\` at the top`] : []),
    ...variants
      .filter((name) => !value.variants.some((variant) => variant.name === name))
      .map((name) => `plots[${at}].variants: no variant is called ${name}`),
  ]);
  if (unknown.length > 0) throw invalid(unknown.map((what) => `${path} ${what}. Columns: ${[...columns].join(", ")}.`));
  const studyPath = resolve(dirname(path), value.study);
  return { path, file: value, studyPath, studyText: textAt(studyPath, "The sweep's study") };
}

/** What a variant has no use for. */
function misplacedIn({ variants, curve }: SweepFile): string[] {
  return variants.flatMap(({ train, unproven, sanitize, penalty }, at) => {
    const isCox = train === "cox";
    return [
      ...(unproven === undefined || train === "pooled"
        ? []
        : [`unproven: is for train: pooled; a study's noise is privacy.noiseMultiplier`]),
      ...(penalty === undefined || isCox ? [] : ["penalty: is for train: cox"]),
      ...(isCox && sanitize !== undefined
        ? ["sanitize: is not for train: cox, for sanitized records hold no times"]
        : []),
      ...(isCox && curve !== undefined
        ? ["train: cox has no rounds, and `curve` asks for accuracy round by round: leave one of them out"]
        : []),
    ].map((what) => `variants[${at}].${what}`);
  });
}

function textAt(path: string, what: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new Failure({
      code: "sweep/unreadable",
      kind: "usage",
      what: `${what}, ${path}, can't be read (${errnoOf(cause)}).`,
      remedy: "Check the path.",
      cause,
    });
  }
}

function noSweep(path: string): Failure {
  return new Failure({
    code: "sweep/is-a-study",
    kind: "config",
    what: `${path} is a study, and a sweep's file is asked for (kind: Sweep).`,
    remedy: "Write one that names this study; consilium study sweep --help shows a whole file.",
  });
}

function invalid(lines: readonly string[]): Failure {
  return new Failure({
    code: "sweep/invalid",
    kind: "config",
    what: lines.join("\n"),
    remedy: "Mend what each line names; consilium study sweep --help shows a whole file.",
  });
}
