import { writeFileSync } from "node:fs";
import { Failure } from "@consilium/shared/failure/failure";
import { planPicture, sweepPicture } from "@consilium/shared/plan/draw";
import { NOTHING_BEFORE } from "@consilium/shared/plan/epsilonCurve";
import { Plan } from "@consilium/shared/plan/plan";
import { planStudy, type SiteBudget } from "@consilium/shared/plan/planStudy";
import { parseSweep, type SweepAxis, sweep } from "@consilium/shared/plan/sweep";
import { type Turns, variantOf } from "@consilium/shared/plan/variant";
import type { StudyDocument } from "@consilium/shared/study/document";
import { formatFinding } from "@consilium/shared/study/yamlSource";
import { systemFailure } from "@consilium/shared/system/errno";
import { SiteName } from "@consilium/shared/units/identity";
import { readStudyFile } from "@consilium/storage/studyFile";
import { type Command, InvalidArgumentError, Option } from "commander";
import { Client, DEFAULT_DATA_FOLDER } from "./client.ts";
import { positive, positiveWhole, samplingRate } from "./flags.ts";
import { hint, print } from "./output.ts";
import { planText, sweepText } from "./planText.ts";

interface PlanOptions extends Turns {
  readonly json?: boolean;
  readonly svg?: string;
  readonly cap: readonly Cap[];
  readonly data?: string | true;
  readonly stepMs?: number;
  readonly linkMbit?: number;
  readonly sweep: readonly string[];
}

interface Cap {
  /** Null: every site's. */
  readonly site: SiteName | null;
  readonly epsilon: number;
  readonly delta: number | null;
}

/** `consilium plan`: what a study would cost and how well it could learn, before anyone is asked. */
export function registerPlan(parent: Command): void {
  parent
    .command("plan")
    .description("plan a study: ε by round, noise, signal, bytes, hours; charges nothing, asks nobody")
    .argument("<file>", "study file (YAML)")
    .option("--epsilon <ε>", "plan for this ε instead: the least σ that fits", positive)
    .option("--sigma <σ>", "plan with this noise multiplier, fits or not", positive)
    .option("--q <rate>", "plan with this sampling rate", samplingRate)
    .option("--rounds <T>", "plan for so many training rounds", positiveWhole)
    .option("--cap <[site=]ε[@δ]>", "hold the plan against a cap; again for each site", collectCap, [])
    .addOption(
      new Option(
        "--data [folder]",
        "hold it against the caps and charges of the coordinator that runs on this folder",
      ).conflicts("cap"),
    )
    .option("--step-ms <ms>", "time of one private step at the slowest site, measured or guessed", positive)
    .option("--link-mbit <Mbit/s>", "the slowest site's link, each way", positive)
    .option(
      "--sweep <name=low..high[:count]>",
      "a table over q, sigma, rounds or epsilon; twice: over both",
      collect,
      [],
    )
    .option("--svg <file>", "draw ε by round, or the sweep")
    .option("--json", "print one JSON object")
    .addHelpText("after", TEACHING)
    .action(plan);
}

const TEACHING = `
What it answers:
  Which σ does ε = 3 need?        consilium plan study.yaml --epsilon 3
  How many rounds at σ = 1.5?     consilium plan study.yaml --sigma 1.5     (see "The largest plan")
  What do the sites still afford? consilium plan study.yaml --cap 4 --cap st-anna=2.5@1e-5
                                  consilium plan study.yaml --data ./consortium
  Which q is best?                consilium plan study.yaml --sweep q=0.01..0.2 --svg q.svg
  q and σ together                consilium plan study.yaml --sweep q=0.02..0.3 --sweep sigma=0.8..3 --svg both.svg
  How long will it take?          consilium plan study.yaml --step-ms 300 --link-mbit 20

ε is the one that approval counts: the same charges, the same accountant, training, metrics and audit together.
Signal to noise is an upper bound: nobody knows how long gradients are before they are computed.
docs/planning.md explains every line.`;

