import { Failure } from "@consilium/shared/failure/failure";
import type { Command } from "commander";
import { answerStatistics, type StatisticsAnswers, type SummaryAnswer } from "./auditStatsAnswers.ts";
import { Statistics } from "./auditStatsInput.ts";
import { parseJson, readSource, sourceName } from "./jsonSource.ts";
import { hint, print, table } from "./output.ts";

const PARTS = Object.keys(Statistics.shape);
const EXAMPLE = '{"epsilon_bounds":{"one_run":[{"m":1000,"r":100,"v":90,"p":0.05,"delta":1e-5}]}}';

/** `consilium audit stats`: attacks and ε bounds on figures that the caller has, without any study. */
export function registerAuditStats(audit: Command): void {
  audit
    .command("stats")
    .description("compute membership attacks and lower bounds on ε from outputs, scores or counts in a file")
    .requiredOption("--from <file>", "JSON with the parts below; - reads standard input")
    .option("--json", "print every figure, under the names of the parts that were given")
    .addHelpText("after", HELP)
    .action(async (options: { from: string; json?: boolean }) => {
      const { statistics, ignored } = readStatistics(await readSource(options.from), options.from);
      if (ignored.length > 0) hint(`not read: ${ignored.join(", ")}`);
      const answers = answerStatistics(statistics);
      print(options.json, answers, describeAnswers(answers));
    });
}

const HELP = `
Parts, each as wanted:
  song_mittal     num_classes, inputs: {shadow, target}: {member, nonmember}: {probs: [[p, …], …], labels: [0, …]}
                  correctness, confidence, entropy, modified entropy, with class thresholds from the shadow model;
                  privacy risk score
  lira            inputs: target_phi, shadow_phi and shadow_in by [model][record], target_member (1 or 0)
                  likelihood ratio attack on logits φ = log(p / (1 − p)), online and offline
  rmia            inputs: target_p, ref_p, ref_in, target_z, ref_z (ref_… by [model][record]), target_member
                  relative membership attack; z are public population records
  epsilon_bounds  clopper_pearson: [{tp, n_pos, fp, n_neg, alpha, delta}]    over independent training runs only
                  one_run: [{m, r, v, p, delta}]    m fair coins, r guesses, v right; m and r fixed beforehand
                  one_shot_federated_canary: [{mean_cos, std_cos, dim, delta}]    an estimate
                  gdp_conversion: [{mu, delta}]

One bound, from standard input:
  echo '${EXAMPLE}' | consilium audit stats --from -
All conventions: docs/audits.md.`;

/** Reads the parts. Throws `config/bad-statistics`, naming each fault's place, where they are not as they should be. */
export function readStatistics(source: string, name: string): { statistics: Statistics; ignored: readonly string[] } {
  const parsed = Statistics.safeParse(parseJson(source, name, BAD_JSON));
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) => `${pathText(path)}: ${message}`);
    const shown = issues.length > ISSUES_MAX ? [...issues.slice(0, ISSUES_MAX), "…"] : issues;
    throw badStatistics(`${sourceName(name)} can't be read as an audit's figures: ${shown.join("; ")}.`);
  }
  const ignored = unknownKeys(parsed.data);
  if (PARTS.every((part) => !(part in parsed.data)))
    throw badStatistics(
      `${sourceName(name)} has none of ${PARTS.join(", ")}${ignored.length > 0 ? `, but ${ignored}` : ""}.`,
    );
  return { statistics: parsed.data, ignored };
}

const BAD_JSON =
  "Write figures as JSON; NaN and Infinity are no JSON: leave such records out or find where they come from.";
const ISSUES_MAX = 10;
/** What stands beside the inputs of a part and is read. */
const READ_KEYS = ["num_classes", "inputs"];

/** Keys of the whole and of its parts that nothing is computed from. */
function unknownKeys(statistics: Statistics): readonly string[] {
  const { song_mittal, lira, rmia } = statistics;
  const beside = Object.entries({ song_mittal, lira, rmia }).flatMap(([part, value]) =>
    Object.keys(value ?? {})
      .filter((key) => !READ_KEYS.includes(key))
      .map((key) => `${part}.${key}`),
  );
  return [...Object.keys(statistics).filter((key) => !PARTS.includes(key)), ...beside];
}

function badStatistics(what: string): Failure {
  return new Failure({
    code: "config/bad-statistics",
    kind: "config",
    what,
    remedy: `consilium audit stats --help shows each part; the least is ${EXAMPLE}`,
  });
}

/** Main figures for people: one table for attacks, one for each kind of bound. */
function describeAnswers({ song_mittal, lira, rmia, epsilon_bounds }: StatisticsAnswers): string {
  const row = (name: string, { auc, advantage, tpr_at_fpr_step: tpr }: SummaryAnswer) => [
    name,
    auc.toFixed(4),
    advantage.toFixed(4),
    ...Object.values(tpr).map((rate) => (rate ?? Number.NaN).toFixed(4)),
  ];
  const summaries = [
    ...Object.entries(song_mittal ?? {}).flatMap(([name, value]) =>
      "target_summary" in value ? [row(name, value.target_summary)] : [],
    ),
    ...Object.entries(lira ?? {}).flatMap(([name, value]) =>
      "summary" in value ? [row(`lira ${name}`, value.summary)] : [],
    ),
    ...Object.entries(rmia ?? {}).map(([name, value]) => row(`rmia ${name}`, value.summary)),
  ];
  const titles = ["attack", "AUC", "advantage", "TPR at 0.1 % FPR", "at 1 %", "at 5 %", "at 10 %"];
  const bounds = Object.entries(epsilon_bounds ?? {}).map(([name, rows]) => `${name}\n${rowsTable(rows)}`);
  return [...(summaries.length > 0 ? [table(titles, summaries)] : []), ...bounds].join("\n\n");
}

function rowsTable(rows: readonly Readonly<Record<string, number | null>>[]): string {
  const names = Object.keys(rows[0] ?? {});
  const cell = (value: number | null | undefined) =>
    value == null ? "none" : Number.isInteger(value) || Math.abs(value) < 1e-4 ? `${value}` : value.toFixed(4);
  return table(
    names,
    rows.map((row) => names.map((name) => cell(row[name]))),
  );
}

/** `lira.inputs.shadow_phi[3]` */
function pathText(path: readonly PropertyKey[]): string {
  const steps = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  return steps === "" ? "the whole" : steps.replace(/^\./, "");
}
