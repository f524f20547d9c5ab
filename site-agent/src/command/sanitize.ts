/** `consilium-site sanitize`: a data set noised once, charged once, and that before any noise is drawn. */
import { realpath } from "node:fs/promises";
import { Failure } from "@consilium/shared/failure/failure";
import { ChargeId } from "@consilium/shared/ledger/entry";
import { energyKept } from "@consilium/shared/sanitizer/energy";
import type { LabelRule } from "@consilium/shared/sanitizer/method";
import { statementOf } from "@consilium/shared/sanitizer/statement";
import { signStatement } from "@consilium/shared/signing/ed25519";
import type { DataContract } from "@consilium/shared/study/contract";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { SiteName } from "@consilium/shared/units/identity";
import { z } from "zod";
import { contentOf, requireUnchanged } from "../contract/content.ts";
import { DatasetBudget } from "../ledger/budget.ts";
import { orderLine, readOrder } from "../sanitizer/columnOrder.ts";
import { csvChunks } from "../sanitizer/csvTable.ts";
import type { ForeseenTable } from "../sanitizer/noisedTable.ts";
import { npzChunks } from "../sanitizer/npzTable.ts";
import { rulesOf } from "../sanitizer/unitFeatures.ts";
import { DISCLOSURE_DOMAIN, SanitizeWords } from "../steward/statement.ts";
import { readKeys, sealedKeyOf } from "../storage/keys.ts";
import { DatasetRecord } from "../storage/records.ts";
import { askSite, type CommandContext, decideAs, type StewardOptions, stewardOf } from "./context.ts";
import { describeReport, misfit } from "./contractReport.ts";
import { requireFolderOf } from "./localFile.ts";
import { runnable } from "./output.ts";
import { readingOf } from "./pictures.ts";
import {
  manifestOf,
  placeLeft,
  requireNew,
  requireWritable,
  takeAway,
  type WholeFile,
  writeWhole,
} from "./sanitizeFile.ts";
import { isArchive, requireFormat } from "./sanitizeFormat.ts";
import { manifestText } from "./sanitizeManifest.ts";
import type { MethodOptions } from "./sanitizeMethod.ts";
import { largestEpsilon, leftLines, type Plan, planOf, purseOf } from "./sanitizePlan.ts";
import { type Source, type Survey, survey } from "./sanitizeRead.ts";
import { changed, noOut, notNamed, secondMissing, spentInVain } from "./sanitizeRefusals.ts";
import { comparison, foretold } from "./sanitizeReport.ts";
import { type ColumnRoles, contractIn } from "./sanitizeSchema.ts";
import { noisedTable } from "./sanitizeWrite.ts";

export interface SanitizeOptions extends MethodOptions {
  /** Name or path of a registered data set; with `isDryRun` any path. */
  readonly input: string;
  /** Null where nothing is to be written. */
  readonly out: string | null;
  /** Study file whose contract the data are read through, or a bare schema file, for which `roles` are. */
  readonly schema: string;
  readonly roles: ColumnRoles;
  readonly labels: LabelRule;
  /** Records of one patient, beyond which they are left out; the contract's where it isn't given. */
  readonly records: number | undefined;
  readonly isDryRun: boolean;
  readonly steward: StewardOptions;
  /** Another steward, where something leaves without a figure for a record. */
  readonly second: StewardOptions | null;
}

