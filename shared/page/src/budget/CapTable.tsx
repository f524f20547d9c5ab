import type { CapView } from "@consilium/shared/ledger/capView";
import { Card, Stack, Table, Title } from "@mantine/core";
import { deltaText, epsilonText } from "../figures/format.ts";
import { State, type Tone } from "../shell/States.tsx";
import { WideTable } from "../shell/WideTable.tsx";
import { leftText } from "./WhatIf.tsx";

interface CapTableProps {
  /** What the first column is called: whose caps. */
  readonly of: string;
  readonly caps: readonly { readonly name: string; readonly cap: CapView }[];
}

/** Every cap with what is booked under it: over all studies, on a study, on a period. */
export function CapTable({ of, caps }: CapTableProps) {
  return (
    <Card component="section" aria-label="Caps">
      <Stack gap="sm">
        <Title order={2} size="h5">
          Caps
        </Title>
        <WideTable minWidth={660} columns={[of, "Cap over", "Spent or reserved", "Cap", "Left", "δ", ""]}>
          {caps.map(({ name, cap }) => (
            <Table.Tr key={`${name} ${overText(cap)}`}>
              <Table.Td>{name}</Table.Td>
              <Table.Td>{overText(cap)}</Table.Td>
              <Table.Td className="figure">{epsilonText(cap.booked)}</Table.Td>
              <Table.Td className="figure">{epsilonText(cap.epsilon)}</Table.Td>
              <Table.Td className="figure">{leftText(cap.left)}</Table.Td>
              <Table.Td className="figure">{deltaText(cap.delta)}</Table.Td>
              <Table.Td>{cap.level > 0 && <State tone={toneOf(cap.level)}>{cap.level} % reached</State>}</Table.Td>
            </Table.Tr>
          ))}
        </WideTable>
      </Stack>
    </Card>
  );
}

/** What counts under a cap. */
export function overText({ of, study, period }: Pick<CapView, "of" | "study" | "period">): string {
  if (of === "data-set") return "all studies";
  if (of === "study") return `study ${study}`;
  return period === "calendar-year" ? "a calendar year" : `${period?.replace("-", " ")}`;
}

export function toneOf(level: number): Tone {
  return level >= 95 ? "bad" : level >= 80 ? "warn" : "calm";
}
