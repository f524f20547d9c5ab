import type { Database } from "@consilium/storage/database";
import type { CoordinatorTables } from "./tables.ts";

/** The coordinator's one database: its own tables beside the ledger's. */
export type Sql = Database<CoordinatorTables>;
