import { leftText } from "@consilium/page/budget/WhatIf";
import { deltaText, epsilonText } from "@consilium/page/figures/format";
import { CommandLine } from "@consilium/page/shell/CommandLine";
import { State } from "@consilium/page/shell/States";
import { Card, Group, NumberInput, Stack, Text, Title } from "@mantine/core";
import { useState } from "react";
import type { BudgetsView } from "../../../src/http/views.ts";
import { Confirm } from "../shell/Confirm.tsx";

type Budget = BudgetsView["budgets"][number];

/** Each data set with what its steward can decide of it here; to raise a cap takes a terminal. */
export function Datasets({ budgets }: { readonly budgets: readonly Budget[] }) {
  return budgets.map((budget) => <Dataset key={budget.dataset} budget={budget} />);
}

function Dataset({ budget }: { readonly budget: Budget }) {
  const { dataset, cap, frozen, spending, left } = budget;
  return (
    <Card component="section" aria-label={dataset}>
      <Stack gap="sm">
        <Group gap="sm">
          <Title order={2} size="h4">
            {dataset}
          </Title>
          {frozen && <State tone="warn">frozen</State>}
        </Group>
        {cap === null ? (
          <>
            <Text c="dimmed">It has no cap yet: nothing may be charged to it.</Text>
            <CommandLine command={`consilium-site budget cap ${dataset} --epsilon 4 --delta 1e-4`} />
          </>
        ) : (
          <Text className="figure">
            {leftText(left)} left, reservations counted: ε = {epsilonText(spending?.epsilon ?? 0)} spent, cap{" "}
            {epsilonText(cap.epsilon)} at δ = {deltaText(cap.delta)}.
          </Text>
        )}
        <Group gap="sm">
          {cap !== null && <LowerCap budget={budget} cap={cap} />}
          <Freeze budget={budget} />
        </Group>
      </Stack>
    </Card>
  );
}

function LowerCap({ budget, cap }: { readonly budget: Budget; readonly cap: NonNullable<Budget["cap"]> }) {
  const { dataset, spending } = budget;
  const [typed, setTyped] = useState<number | string>(cap.epsilon);
  const epsilon = Number(typed);
  const isLower = typed !== "" && epsilon >= 0 && epsilon < cap.epsilon;
  const spent = spending?.epsilon ?? 0;
  return (
    <Group gap="xs" align="flex-end">
      <NumberInput
        label={`Lower cap of ${dataset} to ε`}
        value={typed}
        onChange={setTyped}
        min={0}
        max={cap.epsilon}
        step={0.1}
        w={190}
      />
      <Confirm
        title={`Lower the cap of ${dataset}`}
        label="Lower cap"
        isDangerous
        isDisabled={!isLower}
        decision={({ password }) => ({
          action: "lower-cap",
          dataset,
          from: cap.epsilon,
          epsilon,
          password,
        })}
      >
        <Text>
          From ε = <b>{cap.epsilon}</b> to ε = <b>{epsilon}</b> at δ = {deltaText(cap.delta)}, at once.{" "}
          {epsilonText(spent)} is spent so far.
        </Text>
        {epsilon < spent && (
          <Text style={{ color: "var(--warn)" }}>
            Below what is spent already: nothing more may be charged, and any study that still trains on it stops here.
          </Text>
        )}
        <Text size="sm" c="dimmed">
          It can't be raised again on this page.
        </Text>
      </Confirm>
    </Group>
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
      decision={({ password, reason }) => ({ action: "freeze", dataset, frozen: !frozen, reason, password })}
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
