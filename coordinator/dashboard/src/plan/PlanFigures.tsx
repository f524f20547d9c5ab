import { deltaText, epsilonText } from "@consilium/page/figures/format";
import { State } from "@consilium/page/shell/States";
import { WideTable } from "@consilium/page/shell/WideTable";
import type { Plan } from "@consilium/shared/plan/plan";
import { Card, Group, Stack, Table, Text, Title } from "@mantine/core";
import { partsOf } from "./PlanPlot.tsx";

/** What the plan comes to: cost, the largest plan, signal, bytes, time; then each cap that it is held against. */
export function PlanFigures({ plan }: { readonly plan: Plan }) {
  return (
    <Card component="section" aria-label="Plan">
      <Stack gap="md">
        <Group gap="xs">
          <Title order={2} size="h5">
            {plan.study}
          </Title>
          <State tone={plan.fits ? "good" : "bad"}>{plan.fits ? "fits its ε" : "passes its ε"}</State>
        </Group>
        {[...plan.warnings, ...plan.duration.warnings].map((warning) => (
          <Text size="sm" key={warning} style={{ color: "var(--warn)" }}>
            {warning}
          </Text>
        ))}
        <Figures rows={rowsOf(plan)} />
        {plan.budgets.length > 0 && <Budgets plan={plan} />}
      </Stack>
    </Card>
  );
}

function rowsOf(plan: Plan): readonly (readonly [string, string])[] {
  const { epsilon, noiseMultiplier, affordable, signal, traffic, duration, sanitized } = plan;
  return [
    ["σ", `${noiseMultiplier}${plan.noiseWasAuto ? ", the least that fits" : ""}`],
    ["ε, training patients", `${shown(epsilon.train)} of ${epsilonText(plan.cap)} at δ = ${deltaText(plan.delta)}`],
    ["ε, validation and audit hold-out", `${shown(epsilon.validation)} and ${shown(epsilon.audit)}`],
    ...(epsilon.reference === 0 ? [] : [["ε, reference part", shown(epsilon.reference)] as const]),
    [
      "ε that a release states of the same, by PLD",
      partsOf(plan)
        .map(([, part]) => shown(plan.scheduleEpsilon[part]))
        .join(", "),
    ],
    ...plan.overlap.map(
      ({ sites, epsilon: atOnce }) => [`ε, a patient at ${sites.join(" and ")} at once`, epsilonText(atOnce)] as const,
    ),
    ["Most rounds at this σ", String(affordable.rounds)],
    [
      `Least σ for ${plan.rounds} rounds`,
      affordable.noiseMultiplier === null ? "none fits" : String(affordable.noiseMultiplier),
    ],
    [
      "Signal to noise, one round",
      `at most ${figure(signal.wholeVector)}; one direction ${figure(signal.alongOneDirection)}`,
    ],
    [
      "Signal to noise, all rounds",
      `at most ${figure(signal.wholeVectorInAll)}: gradients as long as C, all the same way`,
    ],
    [
      "Bytes each site sends and receives",
      `${figure(traffic.totalUp / 1e6)} and ${figure(traffic.totalDown / 1e6)} MB`,
    ],
    ["Hours", `${figure(duration.leastHours)} to ${figure(duration.mostHours)} (answerAfter to deadline)`],
    [
      "The same promise by sanitizing once",
      `ε = ${figure(sanitized.epsilonPerColumn)} a column; a label stays true with ${(100 * sanitized.labelKept).toFixed(0)} %`,
    ],
  ];
}

function Figures({ rows }: { readonly rows: readonly (readonly [string, string])[] }) {
  return (
    <Table>
      <Table.Tbody>
        {rows.map(([name, value]) => (
          <Table.Tr key={name}>
            <Table.Th scope="row" fw={400}>
              {name}
            </Table.Th>
            <Table.Td className="figure">{value}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Budgets({ plan }: { readonly plan: Plan }) {
  return (
    <WideTable
      minWidth={620}
      columns={["Site", "Data set", "Cap over", "ε now", "ε then", "Cap", "δ", "Most rounds"]}
      rows={plan.budgets.map(({ site, dataset, scope, before, after, cap, delta, rounds }) => ({
        key: `${site} ${dataset} ${scope}`,
        cells: [site, dataset, scope, shown(before), shown(after), epsilonText(cap), deltaText(delta), rounds],
      }))}
    />
  );
}

function shown(epsilon: number | null): string {
  return epsilon === null ? "no bound" : epsilonText(epsilon);
}

function figure(value: number): string {
  return String(Number(value.toPrecision(3)));
}
