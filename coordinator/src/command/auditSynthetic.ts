import { figureText } from "@consilium/shared/audit/figureText";
import { evaluateSynthetic, type Progress, type SyntheticEvaluation } from "@consilium/shared/synthetic/evaluate";
import { syntheticPage } from "@consilium/shared/synthetic/page";
import type { Command } from "commander";
import { requireNewPage, today, writeAuditPage } from "../outsider/auditPage.ts";
import { fileName, type RecordTable, readTable, unusable } from "../outsider/recordTable.ts";
import { hint, print, table } from "./output.ts";

interface SyntheticOptions {
  readonly synthetic: string;
  readonly members: string;
  readonly nonMembers: string;
  readonly label?: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** `consilium audit synthetic`: what synthetic records are good for and whom they betray, by whoever holds real ones. */
export function registerAuditSynthetic(audit: Command): void {
  audit
    .command("synthetic")
    .description("hold synthetic records against real ones, here: how faithful, how useful, whom they betray")
    .requiredOption("--synthetic <csv>", "synthetic records, a release's synthetic/records.csv for instance")
    .requiredOption("--members <csv>", "real records that the generator learned from")
    .requiredOption("--non-members <csv>", "real records of the same kind that nothing learned from")
    .option("--label <column>", "column that a classifier is to tell")
    .option("--out <html>", "write the whole evaluation as one page")
    .option("--json", "print every figure as JSON")
    .addHelpText("after", HELP)
    .action(auditSynthetic);
}

const HELP = `
Nothing leaves this machine, and nothing is noised: figures are exact, for whoever may see the records.
Tables have a header; columns that stand in all three are looked at. Columns sbp_1, sbp_2, … are drawn over time.

  consilium audit synthetic --synthetic made.csv --members ours.csv --non-members others.csv --label arm --out a.html

What the figures mean, and what they can't say: docs/synthetic.md.`;

async function auditSynthetic(options: SyntheticOptions): Promise<void> {
  const { out, label = null } = options;
  requireNewPage(out);
  const tables = [options.synthetic, options.members, options.nonMembers].map(readTable);
  const [synthetic, members, nonMembers] = tables;
  if (synthetic === undefined || members === undefined || nonMembers === undefined)
    throw new RangeError("three tables");
  for (const one of tables) refuseTooFew(one);
  const columns = sharedColumns(tables, label);
  const evaluation = evaluateSynthetic(
    { synthetic: synthetic.rows, members: members.rows, nonMembers: nonMembers.rows, columns, label },
    PROGRESS,
  );
  if (out !== undefined) await writePage(out, evaluation, options);
  print(options.json, evaluation, textOf(evaluation));
  if (out !== undefined) hint(`wrote ${out}: exact figures of these records, for whoever may see them`);
}

const WORDS: Readonly<Record<Parameters<Progress>[0], string>> = {
  columns: "column by column",
  pairs: "columns together",
  classifiers: "what they teach",
  distances: "distances to the closest",
  densities: "densities",
};

const PROGRESS: Progress = (step) => {
  if (process.stderr.isTTY) process.stderr.write(`${WORDS[step]} …\n`);
};

/** Columns of all tables, in the synthetic one's order. */
function sharedColumns(tables: readonly RecordTable[], label: string | null): readonly string[] {
  const [first] = tables;
  const shared = (first?.columns ?? []).filter((name) => tables.every(({ columns }) => columns.includes(name)));
  const path = first?.path ?? "";
  if (shared.length === 0)
    throw unusable(path, "shares no column with the real records", "Give tables with the same header.");
  if (label !== null && !shared.includes(label)) {
    const without = tables.find(({ columns }) => !columns.includes(label))?.path ?? path;
    throw unusable(without, `has no column ${label}`, `Name a column that all tables have: ${shared.join(", ")}.`);
  }
  return shared;
}

function refuseTooFew({ path, rows }: RecordTable): void {
  if (rows.length < RECORDS_MIN)
    throw unusable(path, `holds ${rows.length} records`, `Give at least ${RECORDS_MIN}: fewer tell nothing.`);
}

const RECORDS_MIN = 10;

async function writePage(out: string, evaluation: SyntheticEvaluation, options: SyntheticOptions): Promise<void> {
  const page = syntheticPage(evaluation, {
    synthetic: fileName(options.synthetic),
    members: fileName(options.members),
    nonMembers: fileName(options.nonMembers),
    madeOn: today(),
  });
  await writeAuditPage(out, page);
}

function textOf({ marginals, association, utility, closest, attacks }: SyntheticEvaluation): string {
  const worst = [...marginals].sort((a, b) => b.distance - a.distance)[0];
  const rows = [
    ...(utility === null
      ? []
      : [
          ["taught by synthetic, tried on real", share(utility.syntheticOnReal)],
          ["taught by real, tried on real", share(utility.realOnReal)],
          ["taught by real, tried on synthetic", share(utility.realOnSynthetic)],
          ["the commonest class alone", share(utility.commonest)],
        ]),
    ...(worst === undefined ? [] : [["farthest column", `${worst.column}, ${worst.distance.toFixed(3)} of 1`]]),
    ...(association.meanDifference === null
      ? []
      : [["mean difference of associations", association.meanDifference.toFixed(3)]]),
    ["copied: members / others", `${share(closest.members.copied)} / ${share(closest.nonMembers.copied)}`],
    ...attacks.map(({ attack, auc }) => [`AUC by ${attack}`, figureText(auc)]),
  ];
  const caveat = "Exact figures, none of them an ε bound: docs/synthetic.md says what they can't tell.";
  return [caveat, "", table(["", "exact"], rows)].join("\n");
}

function share(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}