export async function sanitizeData(
  context: CommandContext,
  options: SanitizeOptions,
  stop: AbortSignal = new AbortController().signal,
): Promise<void> {
  const { output } = context;
  const record = await registered(context, options);
  const { out, isDryRun } = options;
  if (out === null && !isDryRun) throw noOut();
  if (out !== null && !isDryRun) {
    await requireFolderOf(out);
    requireWritable(out);
    await requireNewFile(context, out);
  }
  const source = await sourceOf(context, options, record);
  const { contract } = source;
  const rules = rulesOf(contract, source.order ?? null);
  const { labelValues, recordsPerPatient } = rules;
  const counts = { columns: rules.low_C.length, labelValues, recordsPerPatient };
  const plan = planOf(options, options.labels, counts);
  const surveyed = await survey(source, operatingSystemRandom);
  requireFitting(context, surveyed, options);
  if (out !== null) requireFormat(out, foreseen(plan, contract, surveyed));
  const statement = statementOf(plan.all, plan.labels.label, options.delta);
  const compared = comparison(options, plan.method);
  const energy =
    "coefficients" in plan.method
      ? energyKept(surveyed.sample, rules, [plan.method.coefficients, counts.columns])
      : null;
  if (source.order != null)
    output.say(
      orderLine(
        source.order,
        contract.columns.map(({ name }) => name),
      ),
    );
  for (const line of foretold(statement, compared, energy, options.clip)) output.say(line);
  const purse = record === null ? null : await purseOf(context, record.dataset);
  const largest = () => (purse === null ? null : largestEpsilon(purse, options, options.labels, counts));
  if (purse !== null) for (const line of leftLines(purse, plan, largest)) output.say(line);
  await requireSecond(context, options, plan.disclosed);
  if (isDryRun || record === null || out === null) {
    output.result({ method: plan.method, statement, compared, events: plan.all }, [
      ...(output.isJson ? [] : ["Nothing was noised, written or spent."]),
    ]);
    return;
  }
  const words = wordsOf(record, plan, recordsPerPatient);
  await signed(context, options, words);
  await finish(context, { out, record, source, surveyed, plan, statement, words, stop });
}

interface Spent {
  readonly out: string;
  readonly record: DatasetRecord;
  readonly source: Source;
  readonly surveyed: Survey;
  readonly plan: Plan;
  readonly statement: ReturnType<typeof statementOf>;
  readonly words: SanitizeWords;
  readonly stop: AbortSignal;
}

/** From here on the charge is spent, whatever happens: what fails says so. The file has its name once it is booked. */
async function finish(context: CommandContext, spent: Spent) {
  const { out, record, source, surveyed, plan, statement, words, stop } = spent;
  const { output } = context;
  const { charge, dataset } = words;
  // An answer that is lost may have been a yes: what may be paid for is kept.
  let mayBePaid = false;
  try {
    const { identity } = await readKeys(context.folder);
    const { kept } = surveyed;
    const table = await noisedTable({ source, kept, plan, out, say: output.say, stop });
    const file = writeTable(out, table);
    await requireSame(record);
    const { site } = await askSite(context, { ask: "next-decision" }, z.object({ site: SiteName }));
    const about = {
      words,
      contract: source.contract,
      order: source.order?.digest ?? null,
      plan,
      statement,
      file: file.digest,
      records: kept.inOrder().length,
    };
    const { signed: manifest, text } = manifestText({ site, ...about }, identity);
    const beside = writeWhole(manifestOf(out), [Buffer.from(`${text}\n`)]);
    const closing = { ask: "commit-sanitizing", charge, result: file.digest } as const;
    mayBePaid = true;
    await askSite(context, closing, z.object({ charge: z.string() }));
    beside.place();
    file.place();
    output.result({ out, ...manifest }, [
      `Wrote ${out}, SHA-256 ${file.digest}, and ${manifestOf(out)}.`,
      `${dataset} has paid for it once (${charge}); whatever is computed from that file alone costs nothing more.`,
      runnable("Next: consilium-site budget show"),
    ]);
  } catch (cause) {
    if (mayBePaid) throw notNamed(out, charge, cause);
    takeAway(out);
    throw spentInVain(charge, cause);
  }
}

function writeTable(out: string, table: Awaited<ReturnType<typeof noisedTable>>): WholeFile {
  try {
    return writeWhole(out, isArchive(out) ? npzChunks(table) : csvChunks(table));
  } finally {
    table.close();
  }
}

/** A file that a crash left whole and paid for gets its name first: another run must not take it away. */
async function requireNewFile(context: CommandContext, out: string): Promise<void> {
  const budgets = await askSite(context, { ask: "budget" }, z.array(DatasetBudget));
  const paid = budgets.flatMap(({ sanitizings }) => sanitizings.flatMap(({ file }) => file ?? []));
  if (await placeLeft(out, new Set(paid)))
    context.output.say(`${out} was whole and paid for when it was interrupted: it has its name now.`);
  requireNew(out);
}

