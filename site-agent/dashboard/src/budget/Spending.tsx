import { partText, SpendingFilters } from "@consilium/page/budget/SpendingFilters";
import { SpendingPictures } from "@consilium/page/budget/SpendingPictures";
import { useFilters } from "@consilium/page/shell/filters";
import { Answer } from "@consilium/page/shell/States";
import { Stack, Title } from "@mantine/core";
import type { BudgetsView } from "../../../src/http/views.ts";
import { useHistory } from "../live/queries.ts";

/** One data set's ε as it grew; which one, which part and of which study is in the address. */
export function Spending({ budgets }: { readonly budgets: BudgetsView["budgets"] }) {
  const [{ dataset, part, of }, change] = useFilters(["dataset", "part", "of"]);
  const capped = budgets.filter(({ cap }) => cap !== null);
  const chosen = capped.find((one) => one.dataset === dataset) ?? capped[0];
  const history = useHistory({ dataset: chosen?.dataset ?? "", part, study: of });
  if (chosen === undefined) return null;
  return (
    <Stack gap="md" component="section" aria-label="One data set">
      <Title order={2} size="h4">
        How it was spent
      </Title>
      <SpendingFilters
        datasets={capped.map((one) => ({ value: one.dataset, label: one.dataset }))}
        dataset={chosen.dataset}
        onDataset={(value) => change({ dataset: value, of: null })}
        part={history.data?.part ?? part}
        onPart={(value) => change({ part: value })}
        studies={(chosen.spending?.studies ?? []).map(({ study }) => study)}
        study={of ?? null}
        onStudy={(value) => change({ of: value })}
      />
      <Answer query={history} height={420}>
        {(view) => (
          <SpendingPictures
            whose={`${view.dataset}, ${partText(view.part)}${view.study === null ? "" : `, ${view.study} alone`}`}
            file={`${view.dataset}-${view.part}`}
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
