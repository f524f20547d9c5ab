import { readFileSync } from "node:fs";
import { FAILURE_EXIT_CODE, Failure } from "@consilium/shared/failure/failure";
import { disagreements } from "@consilium/shared/ledger/agreement";
import { ExportHeader, readExport, type VerifiedExport } from "@consilium/shared/ledger/exported";
import { SiteName } from "@consilium/shared/units/identity";
import type { Command } from "commander";
import { LedgerVerification } from "../http/ledger.ts";
import { LedgerSummary, SignedLedger } from "../http/views.ts";
import { Client, type ClientOptions, LONG_MS, withClientOptions } from "./client.ts";
import { print } from "./output.ts";
import { publicKeyOf } from "./verify.ts";

/** Above it the answer takes more than about two seconds. */
const MANY_ENTRIES = 10_000;

interface VerifyOptions extends ClientOptions {
  readonly export?: string;
  readonly key?: string;
  readonly siteExport?: readonly string[];
}

/** `budget verify`: the running coordinator's ledger, or, offline, what it and the sites exported. */
export function registerBudgetVerify(budget: Command): void {
  withClientOptions(
    budget.command("verify").description("check the ledger: chain, signatures, root, countersignatures"),
  )
    .option("--export <file>", "offline: what budget export wrote, instead of the running coordinator")
    .option("--key <key>", "with --export: the consortium's public key, or a file that holds it")
    .option("--site-export <file...>", "with --export: what sites exported, to see that both sides agree")
    .action(async (options: VerifyOptions) => {
      if (options.export !== undefined) verifyOffline(options, options.export);
      else await verifyRunning(options);
    });
}

async function verifyRunning(options: ClientOptions): Promise<void> {
  const client = await Client.of(options);
  const { head } = await client.get("/api/ledger", LedgerSummary);
  if (head.sequence >= MANY_ENTRIES) process.stderr.write(`Reading ${head.sequence} entries again; rounds go on …\n`);
  const verified = await client.get("/api/ledger/verify", LedgerVerification, LONG_MS);
  const { lost, countersigned } = await client.get("/api/ledger/signed", SignedLedger);
  const by = countersigned.map(({ party, head }) => `${party} at entry ${head.sequence}`).join(", ");
  const lines = [
    `${verified.entries} entries: form, chain, signatures and root hold`,
    `countersigned: ${by === "" ? "by no site yet" : by}`,
    ...lost.flatMap(({ what, remedy }) => [what, `next: ${remedy}`]),
  ];
  print(options.json, { ...verified, countersigned, lost }, lines.join("\n"));
  if (lost.length > 0) process.exitCode = FAILURE_EXIT_CODE.refused;
}

function verifyOffline({ key, siteExport = [], json }: VerifyOptions, file: string): void {
  if (key === undefined) throw keyMissing();
  const exported = readExport(readFileSync(file, "utf8"), publicKeyOf(key));
  const sites = siteExport.map((path) => againstSite(exported, path));
  const wrong = sites.flatMap(({ disagreements: sentences }) => sentences);
  const { header, entries } = exported;
  const { complete, countersigned, head } = header;
  const lines = [
    `${entries.length} ${complete ? "entries, all there are" : `of ${head.sequence} entries, each proved`}: ` +
      "chain, signatures and root hold",
    `countersigned by ${countersigned.map(({ party }) => party).join(", ") || "no site"}`,
    ...sites.map(({ site, disagreements: found }) => (found.length === 0 ? `${site} agrees` : found.join("\n"))),
  ];
  print(json, { verified: wrong.length === 0, entries: entries.length, complete, head, sites }, lines.join("\n"));
  if (wrong.length > 0) process.exitCode = FAILURE_EXIT_CODE.fault;
}

/** A site's export, held against its key on the coordinator's roster and then against the coordinator's ledger. */
function againstSite({ header, state }: VerifiedExport, path: string): { site: SiteName; disagreements: string[] } {
  const text = readFileSync(path, "utf8");
  const site = SiteName.safeParse(writerOf(text));
  const key = header.roster?.roster.sites.find((entry) => entry.site === site.data)?.identityKey;
  if (!site.success || key === undefined) throw notOfSite(path);
  const own = readExport(text, key).state;
  if (own === null || state === null) throw notWhole();
  return { site: site.data, disagreements: [...disagreements(state, own, site.data)] };
}

/** Whose ledger it says it is; whether that is so, the key on the roster tells. */
function writerOf(text: string): unknown {
  try {
    return ExportHeader.parse(JSON.parse(text.slice(0, text.indexOf("\n")))).head.writer;
  } catch {
    return undefined; // No site goes by that name: the caller says what was expected.
  }
}

function keyMissing(): Failure {
  return new Failure({
    code: "verify/key-unusable",
    kind: "usage",
    what: "An export is verified with the consortium's public key, and none was given.",
    remedy: "Add --key: consortium.pub from the lead, by a way that you trust.",
  });
}

function notOfSite(path: string): Failure {
  return new Failure({
    code: "verify/site-unknown",
    kind: "usage",
    what: `${path} is not the exported ledger of a site on the roster of this export.`,
    remedy: "Have the site export it: consilium-site budget export --to FILE",
  });
}

function notWhole(): Failure {
  return new Failure({
    code: "verify/export-filtered",
    kind: "usage",
    what: "Only whole ledgers can be held against each other; one of these is a part.",
    remedy: "Export both without --site and --study.",
  });
}
