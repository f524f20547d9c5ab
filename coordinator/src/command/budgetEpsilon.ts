import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { epsilonOfEvents } from "@consilium/shared/accountant/convert";
import { PrivacyEvent } from "@consilium/shared/event/event";
import { Failure } from "@consilium/shared/failure/failure";
import { epsilonText } from "@consilium/shared/units/epsilonText";
import { Delta, NoiseMultiplier, SamplingRate } from "@consilium/shared/units/privacy";
import type { Command } from "commander";
import { z } from "zod";

/** Several equal releases in a row, steps of training or counts of histograms; none at all costs nothing. */
const times = z.number().int().nonnegative();

const Segment = z.discriminatedUnion("mechanism", [
  z.strictObject({
    mechanism: z.literal("poisson-gaussian"),
    samplingRate: SamplingRate,
    noiseMultiplier: NoiseMultiplier,
    steps: times,
  }),
  z.strictObject({
    mechanism: z.literal("discrete-laplace"),
    sensitivity: z.number().positive(),
    scale: z.number().positive(),
    count: times,
  }),
]);

/** One question: what these segments cost together at δ. */
const Plans = z.array(z.strictObject({ delta: Delta, segments: z.array(Segment) }));
type Plan = z.infer<typeof Plans>[number];

/** Its answer by each accountant; null where it proves no bound. */
export interface PlanEpsilon {
  readonly rdp: number | null;
}

/** `consilium budget epsilon`: what mechanisms cost, before any study is written. */
export function registerBudgetEpsilon(budget: Command): void {
  budget
    .command("epsilon")
    .description("compute ε of planned mechanisms at δ, by this product's accountant")
    .requiredOption("--from <file>", "JSON list of {delta, segments}; - reads standard input")
    .option("--json", 'print [{"rdp": ε}, …] in the order of the questions')
    .action(async (options: { from: string; json?: boolean }) => {
      const plans = readPlans(await readSource(options.from), options.from);
      const answers = plans.map(epsilonOfPlan);
      process.stdout.write(options.json === true ? `${JSON.stringify(answers)}\n` : describeAnswers(plans, answers));
    });
}

/**
 * Reads the questions. Throws `config/bad-plan`, naming each one's index and field, where they are not as they
 * should be.
 */
export function readPlans(source: string, name: string): Plan[] {
  const parsed = Plans.safeParse(parseJson(source, name));
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) => `${pathText(path)}: ${message}`);
  const shown = issues.length > ISSUES_MAX ? [...issues.slice(0, ISSUES_MAX), "…"] : issues;
  throw new Failure({
    code: "config/bad-plan",
    kind: "config",
    what: `${sourceName(name)} is no list of plans: ${shown.join("; ")}.`,
    remedy: `Write each plan as ${EXAMPLE}`,
    fields: { issues: issues.length },
  });
}

const ISSUES_MAX = 10;
const EXAMPLE =
  '{"delta":1e-5,"segments":[{"mechanism":"poisson-gaussian","samplingRate":0.01,"noiseMultiplier":1,"steps":1000}]}';

export function epsilonOfPlan({ delta, segments }: Plan): PlanEpsilon {
  const rdp = epsilonOfEvents(segments.filter((segment) => timesOf(segment) > 0).map(eventOf), delta);
  return { rdp: Number.isFinite(rdp) ? rdp : null };
}

type PlannedSegment = Plan["segments"][number];

function timesOf(segment: PlannedSegment): number {
  return segment.mechanism === "poisson-gaussian" ? segment.steps : segment.count;
}

function eventOf(segment: PlannedSegment): PrivacyEvent {
  const adjacency = "add-remove";
  const count = timesOf(segment);
  if (segment.mechanism === "discrete-laplace") {
    const { mechanism: kind, sensitivity, scale } = segment;
    return PrivacyEvent.parse({ kind, adjacency, sensitivity, scale, count });
  }
  const { mechanism: kind, samplingRate, noiseMultiplier } = segment;
  return PrivacyEvent.parse({ kind, adjacency, samplingRate, noiseMultiplier, count });
}

function describeAnswers(plans: readonly Plan[], answers: readonly PlanEpsilon[]): string {
  return plans
    .map(({ delta }, index) => {
      const rdp = answers[index]?.rdp ?? null;
      return `plan ${index}: ${rdp === null ? "no finite ε" : `ε = ${epsilonText(rdp, 4)}`} at δ = ${delta} (RDP)\n`;
    })
    .join("");
}

async function readSource(name: string): Promise<string> {
  if (name === "-") return text(process.stdin);
  try {
    return await readFile(name, "utf8");
  } catch (cause) {
    throw new Failure({
      code: "usage/unreadable-file",
      kind: "usage",
      what: `${name} can't be read.`,
      remedy: "Give the path of a readable file after --from, or - for standard input.",
      cause,
    });
  }
}

function parseJson(source: string, name: string): unknown {
  try {
    return JSON.parse(source);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : "it can't be parsed";
    throw new Failure({
      code: "config/bad-json",
      kind: "config",
      what: `${sourceName(name)} is no JSON: ${reason}.`,
      remedy: `Write a list of plans, each ${EXAMPLE}`,
      cause,
    });
  }
}

function sourceName(name: string): string {
  return name === "-" ? "Standard input" : name;
}

/** `[0].segments[2].noiseMultiplier` */
function pathText(path: readonly PropertyKey[]): string {
  const steps = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  return steps === "" ? "the whole" : steps;
}
