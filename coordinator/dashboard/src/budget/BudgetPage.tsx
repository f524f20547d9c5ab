import { CapTable } from "@consilium/page/budget/CapTable";
import { Notices } from "@consilium/page/budget/Notices";
import { deltaText, epsilonText } from "@consilium/page/figures/format";
import { PageHead } from "@consilium/page/shell/PageHead";
import { Answer, Empty } from "@consilium/page/shell/States";
import { WideTable } from "@consilium/page/shell/WideTable";
import { Card, Stack, Table, Title } from "@mantine/core";
import type { BudgetView } from "../../../src/http/views.ts";
import { useBudgets, useNotices } from "../live/queries.ts";
import { BudgetBars } from "../overview/BudgetBars.tsx";
import { Ledger } from "./Ledger.tsx";
import { Spending } from "./Spending.tsx";
import { StudyWhatIf } from "./StudyWhatIf.tsx";

/** What each data set has paid over all studies, and the ledger that proves it. */
export function BudgetPage() {
  const budgets = useBudgets();
  return (
    <Stack gap="lg">
      <PageHead
        title="Budget and ledger"
        lead="A charge is booked before a sample is drawn. Each site has its own ledger and stops when they disagree."
        command="consilium budget show"
      />
      <Answer query={budgets} height={280}>
        {(view) =>
          view.budgets.length === 0 ? (
            <Empty title="No budget yet" command="consilium-site budget cap DATASET --epsilon 4 --delta 1e-4">
              A data set appears here once its steward approved a study for it. The cap is the steward's alone; this is
              how it is set at the site.
            </Empty>
          ) : (
            <>
              <BudgetBars budgets={view.budgets} file="consortium-epsilon" none="" />
              <Parts budgets={view.budgets} />
              <CapTable
                of="Site"
                caps={view.budgets.flatMap(({ site, caps }) => caps.map((cap) => ({ name: site, cap })))}
              />
              <Spending budgets={view.budgets} />
            </>
          )
        }
      </Answer>
      <StudyWhatIf />
      <Told />
      <Ledger />
    </Stack>
  );
}

function Told() {
  const notices = useNotices();
  return <Answer query={notices}>{(view) => <Notices notices={view.notices} names="site" />}</Answer>;
}

function Parts({ budgets }: { readonly budgets: readonly BudgetView[] }) {
  return (
    <Card component="section" aria-label="Parts">
      <Stack gap="sm">
        <Title order={2} size="h5">
          Parts of each data set
        </Title>
        <WideTable
          minWidth={720}
          columns={["Site", "Data set", "Part", "ε spent", "ε reserved", "Cap", "Cap per study", "δ"]}
        >
          {budgets.flatMap((budget) =>
            budget.parts.map(({ part, spentEpsilon, reservedEpsilon }) => (
              <Table.Tr key={`${budget.site} ${budget.dataset} ${part}`}>
                <Table.Td>{budget.site}</Table.Td>
                <Table.Td>{budget.dataset}</Table.Td>
                <Table.Td>{part}</Table.Td>
                <Table.Td className="figure">{epsilonText(spentEpsilon)}</Table.Td>
                <Table.Td className="figure">{epsilonText(reservedEpsilon)}</Table.Td>
                <Table.Td className="figure">{epsilonText(budget.cap)}</Table.Td>
                <Table.Td className="figure">
                  {budget.perStudyCap === null ? "none" : epsilonText(budget.perStudyCap)}
                </Table.Td>
                <Table.Td className="figure">{deltaText(budget.delta)}</Table.Td>
              </Table.Tr>
            )),
          )}
        </WideTable>
      </Stack>
    </Card>
  );
}
