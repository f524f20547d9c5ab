/** `consilium-site data deidentify` of a table: a copy by the site's rules, with a report of what was done. */
import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { isAbsent, isArrayValue, type RawValue } from "@consilium/shared/study/features";
import type { Connector } from "../connector/connector.ts";
import { deidentifiedRows, plansOf } from "../connector/deidentified.ts";
import { readDatasetFile } from "../connector/open.ts";
import { ColumnLook } from "../deidentification/columnLook.ts";
import { hashPatientKey } from "../deidentification/patientKey.ts";
import { outputDigest, reportLines, signedBy, type TableReport, textOfReport } from "../deidentification/report.ts";
import { columnReport, TableStatement } from "../deidentification/tableReport.ts";
import { type ColumnPlan, ColumnWork, TableRules } from "../deidentification/tableRules.ts";
import type { CommandContext } from "./context.ts";
import {
  type DeidentifyOptions,
  interrupted,
  type Owner,
  ownerOf,
  REPORT,
  REPORT_TEXT,
  readRules,
} from "./deidentify.ts";
import { freeFolder, makeWhole, writeWhole } from "./freshFolder.ts";
import { openOriginalNamed } from "./localFile.ts";

const RECORDS = "records.csv";

interface Copied {
  readonly digest: string;
  readonly read: number;
  readonly written: number;
  readonly patients: number | null;
}

/** `options.folder` names the data: a table, or a data set's file. */
export async function deidentifyTable(
  context: CommandContext,
  { folder: path, out: named, rules: rulesFile }: DeidentifyOptions,
  stop: AbortSignal,
): Promise<void> {
  const { output } = context;
  const ofDataset = (await readDatasetFile(path))?.file.deidentify;
  if (rulesFile !== undefined && ofDataset !== undefined) throw twoRules(path);
  const rules = ofDataset ?? (await readRules(rulesFile, TableRules));
  const out = await freeFolder(named, null);
  const owner = await ownerOf(context);
  const connector = await openOriginalNamed(path, { say: output.say, cache: null });
  try {
    const plans = await judged(connector, await plansOf(connector, rules), stop);
    const report = await makeWhole(out, async (partial) => {
      const work = plans.map((plan) => new ColumnWork(plan, owner.secret));
      const copied = await copyRecords(connector, work, { rules, owner, path: join(partial, RECORDS), stop });
      const made = reportOf(rules, work, copied, owner);
      await writeWhole(join(partial, REPORT), `${JSON.stringify(made, null, 2)}\n`);
      await writeWhole(join(partial, REPORT_TEXT), textOfReport(made));
      return made;
    });
    output.result({ out, ...report }, [
      ...reportLines(report),
      "",
      `Written to ${out}: ${RECORDS}, ${REPORT}, ${REPORT_TEXT}.`,
    ]);
  } finally {
    await connector.close();
  }
}

function reportOf(rules: TableRules, work: readonly ColumnWork[], copied: Copied, { signer }: Owner): TableReport {
  const { digest, read, written, patients } = copied;
  const statement = TableStatement.parse({
    kind: "table",
    rules,
    read,
    written,
    withoutPatient: read - written,
    patients,
    columns: work.map(columnReport),
    output: outputDigest(new Map([[RECORDS, digest]])),
  });
  return { statement, signed: signedBy(signer, statement) };
}

/** Looks at all values of the columns that no rule lists: those that are no numbers or codes are removed too. */
async function judged(
  connector: Connector,
  plans: readonly ColumnPlan[],
  stop: AbortSignal,
): Promise<readonly ColumnPlan[]> {
  const unlisted = plans.filter(({ deed }) => deed === "kept");
  const looks = unlisted.map(() => new ColumnLook());
  for await (const chunk of unlisted.length === 0 ? [] : connector.rows(unlisted.map(({ name }) => name))) {
    if (stop.aborted) throw interrupted();
    for (const row of chunk) for (const [i, look] of looks.entries()) look.add(row[i]);
  }
  return plans.map((plan) => {
    const why = looks[unlisted.indexOf(plan)]?.objection() ?? null;
    return why === null ? plan : { ...plan, deed: "removed", why };
  });
}

interface Copying {
  readonly rules: TableRules;
  readonly owner: Owner;
  readonly path: string;
  readonly stop: AbortSignal;
}

async function copyRecords(
  connector: Connector,
  work: readonly ColumnWork[],
  { rules, owner, path, stop }: Copying,
): Promise<Copied> {
  const kept = work.filter(({ plan }) => plan.deed !== "removed");
  if (kept.length === 0) throw nothingLeft();
  const patientAt = kept.findIndex(({ plan }) => plan.deed === "patient");
  const patients = new Set<string>();
  const hash = createHash("sha256");
  const file = await open(path, "wx", 0o600);
  let [read, written] = [0, 0];
  try {
    await append(file, hash, lineOf(kept.map(({ plan }) => plan.name)));
    for await (const chunk of deidentifiedRows(connector, kept, rules.patient)) {
      if (stop.aborted) throw interrupted();
      const lines: string[] = [];
      for (const row of chunk) {
        read += 1;
        const key = row[patientAt];
        if (patientAt >= 0 && (isAbsent(key) || isArrayValue(key))) continue;
        const hashed = patientAt < 0 ? null : hashPatientKey(owner.secret, String(key).trim());
        if (hashed !== null) patients.add(hashed);
        lines.push(lineOf(row.map((value, i) => (i === patientAt ? hashed : value))));
        written += 1;
      }
      await append(file, hash, lines.join(""));
    }
    if (written === 0) throw noRecords();
    await file.sync();
  } finally {
    await file.close();
  }
  return { digest: hash.digest("hex"), read, written, patients: patientAt < 0 ? null : patients.size };
}

async function append(file: FileHandle, hash: Hash, text: string): Promise<void> {
  hash.update(text);
  await file.write(text);
}

/** RFC 4180; a missing value is an empty cell. */
function lineOf(values: readonly RawValue[]): string {
  const cells = values.map((value) => {
    const text = isAbsent(value) ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${cells.join(",")}\n`;
}

function twoRules(path: string): Failure {
  return new Failure({
    code: "data/rules-twice",
    kind: "usage",
    what: `${path} has rules of its own under deidentify, and --rules names others.`,
    remedy: "Leave out --rules, or move its rules into the data set's file.",
  });
}

function nothingLeft(): Failure {
  return new Failure({
    code: "data/nothing-left",
    kind: "config",
    what: "The rules leave no column: each was removed, or looks like an identifier or a text.",
    remedy: "List under keep what somebody looked at: docs/deidentification.md.",
  });
}

function noRecords(): Failure {
  return new Failure({
    code: "data/nothing-written",
    kind: "config",
    what: "There is no record to copy: the table is empty, or none of its records has a patient.",
    remedy: "Export it again, and check the column that rules name as the patient.",
  });
}
