import { Failure } from "@consilium/shared/failure/failure";
import { capFilters } from "@consilium/shared/ledger/capFilter";
import { Part } from "@consilium/shared/ledger/entry";
import { historyIn } from "@consilium/shared/ledger/epsilonHistory";
import { capOf, type LedgerState } from "@consilium/shared/ledger/state";
import { DatasetId, SiteName, StudyName } from "@consilium/shared/units/identity";
import { z } from "zod";
import { KeptChargeLog } from "../storage/ledgerPages.ts";
import { hasBegun } from "../study/study.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import type { Service } from "./service.ts";
import { LOOKS_PER_MINUTE_MAX, SpendingHistory, StudyWhatIf } from "./spendingViews.ts";

const HistoryQuery = z.strictObject({
  site: SiteName,
  dataset: DatasetId,
  part: Part.optional(),
  study: StudyName.optional(),
});

/** How a budget came to be what it is, and what a study would add to it; nothing here charges. */
export function spendingEndpoints({
  store,
  studies,
  world,
  costs,
}: Pick<Service, "store" | "studies" | "world" | "costs">): Endpoint[] {
  const kept = new KeptChargeLog(world.sql);
  return [
    endpoint({
      method: "get",
      path: "/api/budgets/history",
      summary: "How ε of a data set grew, charge by charge: ?site=&dataset=, with part= and study= if wanted",
      reply: SpendingHistory,
      handle: async ({ query }) => {
        const { site, dataset, part, study } = HistoryQuery.parse(query);
        const log = await kept.read();
        const cap = capOf(store.state, site, dataset);
        if (cap === undefined) throw noBudget(site, dataset);
        const shown = historyIn(log, { site, dataset, part, study }, cap.delta);
        // A cap at another δ bounds another figure.
        const caps = log.caps(site, dataset).filter(({ body }) => body.delta === cap.delta);
        return {
          site,
          dataset,
          study: study ?? null,
          delta: cap.delta,
          cap: study === undefined ? cap.epsilon : studyCap(store.state, site, dataset, study),
          caps: study === undefined ? caps.map(({ at, body }) => ({ at, epsilon: body.epsilon })) : [],
          ...shown,
        };
      },
    }),
    endpoint({
      method: "get",
      path: "/api/studies/:study/what-if",
      summary: "What a study that hasn't begun would cost each data set of its sites",
      perMinuteMax: LOOKS_PER_MINUTE_MAX,
      reply: StudyWhatIf,
      handle: async ({ params }) => {
        const record = studies.record(params.study ?? "");
        const { name, document, standing } = record;
        if (hasBegun(standing)) throw begun(name, standing.state);
        const { rounds } = document.training;
        return { study: name, rounds, delta: document.privacy.delta, ...(await costs.of(record)) };
      },
    }),
  ];
}

/** The lesser of the steward's cap on each study and on this one. */
function studyCap(state: LedgerState, site: SiteName, dataset: DatasetId, study: StudyName) {
  return capFilters(state, site, dataset, study).find(({ of }) => of === "study")?.epsilon ?? null;
}

function noBudget(site: SiteName, dataset: DatasetId): Failure {
  return new Failure({
    code: "budget/unknown",
    kind: "usage",
    what: `No cap is known for ${dataset} of ${site}, so nothing was charged to it.`,
    remedy: "A data set appears once its site's steward approved a study for it: consilium budget show",
  });
}

function begun(study: StudyName, state: string): Failure {
  return new Failure({
    code: "study/begun",
    kind: "refused",
    what: `Study ${study} is ${state}: part of what it plans is charged already.`,
    remedy: `See what it spent: consilium budget show. To plan another like it: consilium plan study.yaml`,
  });
}
