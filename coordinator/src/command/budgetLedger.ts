import { writeFileSync } from "node:fs";
import { Failure } from "@consilium/shared/failure/failure";
import { today } from "@consilium/shared/ledger/capFilter";
import type { LedgerBody, LedgerEntry } from "@consilium/shared/ledger/entry";
import { exportLines, inclusionProofs } from "@consilium/shared/ledger/exported";
import {
  filterEntries,
  type KnownNames,
  LEDGER_KINDS,
  type LedgerFilter,
  requireKnownNames,
} from "@consilium/shared/ledger/filter";
import { replay } from "@consilium/shared/ledger/replay";
import { sanitizingWords } from "@consilium/shared/ledger/sanitizingWords";
import { overlapAfter, whatIf } from "@consilium/shared/ledger/whatIf";
import { systemFailure } from "@consilium/shared/system/errno";
import { epsilonLeftText, epsilonText } from "@consilium/shared/units/epsilonText";
import { COORDINATOR } from "@consilium/shared/units/identity";
import { readStudyFile } from "@consilium/storage/studyFile";
import { type Command, Option } from "commander";
import { LEDGER_PAGE_MAX, LedgerPage, SignedLedger } from "../http/views.ts";
import { Client, type ClientOptions, withClientOptions } from "./client.ts";
import { wholeNumber } from "./flags.ts";
import { hint, print, table } from "./output.ts";

interface FilterOptions extends ClientOptions, LedgerFilter {
  readonly after: number;
  readonly proof?: boolean;
}

/** `budget ledger`, `export` and `what-if`: all of them read the ledger and change nothing. */
export function registerBudgetLedger(budget: Command): void {
  withFilters(withClientOptions(budget.command("ledger").description("the coordinator's ledger, oldest entry first")))
    .option("--after <number>", "entries after this one", wholeNumber, 0)
    .addOption(new Option("--kind <kind>", "entries of this kind alone").choices(LEDGER_KINDS))
    .option("--charge <id>", "what happened to one charge")
    .option("--proof", "with the proof that each entry is in the ledger, and the signed head that it holds for")
    .action(ledger);
  withFilters(withClientOptions(budget.command("export").description("the ledger as a file that anyone can verify")))
    .requiredOption("--to <file>", "a new file: JSON lines, the signed head first")
    .action(exportLedger);
  withClientOptions(budget.command("what-if").description("what a study would cost each data set; charges nothing"))
    .argument("<file>", "the study's file")
    .action(costs);
}

function withFilters(command: Command): Command {
  return command
    .option("--site <name>", "entries about this site alone")
    .option("--dataset <name>", "entries about data sets of this name alone")
    .option("--study <name>", "entries about this study alone");
}

async function ledger({ after, proof, ...options }: FilterOptions): Promise<void> {
  const { entries, signed } = await wholeLedger(await Client.of(options));
  requireKnownNames(entries, options, joinedSites(signed));
  const wanted = filterEntries(entries, options).filter(({ sequence }) => sequence > after);
  const proofs = proof === true ? inclusionProofs(entries, wanted) : null;
  const rows = wanted.map(({ sequence, at, body }) => [String(sequence), at, body.kind, detailOf(body)]);
  const proved = proofs === null ? {} : { proofs, head: signed.head, key: signed.key };
  const text = table(["entry", "at", "what", "of"], rows);
  const paths = (proofs ?? []).flatMap(({ sequence, size, path }) => [
    `entry ${sequence} of ${size}:`,
    ...path.map((digest) => `  ${digest}`),
  ]);
  print(options.json, { entries: wanted, ...proved }, [text, ...paths].join("\n"));
}

