import type { CapView } from "@consilium/shared/ledger/capView";
import { Card, Stack, Text, Title } from "@mantine/core";
import { dayText, deltaText, epsilonText } from "../figures/format.ts";
import { State, type Tone } from "../shell/States.tsx";
import { WideTable } from "../shell/WideTable.tsx";
import { leftText } from "./WhatIf.tsx";

/** Whose cap; where it is known from approvals alone, when the last one came. */
interface NamedCap {
  readonly name: string;
  readonly cap: CapView;
  readonly asOf?: string | null;
}

interface CapTableProps {
  /** What the first column is called: whose caps. */
  readonly of: string;
  readonly caps: readonly NamedCap[];
  /** What has to be said of all of them. */
  readonly note?: string;
}

/** Every cap with what is booked under it: over all studies, on a study, on a period. */
export function CapTable({ of, caps, note }: CapTableProps) {
  const isDated = caps.some(({ asOf }) => asOf !== undefined);
  const columns = [of, "Cap over", "Spent or reserved", "Cap", "Left", "δ", "Reached"];
  return (
    <Card component="section" aria-label="Caps">
      <Stack gap="sm">
        <Title order={2} size="h5">
          Caps
        </Title>
        {note !== undefined && (
          <Text size="sm" c="dimmed">
            {note}
          </Text>
        )}
        <WideTable
          minWidth={isDated ? 780 : 660}
          columns={isDated ? [...columns, "As of"] : columns}
          rows={caps.map(({ name, cap, asOf }) => ({
            key: `${name} ${overText(cap)}`,
            cells: [
              name,
              overText(cap),
              epsilonText(cap.booked),
              epsilonText(cap.epsilon),
              leftText(cap.left),
              deltaText(cap.delta),
              cap.level === 0 ? null : <Reached key="reached" level={cap.level} />,
              asOf == null ? "withdrawn since" : dayText(asOf),
            ],
          }))}
        />
      </Stack>
    </Card>
  );
}

function Reached({ level }: { readonly level: number }) {
  return <State tone={toneOf(level)}>{level} % reached</State>;
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
