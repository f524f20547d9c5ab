import type { RecordOutput } from "@consilium/shared/audit/attacks";
import { type ExactAudit, exactAudit } from "@consilium/shared/audit/exactAudit";
import { exactPage } from "@consilium/shared/audit/exactPage";
import { figureText } from "@consilium/shared/audit/figureText";
import { FAILURE_EXIT_CODE, Failure } from "@consilium/shared/failure/failure";
import type { Command } from "commander";
import { requireNewPage, today, writeAuditPage } from "../outsider/auditPage.ts";
import { type ForeignModel, openForeignModel } from "../outsider/foreignModel.ts";
import { encodeTable, outputsOf, readTable } from "../outsider/recordTable.ts";
import { hint, print, table } from "./output.ts";

interface RunOptions {
  readonly model: string;
  readonly weights?: string;
  readonly members: string;
  readonly nonMembers: string;
  readonly label?: string;
  readonly classes?: string;
  readonly site?: string;
  readonly limit?: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** Where nobody names a limit: what the page draws. */
const USUAL_LIMIT = 0.6;

/** `consilium audit run`: membership attacks on any model, by whoever holds records that trained it and others. */
export function registerAuditRun(audit: Command): void {
  audit
    .command("run")
    .description("audit a model that was trained anywhere, here, with your own records")
    .requiredOption("--model <path>", "a release's folder, a Keras or TF.js model.json, or an ONNX file")
    .option("--weights <file>", "safetensors with the numbers of a model.json")
    .requiredOption("--members <csv>", "records that trained the model")
    .requiredOption("--non-members <csv>", "records of the same kind that did not")
    .option("--label <column>", "column with each record's class (default: the release's own; else: label)")
    .option(
      "--classes <n>",
      "classes of a model.json whose last layer leaves them open, or of an ONNX file (default: 2)",
    )
    .option("--site <name>", "of a release whose sites have a last layer each: the one of these records' site")
    .option("--limit <auc>", "end with code 6 where the best attack's AUC may be above this")
    .option("--out <html>", "write the whole audit as one page, ready for an impact assessment")
    .option("--json", "print every figure as JSON")
    .addHelpText("after", HELP)
    .action(auditForeign);
}

const HELP = `
Nothing leaves this machine, and nothing is noised: figures are exact, for whoever may see the records.
Tables have a header; a model.json or ONNX file takes all columns but the label, in the file's order, as numbers.

  consilium audit run --model releases/heart --members trained.csv --non-members held-out.csv --out audit.html
  consilium audit run --model model.json --weights model.safetensors --members a.csv --non-members b.csv --label sick

What the figures mean, and what they can't say: docs/audits.md.`;

async function auditForeign(options: RunOptions): Promise<void> {
  const { out, members, nonMembers } = options;
  requireNewPage(out);
  const limit = limitOf(options.limit);
  const model = await openForeignModel({ ...options, classes: classesGiven(options.classes) });
  const { classes } = model;
  const [inside, outside] = [readTable(members), readTable(nonMembers)];
  const encoding = model.encodingOf(inside.columns, options.label);
  const encoded = [inside, outside].map((own) => encodeTable(own, encoding, classes));
  const outputs: RecordOutput[][] = [];
  for (const { features, labels } of encoded) {
    model.scale(features);
    outputs.push(outputsOf(await model.answer(features, labels.length), labels, classes));
  }
  const report = exactAudit({
    members: outputs[0] ?? [],
    nonMembers: outputs[1] ?? [],
    classes,
    limit: limit ?? USUAL_LIMIT,
  });
  if (out !== undefined) await writePage(out, report, model, options);
  print(options.json, report, textOf(report));
  if (out !== undefined) hint(`wrote ${out}: exact figures of these records, for whoever may see them`);
  const isAbove = report.best.state === "not-resolvable" || report.best.high > report.limit;
  if (limit !== undefined && isAbove) process.exitCode = FAILURE_EXIT_CODE["audit-failed"];
}

async function writePage(out: string, report: ExactAudit, { name }: ForeignModel, options: RunOptions): Promise<void> {
  const page = exactPage(report, {
    model: name,
    members: options.members,
    nonMembers: options.nonMembers,
    madeOn: today(),
  });
  await writeAuditPage(out, page);
}

function textOf({ verdict, orderings }: ExactAudit): string {
  const rows = orderings.flatMap((ordering) => [
    [ordering.attacks.join(", "), "AUC", figureText(ordering.auc)],
    ["", "advantage", figureText(ordering.advantage)],
    ...ordering.tprAtFpr.map(({ fpr, tpr }) => ["", `TPR at FPR ${fpr}`, figureText(tpr)]),
  ]);
  return [verdict.words, "", table(["attacks", "figure", "value (interval)"], rows)].join("\n");
}

function limitOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const limit = Number(text);
  if (limit >= 0.5 && limit <= 1) return limit;
  throw new Failure({
    code: "audit/bad-limit",
    kind: "usage",
    what: `--limit ${text} is no AUC that could be allowed.`,
    remedy: "Give a number from 0.5, a coin toss, to 1: --limit 0.6.",
  });
}

const CLASSES_MAX = 1000;

function classesGiven(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const classes = Number(text);
  if (Number.isInteger(classes) && classes >= 2 && classes <= CLASSES_MAX) return classes;
  throw new Failure({
    code: "audit/bad-classes",
    kind: "usage",
    what: `--classes ${text} is no number of classes.`,
    remedy: `Give a whole number from 2 to ${CLASSES_MAX}.`,
  });
}