/** Whose charge it is, or what was decided of whom. */
function detailOf(body: LedgerBody): string {
  const dataset = "dataset" in body ? ` on ${body.dataset}` : "";
  if (body.kind === "reserved" && body.event.kind === "post-processing")
    return `${body.charge}: post-processing of sanitized records, ε = 0`;
  if (body.kind === "sanitizing") return `${body.site}, ${body.dataset}: ${body.charge}: ${sanitizingWords(body)}`;
  if ("charge" in body) return body.charge;
  if ("site" in body) return `${body.site}${dataset}${"study" in body ? `, ${body.study}` : ""}`;
  return "study" in body ? body.study : "";
}

async function exportLedger({ to, ...options }: ClientOptions & LedgerFilter & { to: string }): Promise<void> {
  const { entries, signed } = await wholeLedger(await Client.of(options));
  const { head, roster, countersigned } = signed;
  const isAll = [options.site, options.dataset, options.study].every((name) => name === undefined);
  requireKnownNames(entries, options, joinedSites(signed));
  const wanted = isAll ? null : filterEntries(entries, options);
  writeNew(to, `${exportLines({ ...head, countersigned, roster }, entries, wanted).join("\n")}\n`);
  const count = (wanted ?? entries).length;
  print(options.json, { file: to, entries: count, complete: isAll, head: head.head }, `${to}: ${count} entries`);
  if (options.json !== true) hint(`next: consilium budget verify --export ${to} --key ${options.data}/consortium.pub`);
}

/** A site that joined may be asked for before anything was booked of it. */
function joinedSites({ roster }: SignedLedger): KnownNames {
  return { site: roster.roster.sites.map(({ site }) => site) };
}

async function costs(file: string, options: ClientOptions): Promise<void> {
  const { document } = readStudyFile(file);
  const { entries } = await wholeLedger(await Client.of(options));
  const state = replay(COORDINATOR, entries);
  const budgets = whatIf(state, document, today(state, new Date()));
  const overlap = overlapAfter(state, document);
  const rows = budgets.map(({ site, dataset, before, after, cap, left, fits, affordableRounds }) => [
    site,
    dataset,
    epsilonText(before),
    epsilonText(after),
    String(cap),
    epsilonLeftText(left),
    fits ? "yes" : `no: ${affordableRounds} of ${document.training.rounds} rounds do`,
  ]);
  const columns = ["site", "data set", "ε now", "ε after it", "ε cap", "left", "fits"];
  print(options.json, { study: document.name, budgets, overlap }, table(columns, rows));
  if (options.json === true) return;
  for (const { sites, before, after } of overlap) {
    const at = `δ = ${document.privacy.delta}`;
    hint(`A patient at ${sites.join(" + ")}: ε ${epsilonText(before)} now, ${epsilonText(after)} after it, at ${at}`);
  }
  const without = document.sites.filter(({ name }) => !budgets.some(({ site }) => site === name));
  if (without.length > 0) {
    hint(`No cap is known here yet for ${without.map(({ name }) => name).join(", ")}: it comes with an approval.`);
  }
  hint("Nothing was charged.");
}

/** Every entry up to a signed head, oldest first; entries that come meanwhile are left out. */
async function wholeLedger(client: Client): Promise<{ entries: readonly LedgerEntry[]; signed: SignedLedger }> {
  const signed = await client.get("/api/ledger/signed", SignedLedger);
  const pages: LedgerEntry[][] = [];
  for (let before: number | null = signed.head.head.sequence + 1; before !== null && before > 1; ) {
    const page: LedgerPage = await client.get(
      `/api/ledger/entries?limit=${LEDGER_PAGE_MAX}&before=${before}`,
      LedgerPage,
    );
    pages.push(page.entries);
    before = page.olderBefore;
  }
  return { entries: pages.flat().reverse(), signed };
}

function writeNew(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: "wx" });
  } catch (cause) {
    throw new Failure({
      code: "export/not-written",
      kind: "usage",
      what: systemFailure(cause)?.message ?? `${path} can't be written.`,
      remedy: "Name a new file with --to, in a folder that this account may write to.",
      cause,
    });
  }
}
