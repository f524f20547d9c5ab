import { CapBars } from "@consilium/page/budget/CapBars";
import { deltaText, epsilonText } from "@consilium/page/figures/format";
import { Why } from "@consilium/page/why/Why";
import type { BudgetView } from "../../../src/http/budgetViews.ts";

interface BudgetBarsProps {
  readonly budgets: readonly BudgetView[];
  readonly file: string;
  /** What brings the first bar. */
  readonly none: string;
}

/** ε of each data set against its cap: spent, what open reservations would add, the cap as a line. */
export function BudgetBars({ budgets, file, none }: BudgetBarsProps) {
  const delta = budgets[0] === undefined ? "" : `, at δ = ${deltaText(budgets[0].delta)}`;
  return (
    <CapBars
      title="ε of each site against its cap"
      aside={<Why of="spent" />}
      caption={`Per patient, over all studies on the data set${delta}; line: cap.`}
      file={file}
      of="site"
      legend={["spent", "reserved"]}
      none={none}
      bars={budgets.map(({ site, dataset, cap, spentEpsilon, reservedEpsilon, trainingEpsilon }) => ({
        key: `${site} ${dataset}`,
        name: site,
        beside: trainingEpsilon === null ? dataset : `training alone ${epsilonText(trainingEpsilon)}`,
        epsilon: spentEpsilon,
        more: reservedEpsilon,
        cap,
      }))}
    />
  );
}
