import { SECRET_FILE_MODE, writeFileAtomically } from "@consilium/certs/files";
import { findAccount, insertAccount } from "../storage/consortium.ts";
import type { Sql } from "../storage/sql.ts";
import { type Issuing, issueApiToken, tokenHolder } from "./accounts.ts";
import { readIfThere } from "./paths.ts";

/** The account of whoever runs commands on the coordinator's own machine. */
const LEAD = "lead";

/** The file by which commands on this machine act as the lead; made at the first start, and again when it was lost. */
export async function ensureLeadToken(sql: Sql, path: string, issuing: Issuing): Promise<void> {
  const known = await readIfThere(path);
  if (known !== null && tokenHolder(sql, known.trim()) !== null) return;
  const token = sql.transaction(() => {
    if (findAccount(sql, LEAD) === undefined) insertAccount(sql, LEAD, "lead", issuing.now.toISOString());
    return issueApiToken(sql, LEAD, issuing);
  });
  await writeFileAtomically(path, `${token}\n`, SECRET_FILE_MODE);
}
