import { Table } from "@mantine/core";
import type { ReactNode } from "react";

/** A table that goes on sideways where the window is narrower than `minWidth` pixels, by keyboard too; rows within. */
export function WideTable({ minWidth, columns, children }: WideTableProps) {
  return (
    <Table.ScrollContainer minWidth={minWidth} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            {columns.map((name) => (
              <Table.Th key={name} scope="col">
                {name}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>{children}</Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

interface WideTableProps {
  readonly minWidth: number;
  readonly columns: readonly string[];
  readonly children: ReactNode;
}
