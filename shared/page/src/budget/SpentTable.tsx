import type { EpsilonHistory } from "@consilium/shared/ledger/epsilonHistory";
import { Table } from "@mantine/core";
import { instantText } from "../figures/format.ts";
import { WideTable } from "../shell/WideTable.tsx";
import { addedText } from "./EpsilonPlot.tsx";

/** The same as the two pictures, in figures. */
export function SpentTable({ history }: { readonly history: EpsilonHistory }) {
  return (
    <WideTable minWidth={640} columns={["Study", "For", "Charges", "ε added", "First", "Last"]}>
      {history.groups.map(({ study, purpose, charges, added, firstAt, lastAt }) => (
        <Table.Tr key={`${study} ${purpose}`}>
          <Table.Td>{study}</Table.Td>
          <Table.Td>{purpose}</Table.Td>
          <Table.Td className="figure">{charges}</Table.Td>
          <Table.Td className="figure">{addedText(added)}</Table.Td>
          <Table.Td>{instantText(firstAt)}</Table.Td>
          <Table.Td>{instantText(lastAt)}</Table.Td>
        </Table.Tr>
      ))}
      <Table.Tr>
        <Table.Th scope="row">all, composed</Table.Th>
        <Table.Td />
        <Table.Td className="figure">{history.charges}</Table.Td>
        <Table.Td className="figure">{addedText(history.epsilon)}</Table.Td>
        <Table.Td />
        <Table.Td />
      </Table.Tr>
    </WideTable>
  );
}
