/** Budgets of the made-up consortium over time, by the very functions that the coordinator answers with. */

import { NoticeList } from "@consilium/coordinator/http/budgetViews";
import { RequestList, SpendingHistory, StudyWhatIf } from "@consilium/coordinator/http/spendingViews";
import { ChargeLog } from "@consilium/shared/ledger/chargeLog";
import { LedgerBody, Part } from "@consilium/shared/ledger/entry";
import { historyIn } from "@consilium/shared/ledger/epsilonHistory";
import { DatasetId, SiteName, StudyName } from "@consilium/shared/units/identity";
import { at, digest, SITES } from "./consortiumFixture.ts";

const DELTA = 1e-4;
/** A study that waits for one answer, and one of its own kind: neither has begun. */
export const WAITING_STUDY = "chest-pain";

const training = {
  kind: "poisson-gaussian",
  adjacency: "add-remove",
  samplingRate: 0.2,
  noiseMultiplier: 2.2,
  count: 1,
};
const histogram = (epsilon: number, count: number) => ({
  kind: "discrete-laplace",
  adjacency: "add-remove",
  sensitivity: 1,
  scale: 1 / epsilon,
  count,
});

/** The pilot's rounds two days before, then the study's up to `committed`, with evaluations and, at its end, the audit. */
export function chargeLog(site: string, dataset: string, committed: number): ChargeLog {
  const log = new ChargeLog();
  const add = (seconds: number, body: object) =>
    log.take({ sequence: log.sequence + 1, at: at(seconds), body: LedgerBody.parse(body) });
  const cap = { kind: "cap-set", site, dataset, delta: DELTA, statement: digest("7") };
  add(-172_900, { ...cap, epsilon: 5 });
  const spend = (seconds: number, study: string, part: string, round: number, event: object) => {
    const charge = `${study}/${part}-${round}`;
    add(seconds, { kind: "reserved", charge, site, dataset, part, study, round, attempt: 1, event });
    add(seconds, { kind: "acting", charge });
  };
  const rounds = (from: number, study: string, last: number) => {
    for (let round = 1; round <= last; round++) {
      spend(from + round * 600, study, "train", round, training);
      if (round % 10 === 0) spend(from + round * 600 + 20, study, "validation", round, histogram(0.5, 1));
    }
  };
  rounds(-172_800, "heart-disease-pilot", 12);
  spend(-165_000, "heart-disease-pilot", "audit", 13, histogram(0.4, 3));
  if (site !== "hungarian") add(-90_000, { ...cap, epsilon: 4 });
  rounds(-43_200, "heart-disease", committed);
  if (committed === 60) {
    spend(-400, "heart-disease", "train", 61, histogram(0.3, 3));
    spend(-400, "heart-disease", "audit", 61, histogram(1, 3));
  }
  return log;
}

/** What /api/budgets/history answers; null where no such data set is known. */
export function spendingHistory(query: URLSearchParams, committed: number): unknown {
  const site = SITES.find((name) => name === query.get("site"));
  if (site === undefined) return null;
  const dataset = DatasetId.parse(query.get("dataset"));
  const log = chargeLog(site, dataset, committed);
  const part = Part.optional().parse(query.get("part") ?? undefined);
  const study = StudyName.optional().parse(query.get("study") ?? undefined);
  const whose = { site: SiteName.parse(site), dataset };
  const caps = log.caps(whose.site, dataset).map((set) => ({ at: set.at, epsilon: set.body.epsilon }));
  return SpendingHistory.parse({
    ...whose,
    study: study ?? null,
    delta: DELTA,
    cap: study === undefined ? caps.at(-1)?.epsilon : null,
    caps: study === undefined ? caps : [],
    ...historyIn(log, { ...whose, part, study }, DELTA),
  });
}

/** Caps of all kinds, the one for a year nearly reached at one site. */
export function capsOf(site: string, spent: number) {
  const cap = site === "hungarian" ? 5 : 4;
  const all = { of: "data-set", study: null, period: null, epsilon: cap, delta: DELTA, booked: spent };
  const year = { ...all, of: "period", period: "calendar-year", epsilon: 3, booked: 2.45 };
  const views = site === "cleveland" ? [all, year] : [all];
  return views.map((view) => ({
    ...view,
    left: Math.max(0, view.epsilon - view.booked),
    level: [95, 80, 50].find((level) => view.booked >= (view.epsilon * level) / 100) ?? 0,
  }));
}

export const noticesAnswer = NoticeList.parse({
  notices: [
    {
      site: "cleveland",
      dataset: "cleveland-heart",
      of: "period",
      study: null,
      period: "calendar-year",
      level: 80,
      epsilon: 2.41,
      cap: 3,
      delta: DELTA,
      entry: 790,
      at: at(-900),
    },
  ],
});

const costs = SITES.map((site) => {
  const isSmall = site === "switzerland";
  const after = isSmall ? 4.61 : 3.91;
  const cap = site === "hungarian" ? 5 : 4;
  return {
    site,
    dataset: `${site}-heart`,
    cap,
    delta: DELTA,
    before: 2.87,
    after,
    left: Math.max(0, cap - after),
    fits: after <= cap,
    refusedBy: after <= cap ? null : "the data set's cap over all studies (ε = 4 at δ = 0.0001)",
    affordableRounds: isSmall ? 24 : 40,
  };
});

const overlap = [{ sites: ["cleveland", "va-long-beach"], before: 3.52, after: 5.07 }];

export const whatIfAnswer = StudyWhatIf.parse({
  study: WAITING_STUDY,
  rounds: 40,
  delta: DELTA,
  budgets: costs,
  overlap,
});

/** Two sites that share patients, as the waiting study declares. */
export const sharedAnswer = [
  { sites: ["cleveland", "va-long-beach"], declaredBy: [WAITING_STUDY], delta: DELTA, epsilon: 3.52 },
];

const asked = { digest: digest("a"), delta: DELTA, minSites: 3, samplingRate: 0.2, proposedBy: "Ada Lead" };

/** The waiting study's answers are of all kinds; the running one's are all yes. */
export const requestsAnswer = RequestList.parse({
  requests: [
    {
      ...asked,
      study: WAITING_STUDY,
      purpose: "Tell chest pain that needs a catheter from chest pain that doesn't",
      state: "proposed",
      proposedAt: at(-3600),
      epsilon: 2.5,
      rounds: 40,
      noiseMultiplier: 2.9,
      overlap,
      sites: SITES.map((site, index) => ({
        site,
        steward: null,
        offer: null,
        ...[
          {
            answer: "approved",
            steward: "Steward of cleveland",
            reason: null,
            at: at(-1800),
            dataset: "cleveland-heart",
          },
          {
            answer: "rejected",
            steward: null,
            reason: "the purpose is not in our policy",
            at: at(-900),
            dataset: null,
          },
          { answer: "rejected", reason: "our cap leaves less", at: at(-600), dataset: null, offer: { epsilon: 1.5 } },
          { answer: "waiting", reason: null, at: null, dataset: null },
        ][index],
        costs: costs.filter((cost) => cost.site === site),
      })),
    },
    {
      ...asked,
      study: "heart-disease",
      purpose: "Predict angiographic heart disease from 13 clinical features",
      state: "training",
      proposedAt: at(0),
      epsilon: 4,
      rounds: 60,
      noiseMultiplier: 2.2,
      overlap: [],
      sites: SITES.map((site, index) => ({
        site,
        answer: "approved",
        offer: null,
        steward: `Steward of ${site}`,
        reason: null,
        at: at(30 + index),
        dataset: `${site}-heart`,
        costs: [],
      })),
    },
  ],
});
