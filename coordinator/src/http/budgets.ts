import { epsilonOf } from "@consilium/shared/accountant/convert";
import { bookedCurve } from "@consilium/shared/ledger/budget";
import { today } from "@consilium/shared/ledger/capFilter";
import { capViews } from "@consilium/shared/ledger/capView";
import { Part } from "@consilium/shared/ledger/entry";
import { allSpending, type Spending } from "@consilium/shared/ledger/spent";
import { capOf, type LedgerState } from "@consilium/shared/ledger/state";
import { curvesOfParts, spentCharges } from "@consilium/shared/release/statement";
import { overlapFigures } from "@consilium/shared/study/overlap";
import type { SiteName, StudyName } from "@consilium/shared/units/identity";
import type { z } from "zod";
import { type Endpoint, endpoint } from "./endpoint.ts";
import type { Service } from "./service.ts";
import { BudgetList, NoticeList } from "./views.ts";

/** Notices in one answer. */
const NOTICES_MAX = 500;

type Budget = z.input<typeof BudgetList>["budgets"][number];

export function budgetEndpoints({ studies, store, world }: Service): Endpoint[] {
  const viewOf = (spending: Spending, study: StudyName | null): Budget =>
    budgetOf(store.state, spending, study, today(store.state, world.clock.now()));
  return [
    endpoint({
      method: "get",
      path: "/api/budgets",
      summary: "What every data set has spent over all studies",
      reply: BudgetList,
      handle: () => ({ budgets: allSpending(store.state).map((spending) => viewOf(spending, null)) }),
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
        const spent = spentCharges(store.state, name);
        const curvesOf = (site: SiteName) => curvesOfParts(spent.filter((charge) => charge.site === site));
        const overlap = overlapFigures(document.overlap, curvesOf, document.privacy.delta);
        return { budgets: own.map((spending) => viewOf(spending, name)), overlap };
      },
    }),
    endpoint({
      method: "get",
      path: "/api/notices",
      summary: "Caps of which 50, 80 or 95 % is spent or reserved: each told once, newest first",
      reply: NoticeList,
      handle: () => ({ notices: store.state.notices.slice(-NOTICES_MAX).reverse() }),
    }),
  ];
}

function budgetOf(state: LedgerState, spending: Spending, study: StudyName | null, day: number): Budget {
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
    caps: [...capViews(state, site, dataset, day)],
    parts: Part.options.map((part) => {
      const booked = epsilonOf(bookedCurve(state, { site, dataset, part }), delta);
      const spent = spending.parts[part];
      return { part, spentEpsilon: spent, reservedEpsilon: Math.max(0, booked - spent) };
    }),
  };
}
