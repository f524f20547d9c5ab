import { cp, mkdir, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { readChain } from "@consilium/shared/ledger/chain";
import type { LedgerEntry } from "@consilium/shared/ledger/entry";
import { chargesToRecover } from "@consilium/shared/ledger/recovery";
import { replay } from "@consilium/shared/ledger/replay";
import type { Roster } from "@consilium/shared/protocol/roster";
import { COORDINATOR } from "@consilium/shared/units/identity";
import { openDatabase } from "@consilium/storage/database";
import { LedgerStore } from "@consilium/storage/ledgerStore";
import SqliteDatabase from "better-sqlite3";
import { latestRoster } from "../storage/consortium.ts";
import { coordinatorMigrations } from "../storage/migrations.ts";
import type { CoordinatorTables } from "../storage/tables.ts";
import { readKeys } from "./dataFolder.ts";
import { dataPaths } from "./paths.ts";

/** What is copied as it stands; files in `blobs` and `releases` never change once they are there. */
const COPIED = ["coordinator.yaml", "consortium.pub", "keys", "blobs", "releases", "ports.json", "lead.token"];

/** A consistent copy, also of a running coordinator: files, then the database as of one moment, then new files. */
export async function backupDataFolder(folder: string, to: string): Promise<{ entries: number }> {
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
  return { entries: await verifiedEntries(to) };
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
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length > 0) throw notEmpty(folder);
  const temporary = join(folder, ".restoring");
  await cp(from, temporary, { recursive: true, errorOnExist: true, preserveTimestamps: true });
  await verifiedEntries(temporary);
  for (const name of await readdir(temporary)) await rename(join(temporary, name), join(folder, name));
  return takeOver(folder, siteLedgers);
}

async function takeOver(
  folder: string,
  siteLedgers: readonly string[],
): Promise<{ entries: number; recovered: number }> {
  return withLedger(folder, async (store, roster) => {
    let recovered = 0;
    for (const file of siteLedgers) {
      const entries = readSiteLedger(await readFile(file, "utf8"), roster, file);
      const writer = entries[0]?.writer;
      if (writer === undefined || writer === COORDINATOR) continue;
      recovered += store.append((own) => chargesToRecover(own, replay(writer, entries))).length;
    }
    return { entries: store.head().sequence, recovered };
  });
}

function readSiteLedger(text: string, roster: Roster, file: string): readonly LedgerEntry[] {
  const lines = text.split("\n").filter((line) => line !== "");
  const site = roster.sites.find(({ site: name }) => lines[0]?.includes(`"writer":"${name}"`) === true);
  if (site !== undefined) return readChain(lines, site.site, site.identityKey);
  throw new Failure({
    code: "restore/ledger-unknown",
    kind: "usage",
    what: `${file} is not the ledger of a site on the roster.`,
    remedy: "Let the site export its ledger again: consilium-site budget export.",
  });
}

function verifiedEntries(folder: string): Promise<number> {
  return withLedger(folder, async (store) => store.verify());
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
