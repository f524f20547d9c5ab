import { readFile, writeFile } from "node:fs/promises";
import { Failure } from "@consilium/shared/failure/failure";
import { disagreements } from "@consilium/shared/ledger/agreement";
import { today } from "@consilium/shared/ledger/capFilter";
import { LedgerEntry } from "@consilium/shared/ledger/entry";
import { exportLines, readExport } from "@consilium/shared/ledger/exported";
import { filterEntries, type KnownNames, type LedgerFilter, requireKnownNames } from "@consilium/shared/ledger/filter";
import { replay } from "@consilium/shared/ledger/replay";
import { sanitizingWords } from "@consilium/shared/ledger/sanitizingWords";
import { whatIf } from "@consilium/shared/ledger/whatIf";
import { SignedHead } from "@consilium/shared/protocol/messages";
import { systemFailure } from "@consilium/shared/system/errno";
import { epsilonLeftText } from "@consilium/shared/units/epsilonText";
import { DatasetId, StudyName } from "@consilium/shared/units/identity";
import { readStudyFile } from "@consilium/storage/studyFile";
import { z } from "zod";
import { readConfig } from "../config.ts";
import { changeText } from "./capChanges.ts";
import { askSite, type CommandContext, whyApart } from "./context.ts";
import { epsilonCell, table } from "./output.ts";

export interface LedgerOptions extends LedgerFilter {
  readonly after: number;
}

/** A coordinator that was restored takes over the charges in it, where it is whole. */
export async function ledger(context: CommandContext, { after, ...wanted }: LedgerOptions): Promise<void> {
  const whole = await wholeLedger(context);
  requireKnownNames(whole, wanted, await knownHere(context));
  const entries = filterEntries(whole, wanted).filter(({ sequence }) => sequence > after);
  const rows = entries.map(({ sequence, at, body }) => [String(sequence), at, body.kind, detail(body)]);
  context.output.result({ entries }, table(["entry", "at", "kind", ""], rows));
}

/** Registered data sets and proposed studies may be asked for before anything was booked of them. */
async function knownHere(context: CommandContext): Promise<KnownNames> {
  const datasets = await askSite(context, { ask: "datasets" }, z.array(z.object({ dataset: DatasetId })));
  const studies = await askSite(context, { ask: "studies" }, z.array(z.object({ name: StudyName })));
  return { dataset: datasets.map(({ dataset }) => dataset), study: studies.map(({ name }) => name) };
}

/** This site's ledger as a file, for whoever has its identity key: the coordinator's roster holds it. */
export async function exportLedger(context: CommandContext, file: string): Promise<void> {
  const { head } = await askSite(context, { ask: "verify-ledger" }, Verified);
  const entries = (await wholeLedger(context)).slice(0, head.head.sequence);
  const lines = exportLines({ ...head, countersigned: [], roster: null }, entries, null);
  await writeFile(file, `${lines.join("\n")}\n`, { flag: "wx" }).catch((cause: unknown) => {
    throw notWritten(file, cause);
  });
  context.output.result({ file, entries: entries.length, head: head.head }, [
    `${file}: ${entries.length} entries.`,
    "Whoever has the coordinator's export holds it against that: consilium budget verify --site-export FILE",
  ]);
}

/** What a study would cost each data set here; nothing is charged. */
export async function costs(context: CommandContext, file: string): Promise<void> {
  const { document } = readStudyFile(file);
  const entries = await wholeLedger(context);
  const { name } = await readConfig(context.folder.config, context.environment);
  const state = replay(name, entries);
  const budgets = whatIf(state, document, today(state, new Date())).filter(({ site }) => site === name);
  const rows = budgets.map(({ dataset, before, after, cap, left, fits, affordableRounds }) => [
    dataset,
    epsilonCell(before),
    epsilonCell(after),
    String(cap),
    epsilonLeftText(left),
    fits ? "yes" : `no: ${affordableRounds} of ${document.training.rounds} rounds do`,
  ]);
  context.output.result({ study: document.name, budgets }, [
    ...table(["data set", "ε now", "ε after it", "cap", "left", "fits"], rows),
    budgets.length === 0
      ? `No data set with a cap here, or ${document.name} doesn't list this site.`
      : "Nothing was charged.",
  ]);
}

