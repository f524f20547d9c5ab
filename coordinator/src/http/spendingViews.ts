/** What the REST interface returns of budgets over time, and of studies that wait: public within the consortium. */

import { today } from "@consilium/shared/ledger/capFilter";
import { Part } from "@consilium/shared/ledger/entry";
import { EpsilonHistory } from "@consilium/shared/ledger/epsilonHistory";
import { limitText } from "@consilium/shared/ledger/limit";
import type { LedgerState } from "@consilium/shared/ledger/state";
import { epsilonAcross, overlapAfter, whatIf } from "@consilium/shared/ledger/whatIf";
import type { StudyDocument } from "@consilium/shared/study/document";
import { DatasetId, Digest, SiteName, StudyName } from "@consilium/shared/units/identity";
import { Delta, Epsilon } from "@consilium/shared/units/privacy";
import { z } from "zod";
import { StudyState } from "../study/study.ts";
import { ApprovalView } from "./views.ts";

/** Calls a minute from one address of what is worked out for the one who looks: pages look when something changed. */
export const LOOKS_PER_MINUTE_MAX = 600;

export const SpendingHistory = z
  .strictObject({
    site: SiteName,
    dataset: DatasetId,
    part: Part,
    /** Of this study's charges alone; null: of all. */
    study: StudyName.nullable(),
    delta: Delta,
    /** In force: over all studies, or on each study; null where the steward set none on each study. */
    cap: Epsilon.nullable(),
    /** Caps over all studies at this δ, where they were set; oldest first. */
    caps: z.array(z.strictObject({ at: z.string(), epsilon: Epsilon })),
    history: EpsilonHistory,
  })
  .meta({ id: "SpendingHistory" });
export type SpendingHistory = z.infer<typeof SpendingHistory>;

/** One data set, before and after a whole study. */
export const WhatIfView = z.strictObject({
  site: SiteName,
  dataset: DatasetId,
  cap: z.number(),
  delta: z.number(),
  before: z.number(),
  after: z.number(),
  left: z.number(),
  fits: z.boolean(),
  /** The first limit that it would pass, in words. */
  refusedBy: z.string().nullable(),
  affordableRounds: z.number().int().nonnegative(),
});
export type WhatIfView = z.infer<typeof WhatIfView>;

/** A patient at all of these sites at once, as the study declares: ε over all studies, now and with all of this one. */
const OverlapView = z.strictObject({
  sites: z.array(SiteName),
  before: z.number().nonnegative(),
  /** Null once it has begun: part of it is in `before`. */
  after: z.number().nonnegative().nullable(),
});
export type OverlapView = z.infer<typeof OverlapView>;

/** What a whole study that waits would come to. */
export interface StudyCost {
  /** For each data set with a cap at its sites. */
  readonly budgets: WhatIfView[];
  /** At its own δ, for each group of sites that it declares. */
  readonly overlap: OverlapView[];
}

export function costsOf(state: LedgerState, document: StudyDocument, now: Date): StudyCost {
  return {
    budgets: whatIf(state, document, today(state, now)).map(({ refusedBy, ...cost }) => ({
      ...cost,
      refusedBy: refusedBy === null ? null : limitText(refusedBy.limit),
    })),
    overlap: overlapAfter(state, document).map(({ sites, ...epsilons }) => ({ sites: [...sites], ...epsilons })),
  };
}

/** The same of a study that has begun. */
export function overlapSoFar(state: LedgerState, { overlap = [], privacy }: StudyDocument): OverlapView[] {
  return overlap.map(({ sites }) => ({ sites, before: epsilonAcross(state, sites, privacy.delta), after: null }));
}

export const StudyWhatIf = z
  .strictObject({
    study: StudyName,
    rounds: z.number().int(),
    delta: Delta,
    budgets: z.array(WhatIfView),
    overlap: z.array(OverlapView),
  })
  .meta({ id: "StudyWhatIf" });
export type StudyWhatIf = z.infer<typeof StudyWhatIf>;

/** What one study asks of its sites, and what each answered. */
export const RequestView = z.strictObject({
  study: StudyName,
  purpose: z.string(),
  state: StudyState,
  digest: Digest,
  proposedAt: z.iso.datetime(),
  proposedBy: z.string().nullable(),
  epsilon: Epsilon,
  delta: Delta,
  rounds: z.number().int().positive(),
  /** Null of a study on sanitized records. */
  noiseMultiplier: z.number().nullable(),
  samplingRate: z.number(),
  minSites: z.number().int(),
  overlap: z.array(OverlapView),
  /** The site's answer; what it would cost the data sets with a cap there, while the study hasn't begun. */
  sites: z.array(z.strictObject({ ...ApprovalView.shape, dataset: DatasetId.nullable(), costs: z.array(WhatIfView) })),
});
export type RequestView = z.infer<typeof RequestView>;

export const RequestList = z.strictObject({ requests: z.array(RequestView) }).meta({ id: "RequestList" });
export type RequestList = z.infer<typeof RequestList>;
