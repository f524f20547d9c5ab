import type { LedgerEntry } from "@consilium/shared/ledger/entry";
import { instantText, shortDigest } from "../figures/format.ts";
import { WideTable } from "../shell/WideTable.tsx";
import { describeEntry } from "./describeEntry.ts";

/** Entries in words. */
export function EntryTable({ entries }: { readonly entries: readonly LedgerEntry[] }) {
  return (
    <WideTable
      minWidth={760}
      columns={["No.", "When", "What", "Details", "Hash"]}
      long={["Details"]}
      rows={entries.map(({ sequence, at, body, hash }) => {
        const { what, details } = describeEntry(body);
        const shown = (
          <span key="hash" className="hash">
            {shortDigest(hash)}
          </span>
        );
        return { key: String(sequence), cells: [sequence, instantText(at), what, details, shown] };
      })}
    />
  );
}