async function plan(file: string, options: PlanOptions): Promise<void> {
  const { document, noiseWasAuto, warnings } = readStudyFile(file);
  const study = { document, noiseWasAuto };
  const turns = turnsOf(options);
  const axes = options.sweep.map(parseSweep);
  const variant = variantOf(study, turns);
  if (axes.length > 0) {
    const points = sweep(variant, checkedAxes(axes));
    if (options.svg !== undefined) write(options.svg, sweepPicture(axes, points));
    return print(options.json, { study: document.name, axes, points }, sweepText(variant.document, axes, points));
  }
  const pace = { stepMs: options.stepMs, linkMbit: options.linkMbit };
  const said = { ...variant, pace, warnings: warnings.map(formatFinding) };
  const made = await planned(said, options);
  if (options.svg !== undefined) write(options.svg, planPicture(made));
  print(options.json, made, planText(made));
  if (options.json !== true) hint(`next: consilium study propose ${file}`);
}

type Said = Parameters<typeof planStudy>[1] & { readonly document: StudyDocument };

/** By hand, or, where a coordinator's caps are asked for, by the coordinator that knows them. */
async function planned({ document, ...context }: Said, { cap, data }: PlanOptions): Promise<Plan> {
  if (data === undefined) return planStudy(document, { ...context, budgets: budgetsOf(document, cap) });
  const client = await Client.of({ data: data === true ? DEFAULT_DATA_FOLDER : data });
  const { noiseWasAuto, pace, warnings = [] } = context;
  const made = await client.post("/api/plan/document", { document, noiseWasAuto, pace }, Plan);
  return { ...made, warnings: [...warnings, ...made.warnings] };
}

function budgetsOf({ sites, privacy }: StudyDocument, caps: readonly Cap[]): SiteBudget[] {
  const unknown = caps.find(({ site }) => site !== null && !sites.some(({ name }) => name === site));
  if (unknown !== undefined) throw unknownSite(unknown, sites);
  return sites.flatMap(({ name: site }) => {
    // What is said of one site holds before what is said of all, the last word before those before it.
    const cap = caps.findLast((one) => one.site === site) ?? caps.findLast((one) => one.site === null);
    if (cap === undefined) return [];
    return [{ site, dataset: null, cap: cap.epsilon, delta: cap.delta ?? privacy.delta, spent: NOTHING_BEFORE }];
  });
}

function unknownSite({ site }: Cap, sites: StudyDocument["sites"]): Failure {
  return new Failure({
    code: "plan/unknown-site",
    kind: "usage",
    what: `--cap names ${site}, which is no site of the study.`,
    remedy: `Its sites are ${sites.map(({ name }) => name).join(", ")}.`,
  });
}

function turnsOf({ epsilon, sigma, q, rounds }: Turns): Turns {
  const given = Object.entries({ epsilon, sigma, q, rounds }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given);
}

function checkedAxes(axes: readonly SweepAxis[]): readonly SweepAxis[] {
  if (axes.length <= 2 && new Set(axes.map(({ name }) => name)).size === axes.length) return axes;
  throw new Failure({
    code: "plan/bad-sweep",
    kind: "usage",
    what: "A sweep goes over one number, or over two different ones.",
    remedy: "Give --sweep once or twice: --sweep q=0.01..0.2 --sweep sigma=0.8..3.",
  });
}

function collectCap(text: string, before: readonly Cap[]): readonly Cap[] {
  const [, name, epsilon, delta] = /^(?:([^=@]+)=)?([^=@]+)(?:@([^=@]+))?$/.exec(text) ?? [];
  const site = name === undefined ? null : SiteName.safeParse(name).data;
  if (epsilon === undefined || site === undefined)
    throw new InvalidArgumentError("Write 4, st-anna=4 or st-anna=4@1e-5.");
  const atDelta = delta === undefined ? null : positive(delta);
  if (atDelta !== null && atDelta >= 1) throw new InvalidArgumentError("δ is below 1.");
  return [...before, { site, epsilon: positive(epsilon), delta: atDelta }];
}

function collect(text: string, before: readonly string[]): readonly string[] {
  return [...before, text];
}

function write(file: string, picture: string): void {
  try {
    writeFileSync(file, picture);
  } catch (error) {
    throw systemFailure(error) ?? error;
  }
}
