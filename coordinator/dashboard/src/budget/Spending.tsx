import { partText, SpendingFilters } from "@consilium/page/budget/SpendingFilters";
import { SpendingPictures } from "@consilium/page/budget/SpendingPictures";
import { useFilters } from "@consilium/page/shell/filters";
import { Answer } from "@consilium/page/shell/States";
import { Stack, Title } from "@mantine/core";
import type { BudgetView } from "../../../src/http/budgetViews.ts";
import { useSpending, useStudies } from "../live/queries.ts";

/** One data set's ε as it grew; which one, which part and of which study is in the address. */
export function Spending({ budgets }: { readonly budgets: readonly BudgetView[] }) {
  const [{ site, dataset, part, of }, change] = useFilters(["site", "dataset", "part", "of"]);
  const studies = useStudies().data?.studies.map(({ name }) => name) ?? [];
  const chosen = budgets.find((one) => one.site === site && one.dataset === dataset) ?? nearest(budgets);
  const asked = { site: chosen?.site ?? "", dataset: chosen?.dataset ?? "", part, study: of };
  const spending = useSpending(asked);
  if (chosen === undefined) return null;
  return (
    <Stack gap="md" component="section" aria-label="One data set">
      <Title order={2} size="h4">
        One data set
      </Title>
      <SpendingFilters
        datasets={budgets.map((one) => ({ value: keyOf(one), label: `${one.site}: ${one.dataset}` }))}
        dataset={keyOf(chosen)}
        onDataset={(value) => {
          const next = budgets.find((one) => keyOf(one) === value);
          if (next !== undefined) change({ site: next.site, dataset: next.dataset });
        }}
        part={spending.data?.part ?? part}
        onPart={(value) => change({ part: value })}
        studies={studies}
        study={of ?? null}
        onStudy={(value) => change({ of: value })}
      />
      <Answer query={spending} height={420}>
        {(view) => (
          <SpendingPictures
            whose={`${view.site}, ${partText(view.part)}${view.study === null ? "" : `, ${view.study} alone`}`}
            file={`${view.site}-${view.dataset}-${view.part}`}
            delta={view.delta}
            history={view.history}
            cap={view.cap}
            caps={view.caps}
          />
        )}
      </Answer>
    </Stack>
  );
}

function keyOf({ site, dataset }: Pick<BudgetView, "site" | "dataset">): string {
  return `${site}/${dataset}`;
}

/** Of all data sets the one that is nearest to its cap. */
function nearest(budgets: readonly BudgetView[]): BudgetView | undefined {
  const share = ({ spentEpsilon, cap }: BudgetView) => (cap === 0 ? 0 : spentEpsilon / cap);
  return budgets.reduce<BudgetView | undefined>(
    (most, one) => (most === undefined || share(one) > share(most) ? one : most),
    undefined,
  );
}
