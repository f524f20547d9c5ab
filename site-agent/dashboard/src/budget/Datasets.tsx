import { leftText } from "@consilium/page/budget/WhatIf";
import { deltaText, epsilonText } from "@consilium/page/figures/format";
import { CommandLine } from "@consilium/page/shell/CommandLine";
import { State } from "@consilium/page/shell/States";
import { Card, Group, Stack, Text, Title } from "@mantine/core";
import type { BudgetsView } from "../../../src/http/views.ts";
import { Confirm } from "../shell/Confirm.tsx";
import { AddCap } from "./AddCap.tsx";
import { ChangeCap, capName, capText } from "./ChangeCap.tsx";
import { Raises } from "./Raises.tsx";

type Budget = BudgetsView["budgets"][number];

/** Each data set with what its stewards can decide of it. */
export function Datasets({ budgets }: { readonly budgets: readonly Budget[] }) {
  return budgets.map((budget) => <Dataset key={budget.dataset} budget={budget} />);
}

function Dataset({ budget }: { readonly budget: Budget }) {
  const { dataset, cap, frozen, spending, left } = budget;
  return (
    <Card component="section" aria-label={dataset}>
      <Stack gap="md">
        <Group justify="space-between" gap="sm">
          <Group gap="sm">
            <Title order={2} size="h4">
              {dataset}
            </Title>
            {frozen && <State tone="warn">frozen</State>}
          </Group>
          <Freeze budget={budget} />
        </Group>
        {cap === null ? (
          <>
            <Text c="dimmed">It has no cap yet: nothing may be charged to it.</Text>
            <CommandLine command={`consilium-site budget cap ${dataset} --epsilon 4 --delta 1e-4`} />
          </>
        ) : (
          <>
            <Text className="figure">
              {leftText(left)} left, reservations counted: ε = {epsilonText(spending?.epsilon ?? 0)} spent, cap{" "}
              {epsilonText(cap.epsilon)} at δ = {deltaText(cap.delta)}.
            </Text>
            <Raises budget={budget} />
            <Caps budget={budget} />
          </>
        )}
      </Stack>
    </Card>
  );
}

function Caps({ budget }: { readonly budget: Budget }) {
  return (
    <Stack gap="xs">
      {budget.standing.map((cap) => (
        <Group
          key={capName(cap)}
          component="section"
          aria-label={`Cap for ${capName(cap)}`}
          justify="space-between"
          wrap="nowrap"
          maw={480}
        >
          <Text size="sm" className="figure">
            Cap for {capName(cap)}: <b>{capText(cap)}</b>
          </Text>
          <ChangeCap key={JSON.stringify(cap)} budget={budget} cap={cap} />
        </Group>
      ))}
      <Group>
        <AddCap budget={budget} />
      </Group>
    </Stack>
  );
}

function Freeze({ budget: { dataset, frozen, spending } }: { readonly budget: Budget }) {
  const studies = (spending?.studies ?? []).map(({ study }) => study).join(", ");
  return (
    <Confirm
      title={frozen ? `Unfreeze ${dataset}` : `Freeze ${dataset}`}
      label={frozen ? "Unfreeze" : "Freeze"}
      isDangerous
      asksReason
      decision={({ as, password, reason }) => ({ action: "freeze", dataset, frozen: !frozen, reason, as, password })}
    >
      <Text>
        {frozen
          ? `${dataset} takes part again in what its steward approved, from the next round on.`
          : `${dataset} takes part in nothing, from the next round on, until it is unfrozen.`}
      </Text>
      <Text size="sm" c="dimmed">
        Studies that charged it: {studies === "" ? "none" : studies}.
      </Text>
    </Confirm>
  );
}
