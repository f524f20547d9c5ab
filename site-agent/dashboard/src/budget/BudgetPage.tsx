import { CapBars } from "@consilium/page/budget/CapBars";
import { CapTable } from "@consilium/page/budget/CapTable";
import { Notices } from "@consilium/page/budget/Notices";
import { PageHead } from "@consilium/page/shell/PageHead";
import { Answer, Empty } from "@consilium/page/shell/States";
import { Why } from "@consilium/page/why/Why";
import { Stack } from "@mantine/core";
import type { BudgetsView } from "../../../src/http/views.ts";
import { useBudgets } from "../live/queries.ts";
import { Datasets } from "./Datasets.tsx";
import { Spending } from "./Spending.tsx";

/** What this hospital's data sets may spend, have spent, and how it came to that. */
export function BudgetPage() {
  const budgets = useBudgets();
  return (
    <Stack gap="lg">
      <PageHead
        title="Budgets"
        lead="From this hospital's own ledger. Nothing on this page leaves the machine."
        command="consilium-site budget show"
      />
      <Answer query={budgets} height={320}>
        {(view) =>
          view.budgets.length === 0 ? (
            <Empty title="No data set yet" command="consilium-site data register NAME PATH">
              A data set gets a name, then a cap by its steward; then studies can be approved for it.
            </Empty>
          ) : (
            <Budgets view={view} />
          )
        }
      </Answer>
    </Stack>
  );
}

function Budgets({ view: { budgets } }: { readonly view: BudgetsView }) {
  const capped = budgets.flatMap(({ cap, spending, ...rest }) =>
    cap === null ? [] : [{ ...rest, cap, spent: spending?.epsilon ?? 0, reserved: spending?.reservedEpsilon ?? 0 }],
  );
  return (
    <>
      <Notices notices={budgets.flatMap(({ notices }) => notices)} names="dataset" />
      <CapBars
        title="ε of each data set against its cap"
        aside={<Why of="spent" />}
        caption="Per patient, over all studies; line: cap."
        file="budgets"
        of="data set"
        legend={["spent", "reserved"]}
        none="No data set has a cap yet."
        bars={capped.map(({ dataset, frozen, cap, spent, reserved }) => ({
          key: dataset,
          name: dataset,
          beside: frozen ? "frozen" : "",
          epsilon: spent,
          more: Math.max(0, reserved - spent),
          cap: cap.epsilon,
        }))}
      />
      <Datasets budgets={budgets} />
      <CapTable
        of="Data set"
        caps={budgets.flatMap(({ dataset, caps }) => caps.map((cap) => ({ name: dataset, cap })))}
      />
      {capped.length > 0 && <Spending budgets={budgets} />}
    </>
  );
}
