/** What the REST interface returns of budgets as they stand: public within the consortium. */
import { CapView } from "@consilium/shared/ledger/capView";
import { Part } from "@consilium/shared/ledger/entry";
import { Notice } from "@consilium/shared/ledger/notice";
import { OverlapFigure } from "@consilium/shared/study/overlap";
import { DatasetId, SiteName, StudyName } from "@consilium/shared/units/identity";
import { Delta, Epsilon } from "@consilium/shared/units/privacy";
import { z } from "zod";

/** What one data set's patients have paid; a data set's figure is the largest of its parts (their patients differ). */
export const BudgetView = z.strictObject({
  site: SiteName,
  dataset: DatasetId,
  /** The steward's cap over all studies. */
  cap: Epsilon,
  delta: Delta,
  /** Cap of one study, where the steward set one. */
  perStudyCap: Epsilon.nullable(),
  /** When the newest approval on the data set came: caps are told with it. Null where each was withdrawn since. */
  capAsOf: z.iso.datetime().nullable(),
  /** Acting or committed charges of all studies. */
  spentEpsilon: Epsilon,
  /** What open reservations would add to it. */
  reservedEpsilon: Epsilon,
  /** This study's training rounds alone, on the train part; null in /api/budgets. */
  trainingEpsilon: Epsilon.nullable(),
  parts: z.array(z.strictObject({ part: Part, spentEpsilon: Epsilon, reservedEpsilon: Epsilon })),
  /** Every cap by its kind, the one over all studies first, with what is booked under it. */
  caps: z.array(CapView),
});
export type BudgetView = z.infer<typeof BudgetView>;

export const NoticeList = z.strictObject({ notices: z.array(Notice) }).meta({ id: "NoticeList" });
export type NoticeList = z.infer<typeof NoticeList>;

/** Sites that share patients, as studies declare, and what one at all of them has paid over all studies. */
export const SharedPatients = z.strictObject({
  sites: z.array(SiteName),
  declaredBy: z.array(StudyName),
  delta: Delta,
  /** Spent or reserved. */
  epsilon: z.number().nonnegative(),
});
export type SharedPatients = z.infer<typeof SharedPatients>;

export const BudgetList = z
  .strictObject({
    budgets: z.array(BudgetView),
    /** Of one study's own groups, what it charged; none in /api/budgets. */
    overlap: z.array(OverlapFigure).default([]),
    /** Over all studies; none of one study. */
    shared: z.array(SharedPatients).default([]),
  })
  .meta({ id: "BudgetList" });
export type BudgetList = z.infer<typeof BudgetList>;
