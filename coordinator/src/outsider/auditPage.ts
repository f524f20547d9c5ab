import { existsSync } from "node:fs";
import { writeFileAtomically } from "@consilium/certs/files";
import { Failure } from "@consilium/shared/failure/failure";

/** Exact figures of records: for its owner's eyes alone. */
const PAGE_MODE = 0o600;

/** Refuses a page that would replace another, before anything is computed. */
export function requireNewPage(out: string | undefined): void {
  if (out === undefined || !existsSync(out)) return;
  throw new Failure({
    code: "file/exists",
    kind: "usage",
    what: `${out} exists already; a page of figures replaces none.`,
    remedy: "Name a new file with --out.",
  });
}

/** Whole or not at all. */
export async function writeAuditPage(out: string, page: string): Promise<void> {
  await writeFileAtomically(out, page, PAGE_MODE).catch((cause: unknown) => {
    throw new Failure({
      code: "audit/page-unwritable",
      kind: "config",
      what: `${out} can't be written.`,
      remedy: "Name a file in a folder that is there and that this account may write to.",
      cause,
    });
  });
}

/** `2026-11-23`. */
export function today(): string {
  return new Date().toISOString().slice(0, 10);
}
