import { Table } from "@mantine/core";
import type { ReactNode } from "react";

export interface Row {
  readonly key: string;
  /** One for each column. */
  readonly cells: readonly ReactNode[];
}

interface WideTableProps {
  /** In pixels: between a telephone's width and this the table goes on sideways, by keyboard too. */
  readonly minWidth: number;
  readonly columns: readonly string[];
  /** Columns of long texts: on a telephone they take a line of their own. */
  readonly long?: readonly string[];
  readonly rows: readonly Row[];
}

/**
 * A table; on a telephone each row is a card of its own, the first cell its title and each other one under its column's
 * name, so nothing is off the screen. The roles keep it a table for those who listen, however it is drawn.
 */
export function WideTable({ minWidth, columns, long = [], rows }: WideTableProps) {
  return (
    <Table.ScrollContainer className="wide" minWidth={minWidth} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table className="rows figure" role="table">
        <Table.Thead role="rowgroup">
          <Table.Tr role="row">
            {columns.map((name) => (
              <Table.Th key={name} scope="col" role="columnheader">
                {name}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody role="rowgroup">
          {rows.map(({ key, cells }) => (
            <Table.Tr key={key} role="row">
              {columns.map((name, index) => (
                <Table.Td
                  key={name}
                  role="cell"
                  data-label={name}
                  data-long={long.includes(name)}
                  data-empty={cells[index] === null || cells[index] === ""}
                >
                  {cells[index]}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
