import { epsilonOf } from "@consilium/shared/accountant/convert";
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { bookedCurve } from "@consilium/shared/ledger/budget";
import { today } from "@consilium/shared/ledger/capFilter";
import { capViews } from "@consilium/shared/ledger/capView";
import { Part } from "@consilium/shared/ledger/entry";
import { allSpending, type Spending } from "@consilium/shared/ledger/spent";
import { capOf, type LedgerState } from "@consilium/shared/ledger/state";
import { epsilonAcross } from "@consilium/shared/ledger/whatIf";
import { curvesOfParts, spentCharges } from "@consilium/shared/release/statement";
import { overlapFigures } from "@consilium/shared/study/overlap";
import type { SiteName, StudyName } from "@consilium/shared/units/identity";
import type { z } from "zod";
import { lastApprovals, listStudies, type StudyRecord } from "../storage/studies.ts";
import { BudgetList, NoticeList, type SharedPatients } from "./budgetViews.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import type { Service } from "./service.ts";

/** Notices in one answer. */
const NOTICES_MAX = 500;

type Budget = z.input<typeof BudgetList>["budgets"][number];

export function budgetEndpoints({ studies, store, world }: Pick<Service, "studies" | "store" | "world">): Endpoint[] {
  const viewsOf = (spendings: readonly Spending[], study: StudyName | null): Budget[] => {
    const approved = lastApprovals(world.sql);
    const day = today(store.state, world.clock.now());
    return spendings.map((spending) => {
      const capAsOf = approved.get(`${spending.site}/${spending.dataset}`) ?? null;
      return { ...budgetOf(store.state, spending, study, day), capAsOf };
    });
  };
  return [
    endpoint({
      method: "get",
      path: "/api/budgets",
      summary: "What every data set has spent over all studies",
      reply: BudgetList,
      handle: () => ({
        budgets: viewsOf(allSpending(store.state), null),
        shared: sharedPatients(store.state, listStudies(world.sql)),
      }),
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
        return { budgets: viewsOf(own, name), overlap };
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

/** Groups of sites that any study declares to share patients, each told once for each δ. */
function sharedPatients(state: LedgerState, records: readonly StudyRecord[]): SharedPatients[] {
  const groups = new Map<string, Omit<SharedPatients, "epsilon">>();
  for (const { name, document } of records) {
    const { delta } = document.privacy;
    for (const { sites } of document.overlap ?? []) {
      const sorted = [...sites].sort();
      const key = canonicalJson([sorted, delta]);
      groups.set(key, { sites: sorted, declaredBy: [...(groups.get(key)?.declaredBy ?? []), name], delta });
    }
  }
  return [...groups.values()].map((group) => ({ ...group, epsilon: epsilonAcross(state, group.sites, group.delta) }));
}

function budgetOf(
  state: LedgerState,
  spending: Spending,
  study: StudyName | null,
  day: number,
): Omit<Budget, "capAsOf"> {
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
