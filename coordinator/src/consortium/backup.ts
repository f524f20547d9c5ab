import { access, cp, mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { encodeEntry, readChain } from "@consilium/shared/ledger/chain";
import { LedgerEntry } from "@consilium/shared/ledger/entry";
import { chargesToRecover } from "@consilium/shared/ledger/recovery";
import { replay } from "@consilium/shared/ledger/replay";
import type { Roster } from "@consilium/shared/protocol/roster";
import { COORDINATOR, type SiteName } from "@consilium/shared/units/identity";
import { openDatabase } from "@consilium/storage/database";
import { LedgerStore } from "@consilium/storage/ledgerStore";
import SqliteDatabase from "better-sqlite3";
import { z } from "zod";
import { CONFIG_FILE } from "../config.ts";
import { latestRoster } from "../storage/consortium.ts";
import { coordinatorMigrations } from "../storage/migrations.ts";
import type { CoordinatorTables } from "../storage/tables.ts";
import { readKeys } from "./dataFolder.ts";
import { dataPaths } from "./paths.ts";
import { syncTree } from "./syncTree.ts";

/** What is copied as it stands; files in `blobs`, `weights` and `releases` never change once they are there. */
const COPIED = [
  "coordinator.yaml",
  "consortium.pub",
  "keys",
  "blobs",
  "weights",
  "releases",
  "ports.json",
  "lead.token",
];

/** A consistent copy, also of a running coordinator: files, then the database as of one moment, then new files. */
export async function backupDataFolder(folder: string, to: string): Promise<{ entries: number }> {
  await requireDataFolder(folder, "Name the coordinator's data folder with --data.");
  await mkdir(to, { recursive: true, mode: 0o700 });
  if ((await readdir(to)).length > 0) throw notEmpty(to);
  await copyFiles(folder, to);
  const source = new SqliteDatabase(dataPaths(folder).database, { readonly: true, fileMustExist: true });
  try {
    await source.backup(dataPaths(to).database);
  } finally {
    source.close();
  }
  await copyFiles(folder, to);
  const entries = await verifiedEntries(to);
  await syncTree(to);
  return { entries };
}

/**
 * A data folder from a backup. Charges that sites' own ledgers saw act since then are taken over, cap or no cap:
 * after a restore the union of both sides counts.
 */
export async function restoreDataFolder(
  from: string,
  folder: string,
  siteLedgers: readonly string[],
): Promise<{ entries: number; recovered: number }> {
  await requireDataFolder(from, "Name a folder that consilium coordinator backup made, with --from.");
  const exports = await Promise.all(siteLedgers.map(readExport));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length > 0) throw notEmpty(folder);
  const temporary = join(folder, ".restoring");
  try {
    await cp(from, temporary, { recursive: true, errorOnExist: true, preserveTimestamps: true });
    await verifiedEntries(temporary);
    // Before the folder can be started from: a ledger that can't be read must not leave one that counts too little.
    const counted = await takeOver(temporary, exports);
    await syncTree(temporary);
    // The configuration last: a folder that has one is a whole one.
    const names = (await readdir(temporary)).sort((a, b) => Number(a === CONFIG_FILE) - Number(b === CONFIG_FILE));
    for (const name of names) await rename(join(temporary, name), join(folder, name));
    await syncTree(folder);
    return counted;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function takeOver(folder: string, exports: readonly Export[]): Promise<{ entries: number; recovered: number }> {
  return withLedger(folder, async (store, roster) => {
    let recovered = 0;
    for (const { file, text } of exports) {
      const { site, entries } = readSiteLedger(text, roster, file);
      recovered += store.append((own) => chargesToRecover(own, replay(site, entries), site)).length;
    }
    return { entries: store.head().sequence, recovered };
  });
}

interface Export {
  readonly file: string;
  readonly text: string;
}

async function readExport(file: string): Promise<Export> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new Failure({
      code: "restore/ledger-unreadable",
      kind: "usage",
      what: `The site's ledger ${file} can't be read; nothing was restored.`,
      remedy: "Check the path given with --site-ledger, and that this account may read it.",
      cause,
    });
  });
  return { file, text };
}

/** A data folder, or a copy of one: it has a configuration and a database. */
async function requireDataFolder(folder: string, remedy: string): Promise<void> {
  const { config, database } = dataPaths(folder);
  for (const path of [config, database]) {
    await access(path).catch((cause: unknown) => {
      throw new Failure({
        code: "coordinator/no-data-folder",
        kind: "usage",
        what: `${folder} holds no coordinator: ${path} can't be read.`,
        remedy,
        cause,
      });
    });
  }
}

/** What `consilium-site budget ledger --json` printed: the whole chain, from its first entry. */
const ExportedLedger = z.object({ entries: z.array(LedgerEntry).min(1) });

function readSiteLedger(
  text: string,
  { sites }: Roster,
  file: string,
): { readonly site: SiteName; readonly entries: readonly LedgerEntry[] } {
  const exported = ExportedLedger.safeParse(parseJson(text));
  const entry = sites.find(({ site }) => site === exported.data?.entries[0]?.writer);
  if (exported.data !== undefined && entry !== undefined) {
    const { site, identityKey } = entry;
    return { site, entries: readChain(exported.data.entries.map(encodeEntry), site, identityKey) };
  }
  throw new Failure({
    code: "restore/ledger-unknown",
    kind: "usage",
    what: `${file} is not the ledger of a site on the roster.`,
    remedy: "Let the site export its ledger again: consilium-site budget ledger --json > FILE.",
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // What is no JSON is no ledger: the caller says so.
  }
}

function verifiedEntries(folder: string): Promise<number> {
  return withLedger(folder, (store) => store.verify());
}

/** Opening a ledger reads and verifies every entry. */
async function withLedger<T>(folder: string, use: (store: LedgerStore, roster: Roster) => Promise<T>): Promise<T> {
  const paths = dataPaths(folder);
  const { signer } = await readKeys(paths);
  const sql = await openDatabase<CoordinatorTables>(paths.database, coordinatorMigrations);
  try {
    const store = new LedgerStore(sql, { writer: COORDINATOR, signer, now: () => new Date() });
    return await use(store, latestRoster(sql)?.roster ?? { version: 0, sites: [] });
  } finally {
    sql.close();
  }
}

async function copyFiles(from: string, to: string): Promise<void> {
  const there = await readdir(from);
  for (const name of COPIED.filter((wanted) => there.includes(wanted))) {
    const options = { recursive: true, force: true, preserveTimestamps: true };
    await cp(join(from, name), join(to, name), { ...options, filter: (path) => !path.endsWith(".tmp") });
  }
}

function notEmpty(folder: string): Failure {
  return new Failure({
    code: "coordinator/folder-not-empty",
    kind: "usage",
    what: `${folder} is not empty.`,
    remedy: "Name a new folder.",
  });
}