async function registered(
  context: CommandContext,
  { input, isDryRun }: SanitizeOptions,
): Promise<DatasetRecord | null> {
  const datasets = await askSite(context, { ask: "datasets" }, z.array(DatasetRecord));
  const path = await realpath(input).catch(() => null);
  const record = datasets.find((one) => one.dataset === input) ?? datasets.find((one) => one.path === path);
  if (record !== undefined) return record;
  if (isDryRun && path !== null) return null;
  throw new Failure({
    code: "data/unregistered",
    kind: "usage",
    what: `${input} is neither a registered data set nor the path of one: nobody's budget could pay for it.`,
    remedy: "Register it first: consilium-site data register NAME PATH. Or only look, with --dry-run.",
  });
}

async function sourceOf(
  context: CommandContext,
  { input, schema, roles, records, order: orderFile }: SanitizeOptions,
  record: DatasetRecord | null,
): Promise<Source> {
  const data = contractIn(schema, roles);
  const contract: DataContract = { ...data, maxRecordsPerPatient: records ?? data.maxRecordsPerPatient };
  const order = orderFile === undefined ? null : await readOrder(orderFile);
  if (record === null) return { path: input, contract, secret: operatingSystemRandom.bytes(32), order };
  await requireUnchanged(record, contract);
  await requireSame(record);
  const { splitKey } = await readKeys(context.folder);
  const reading = readingOf(context, record.dataset);
  return { path: record.path, reading, contract, secret: splitKey, order };
}

/** The bytes that the steward signs for, before they are read and when all was. */
async function requireSame(record: DatasetRecord): Promise<void> {
  const { digest } = await contentOf(record.path);
  if (digest !== record.content) throw changed(record);
}

function requireFitting({ output }: CommandContext, { report }: Survey, { input, schema }: SanitizeOptions): void {
  if (!report.violated) return;
  for (const line of describeReport(report)) output.say(line);
  throw misfit(report, `consilium-site sanitize --in ${input} --schema ${schema} …`);
}

function foreseen({ method, labels }: Plan, contract: DataContract, { kept }: Survey): ForeseenTable {
  const records = kept.inOrder();
  return { contract, method, hasLabel: labels.label !== "dropped", count: records.length, records };
}

function wordsOf({ dataset, content }: DatasetRecord, plan: Plan, recordsPerPatient: number): SanitizeWords {
  const { method, labels, events, disclosed } = plan;
  // Never told twice: not by a copy that was put back either.
  const unique = Buffer.from(operatingSystemRandom.bytes(8)).toString("hex");
  const charge = ChargeId.parse(`sanitize/${dataset}/${unique}`);
  return SanitizeWords.parse({ charge, dataset, content, method, labels, recordsPerPatient, events, disclosed });
}

/** The steward's decision, and another's where something leaves without a figure; durable before any noise is drawn. */
async function signed(context: CommandContext, { steward, second }: SanitizeOptions, words: SanitizeWords) {
  const { output } = context;
  const { dataset, disclosed } = words;
  const what = disclosed.length === 0 ? "" : ` The ${disclosed.join(" and ")} leave UNPROTECTED; two stewards sign.`;
  output.say(`Each run is a charge of its own, spent from now on, whatever becomes of the file.${what}`);
  const { signer } = await stewardOf(context, steward, `Sanitize ${dataset} and charge it?`);
  const other = disclosed.length === 0 || second === null ? null : await stewardOf(context, second, "Sign for it too?");
  const also =
    other === null
      ? {}
      : { second: { steward: other.sealed.steward, signature: signStatement(other.signer, DISCLOSURE_DOMAIN, words) } };
  await decideAs(context, signer, () => ({ action: "sanitize", ...words, ...also }));
}

/** Where something leaves without a figure another steward is named, and known: a dry run tells what is amiss too. */
async function requireSecond(
  { folder, output }: CommandContext,
  { isDryRun, steward, second }: SanitizeOptions,
  disclosed: Plan["disclosed"],
): Promise<void> {
  if (disclosed.length === 0) return;
  const missing = secondMissing(disclosed);
  if (second === null) {
    if (!isDryRun) throw missing;
    output.say(`${missing.message} ${missing.remedy}`);
    return;
  }
  const [one, other] = [await sealedKeyOf(folder, steward.as), await sealedKeyOf(folder, second.as)];
  if (one.publicKey === other.publicKey) throw missing;
}
