import { existsSync } from "node:fs";
import type { RoundKey } from "@consilium/shared/protocol/messages";
import type { Database } from "@consilium/storage/database";
import { openDatabase } from "@consilium/storage/database";
import { LedgerStore } from "@consilium/storage/ledgerStore";
import { readConfig, type SiteConfig } from "../config.ts";
import { SiteLedger } from "../ledger/store.ts";
import { Book } from "../round/book.ts";
import { persistedContribution } from "../round/contribute.ts";
import type { DecisionOptions } from "../steward/decide.ts";
import { Attempts } from "../storage/attempts.ts";
import { type DataFolder, dataFolder, preparedFile, requireJoined, sanitizedFile } from "../storage/folder.ts";
import { readKeys, type SiteKeys } from "../storage/keys.ts";
import { siteMigrations } from "../storage/migrations.ts";
import { Records } from "../storage/records.ts";

/** Everything that one process opens of a site; it alone owns the database. */
export interface Site {
  readonly folder: DataFolder;
  readonly config: SiteConfig;
  readonly keys: Pick<SiteKeys, "identity" | "splitKey" | "ca">;
  readonly records: Records;
  readonly attempts: Attempts;
  readonly ledger: SiteLedger;
  readonly book: Book;
  readonly decisions: DecisionOptions;
  readonly now: () => Date;
  close(): void;
}

/** What `openSite` takes from the process. */
export interface Surroundings {
  readonly environment: NodeJS.ProcessEnv;
  readonly now: () => Date;
}

export async function openSite(path: string, { environment, now }: Surroundings): Promise<Site> {
  const folder = dataFolder(path);
  await requireJoined(folder);
  const config = await readConfig(folder.config, environment);
  const keys = await readKeys(folder);
  const database = await openDatabase(folder.database, siteMigrations);
  try {
    return siteOn({ folder, config, keys, database, now });
  } catch (error) {
    database.close();
    throw error;
  }
}

/** What a site is made of. */
export interface SiteParts {
  readonly folder: DataFolder;
  readonly config: SiteConfig;
  readonly keys: Pick<SiteKeys, "identity" | "splitKey" | "ca">;
  readonly database: Database;
  readonly now: () => Date;
}

/** A site on what is open already; closing it closes the database. */
export function siteOn({ folder, config, keys, database, now }: SiteParts): Site {
  const { identity } = keys;
  const site = config.name;
  const records = new Records(database.connection);
  const attempts = new Attempts(database.connection);
  const ledger = new SiteLedger(new LedgerStore(database, { writer: site, signer: identity, now }), identity);
  const isPrepared: DecisionOptions["isPrepared"] = ({ studyDigest, dataset, sanitized }) =>
    existsSync(preparedFile(folder, studyDigest, dataset)) &&
    (sanitized === undefined || existsSync(sanitizedFile(folder, studyDigest, dataset, sanitized)));
  const persisted = (key: RoundKey) => persistedContribution(folder.outbox, key);
  return {
    folder,
    config,
    keys,
    records,
    attempts,
    ledger,
    book: new Book({ site, identity, ledger, attempts, records, now, persisted }),
    decisions: { site, identity, policy: config.allow, records, ledger, now, isPrepared },
    now,
    close: () => database.close(),
  };
}
