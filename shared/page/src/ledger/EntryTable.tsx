import type { LedgerEntry } from "@consilium/shared/ledger/entry";
import { Table } from "@mantine/core";
import { instantText, shortDigest } from "../figures/format.ts";
import { WideTable } from "../shell/WideTable.tsx";
import { describeEntry } from "./describeEntry.ts";

/** Entries in words. */
export function EntryTable({ entries }: { readonly entries: readonly LedgerEntry[] }) {
  return (
    <WideTable minWidth={760} columns={["No.", "When", "What", "Details", "Hash"]}>
      {entries.map(({ sequence, at, body, hash }) => {
        const { what, details } = describeEntry(body);
        return (
          <Table.Tr key={sequence}>
            <Table.Td className="figure">{sequence}</Table.Td>
            <Table.Td>{instantText(at)}</Table.Td>
            <Table.Td>{what}</Table.Td>
            <Table.Td>{details}</Table.Td>
            <Table.Td className="hash">{shortDigest(hash)}</Table.Td>
          </Table.Tr>
        );
      })}
    </WideTable>
  );
}
