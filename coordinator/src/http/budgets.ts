import { epsilonOf } from "@consilium/shared/accountant/convert";
import { bookedCurve } from "@consilium/shared/ledger/budget";
import { Part } from "@consilium/shared/ledger/entry";
import { allSpending, type Spending } from "@consilium/shared/ledger/spent";
import { capOf, type LedgerState } from "@consilium/shared/ledger/state";
import type { StudyName } from "@consilium/shared/units/identity";
import type { z } from "zod";
import { type Endpoint, endpoint } from "./endpoint.ts";
import type { Service } from "./service.ts";
import { BudgetList } from "./views.ts";

type Budget = z.input<typeof BudgetList>["budgets"][number];

export function budgetEndpoints({ studies, store }: Service): Endpoint[] {
  return [
    endpoint({
      method: "get",
      path: "/api/budgets",
      summary: "What every data set has spent over all studies",
      reply: BudgetList,
      handle: () => ({ budgets: allSpending(store.state).map((spending) => budgetOf(store.state, spending, null)) }),
    }),
    endpoint({
      method: "get",
      path: "/api/studies/:study/budgets",
      summary: "What the study's data sets have spent, with this study's share",
      reply: BudgetList,
      handle: ({ params }) => {
        const { name, document } = studies.record(params.study ?? "");
        const listed = new Set(document.sites.map((site) => site.name));
        const own = allSpending(store.state).filter(({ site, dataset }) => {
          const approved = store.state.approvals.get(`${site}/${name}`);
          return listed.has(site) && approved?.dataset === dataset;
        });
        return { budgets: own.map((spending) => budgetOf(store.state, spending, name)) };
      },
    }),
  ];
}

function budgetOf(state: LedgerState, spending: Spending, study: StudyName | null): Budget {
  const { site, dataset, delta, cap, epsilon, reservedEpsilon } = spending;
  const share = spending.studies.find((entry) => entry.study === study);
  return {
    site,
    dataset,
    cap,
    delta,
    perStudyCap: capOf(state, site, dataset)?.perStudy ?? null,
    spentEpsilon: epsilon,
    reservedEpsilon: Math.max(0, reservedEpsilon - epsilon),
    trainingEpsilon: study === null ? null : (share?.trainingEpsilon ?? 0),
    parts: Part.options.map((part) => {
      const booked = epsilonOf(bookedCurve(state, { site, dataset, part }), delta);
      const spent = spending.parts[part];
      return { part, spentEpsilon: spent, reservedEpsilon: Math.max(0, booked - spent) };
    }),
  };
}
