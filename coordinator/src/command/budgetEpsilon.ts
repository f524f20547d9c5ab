import { epsilonOfEvents } from "@consilium/shared/accountant/convert";
import { pldEpsilon } from "@consilium/shared/accountant/pld";
import type { PricedEvent } from "@consilium/shared/event/pricedEvent";
import { Failure } from "@consilium/shared/failure/failure";
import { epsilonText } from "@consilium/shared/units/epsilonText";
import { Delta } from "@consilium/shared/units/privacy";
import type { Command } from "commander";
import { z } from "zod";
import { parseJson, readSource, sourceName } from "./jsonSource.ts";
import { eventOf, MECHANISMS, PlannedSegment } from "./plannedSegment.ts";

/** One question: what these segments cost together at δ. */
const Plans = z.array(z.strictObject({ delta: Delta, segments: z.array(PlannedSegment) }));
type Plan = z.infer<typeof Plans>[number];

/**
 * Its answer by each accountant; null where it proves no bound. RDP's also holds for schedules that react to what was
 * released; the true ε of one fixed beforehand lies between the PLD's bounds.
 */
export interface PlanEpsilon {
  readonly rdp: number | null;
  readonly pld: { readonly lower: number | null; readonly upper: number | null };
}

/** `consilium budget epsilon`: what mechanisms cost, before any study is written. */
export function registerBudgetEpsilon(budget: Command): void {
  budget
    .command("epsilon")
    .description("compute ε of planned mechanisms at δ, by this product's accountants")
    .requiredOption("--from <file>", "JSON list of {delta, segments}; - reads standard input")
    .option("--json", 'print [{"rdp": ε, "pld": {"lower": ε, "upper": ε}}, …] in the order of the questions')
    .addHelpText(
      "after",
      [
        "\nA plan's segments cost together. One plan, read from standard input:",
        `  echo '[${EXAMPLE}]' | consilium budget epsilon --from -`,
        `Mechanisms: ${MECHANISMS.join(", ")}.`,
        "A segment that lacks something is told what.",
      ].join("\n"),
    )
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
  const content = parseJson(source, name, BAD_JSON);
  refuseUnknownMechanisms(content);
  const parsed = Plans.safeParse(content);
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

/** A mechanism that no accountant here knows is never taken for one that it does. */
function refuseUnknownMechanisms(content: unknown): void {
  const known = Mechanisms.safeParse(content);
  for (const [plan, { segments }] of (known.data ?? []).entries()) {
    const segment = segments.findIndex(({ mechanism }) => !MECHANISMS.includes(mechanism));
    if (segment < 0) continue;
    throw new Failure({
      code: "accountant/unsupported",
      kind: "config",
      what: `No accountant here knows the mechanism of [${plan}].segments[${segment}].mechanism.`,
      remedy: `What is known: ${MECHANISMS.join(", ")}.`,
    });
  }
}

const Mechanisms = z.array(z.looseObject({ segments: z.array(z.looseObject({ mechanism: z.string() })) }));

const ISSUES_MAX = 10;
const EXAMPLE =
  '{"delta":1e-5,"segments":[{"mechanism":"poisson-gaussian","samplingRate":0.01,"noiseMultiplier":1,"steps":1000}]}';
const BAD_JSON = `Write a list of plans, each ${EXAMPLE}`;

export function epsilonOfPlan({ delta, segments }: Plan): PlanEpsilon {
  const events = segments.flatMap((segment) => eventOf(segment) ?? []);
  return { rdp: finite(epsilonOfEvents(events, delta)), pld: pldOf(events, delta) };
}

function pldOf(events: readonly PricedEvent[], delta: number): PlanEpsilon["pld"] {
  try {
    const { lower, upper } = pldEpsilon(events, delta);
    return { lower: finite(lower), upper: finite(upper) };
  } catch (error) {
    // What has no loss distribution has an RDP curve.
    if (error instanceof Failure && error.code === "accountant/unsupported") return { lower: null, upper: null };
    throw error;
  }
}

function finite(epsilon: number): number | null {
  return Number.isFinite(epsilon) ? epsilon : null;
}

function describeAnswers(plans: readonly Plan[], answers: readonly PlanEpsilon[]): string {
  return plans
    .map(({ delta }, index) => {
      const { rdp = null, pld } = answers[index] ?? {};
      const shown = [
        ...(rdp === null ? [] : [`ε = ${epsilonText(rdp, 4)} (RDP)`]),
        ...(pld?.upper == null ? [] : [`ε = ${epsilonText(pld.upper, 4)} (PLD)`]),
      ];
      return `plan ${index}: ${shown.length === 0 ? "no finite ε" : shown.join(", ")} at δ = ${delta}\n`;
    })
    .join("");
}

/** `[0].segments[2].noiseMultiplier` */
function pathText(path: readonly PropertyKey[]): string {
  const steps = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  return steps === "" ? "the whole" : steps;
}
