import { deltaText, epsilonText, instantText } from "@consilium/page/figures/format";
import { State } from "@consilium/page/shell/States";
import { Group, Stack, Text } from "@mantine/core";
import type { BudgetsView } from "../../../src/http/views.ts";
import { useSession } from "../live/queries.ts";
import { Confirm } from "../shell/Confirm.tsx";
import { type Cap, capName, capText } from "./ChangeCap.tsx";

type Budget = BudgetsView["budgets"][number];
type Raise = Budget["raises"][number];

/** Raises that wait for another steward. */
export function Raises({ budget }: { readonly budget: Budget }) {
  const waiting = budget.raises.filter(({ settled }) => settled === null);
  return waiting.map((raise) => <Waiting key={raise.request} raise={raise} budget={budget} />);
}

function Waiting({ raise, budget }: { readonly raise: Raise; readonly budget: Budget }) {
  const { number, by, reason, at } = raise;
  const stewards = useSession().data?.stewards ?? [];
  const others = stewards.filter((name) => name !== by);
  return (
    <Stack gap="xs" component="section" aria-label={`Raise ${number}`}>
      <Group gap="sm">
        <State tone="warn">raise {number} waits</State>
        <Figures raise={raise} budget={budget} />
      </Group>
      <Text size="sm" c="dimmed">
        Asked for by {by}, {instantText(at)}: {reason}
      </Text>
      <Group gap="sm">
        <Settle raise={raise} budget={budget} isGranted who={others} />
        {/* Whoever asked may take it back, and comes first there. */}
        <Settle raise={raise} budget={budget} isGranted={false} who={[by, ...others]} />
      </Group>
    </Stack>
  );
}

interface SettleProps {
  readonly raise: Raise;
  readonly budget: Budget;
  readonly isGranted: boolean;
  readonly who: readonly string[];
}

function Settle({ raise, budget, isGranted, who }: SettleProps) {
  const { number, request, by, reason: asked } = raise;
  return (
    <Confirm
      title={`${isGranted ? "Grant" : "Refuse"} raise ${number} of ${budget.dataset}`}
      label={isGranted ? "Grant" : "Refuse"}
      isDangerous={!isGranted}
      isDisabled={who.length === 0}
      asksReason
      who={who}
      decision={({ as, password, reason }) => ({ action: "settle-raise", request, isGranted, reason, as, password })}
    >
      <Figures raise={raise} budget={budget} />
      <Text size="sm">
        {by} asked for it: {asked}
      </Text>
      <Text size="sm" c="dimmed">
        {isGranted
          ? `It holds from then on. Who asked, who granted and why stays in the ledger; ${by} can't grant it.`
          : "Nothing changes by it; that it was refused, by whom and why stays in the ledger."}
      </Text>
    </Confirm>
  );
}

/** From, to, and what is booked: the same where it waits and where it is decided. */
function Figures({ raise: { change }, budget }: { readonly raise: Raise; readonly budget: Budget }) {
  const now: Cap = budget.standing.find((cap) => capName(cap) === capName(change)) ?? change;
  const { cap, spending } = budget;
  return (
    <Text className="figure">
      Cap for {capName(change)}: from <b>{capText(now)}</b> to <b>{capText(change)}</b>
      {change.of === "data-set"
        ? ` at δ = ${deltaText(change.delta)}`
        : cap !== null && ` at δ = ${deltaText(cap.delta)}`}
      ; ε = {epsilonText(spending?.reservedEpsilon ?? 0)} is spent or reserved on {budget.dataset} in all.
    </Text>
  );
}