/** Page by page. */
export async function wholeLedger(context: CommandContext): Promise<readonly LedgerEntry[]> {
  const entries: LedgerEntry[] = [];
  for (let from = 0; ; ) {
    const page = await askSite(context, { ask: "ledger", after: from }, z.array(LedgerEntry));
    entries.push(...page);
    const last = page.at(-1);
    if (last === undefined) break;
    from = last.sequence;
  }
  return entries;
}

/** With the coordinator's export: whether both sides agree, by the key that was pinned when this site enrolled. */
export async function verify(context: CommandContext, coordinatorExport: string | undefined): Promise<void> {
  const verified = await askSite(context, { ask: "verify-ledger" }, Verified);
  const { sequence, hash, root, writer } = verified.head.head;
  const found = coordinatorExport === undefined ? null : await against(context, coordinatorExport);
  context.output.result({ ...verified, ...(found === null ? {} : { disagreements: found }) }, [
    `The ledger holds: ${verified.entries} entries, chained and signed; head ${hash}, root ${root}.`,
    ...(found === null
      ? []
      : found.length === 0
        ? [`It agrees with the coordinator's, from ${writer}'s side.`]
        : found),
  ]);
  const apart = await whyApart(context);
  if (apart !== null) throw new Failure({ code: "ledger/apart", kind: "refused", ...apart });
  if (found !== null && found.length > 0) {
    throw new Failure({
      code: "ledger/disagree",
      kind: "fault",
      what: `This site's ledger (${sequence} entries) and the coordinator's don't tell the same story.`,
      remedy:
        "Keep both exports, and find out with the lead which side lost or changed entries before any round goes on.",
    });
  }
}

async function against(context: CommandContext, file: string): Promise<readonly string[]> {
  const { name, coordinator } = await readConfig(context.folder.config, context.environment);
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw notReadable(file, cause);
  });
  const { state } = readExport(text, coordinator.key);
  if (state === null) throw notReadable(file, "it is a part of the ledger, not the whole");
  return disagreements(state, replay(name, await wholeLedger(context)), name);
}

function notReadable(file: string, cause: unknown): Failure {
  return new Failure({
    code: "verify/no-export",
    kind: "usage",
    what: `${file} can't be read as the coordinator's whole ledger.`,
    remedy: "Ask the lead for it: consilium budget export --to FILE",
    cause,
  });
}

function notWritten(file: string, cause: unknown): Failure {
  return new Failure({
    code: "export/not-written",
    kind: "usage",
    what: systemFailure(cause)?.message ?? `${file} can't be written.`,
    remedy: "Name a new file with --to, in a folder that this account may write to.",
    cause,
  });
}

const Verified = z.strictObject({ entries: z.number(), head: SignedHead });

function detail(body: LedgerEntry["body"]): string {
  if (body.kind === "sanitizing") return `${body.charge} on ${body.dataset}: ${sanitizingWords(body)}`;
  if (body.kind === "records-released") return `${body.charge}, by ${body.by.join(" and ")}: ${body.reason}`;
  if (body.kind === "reserved" && body.event.kind === "post-processing")
    return `${body.charge}: post-processing of sanitized records, ε = 0`;
  if ("charge" in body) return body.charge;
  if (body.kind === "cap-set") return `${body.dataset}: ε ≤ ${body.epsilon} at δ = ${body.delta}`;
  if (body.kind === "study-cap-set") return `${body.study} on ${body.dataset}: ${body.epsilon ?? "lifted"}`;
  if (body.kind === "period-cap-set") return `${body.period} on ${body.dataset}: ${body.epsilon ?? "lifted"}`;
  if (body.kind === "raise-asked")
    return `${changeText(body.change)} on ${body.dataset}, by ${body.by}: ${body.reason}`;
  if (body.kind === "raise-settled" || body.kind === "steward-settled")
    return `${body.isGranted ? "granted" : "refused"} by ${body.by}: ${body.reason}`;
  if (body.kind === "steward-added") return `${body.steward}, by ${body.by}`;
  if (body.kind === "steward-asked") return `${body.steward}, by ${body.by}: ${body.reason}`;
  if (body.kind === "study-approved")
    return `${body.study} on ${body.dataset}${body.sanitized === undefined ? "" : `, post-processing of ${body.sanitized}`}`;
  if (body.kind === "head-witnessed") return `${body.head.writer} at entry ${body.head.sequence}`;
  return "";
}
