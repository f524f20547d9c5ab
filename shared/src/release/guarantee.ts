import { z } from "zod";
import type { StudyDocument } from "../study/document.ts";
import { OverlapFigure } from "../study/overlap.ts";
import { costliestSchedule } from "../study/scheduleEpsilon.ts";

const epsilon = z.number().nonnegative();

/** What a guarantee's ε is the cost of, and so by which accountant: the signed schedule's by PLD, all others' by RDP. */
export const GuaranteeBasis = z.enum(["spent", "signed-maximum", "filter", "signed-schedule"]);
export type GuaranteeBasis = z.infer<typeof GuaranteeBasis>;

/**
 * ε of the schedule that every site signed, by the tightest accountant that proves it: of a patient at one site, and of
 * one at two of them. `holds` where no site was charged for anything beyond the schedule, nor would be if the rest of
 * it were run.
 */
export const SignedSchedule = z.strictObject({
  accountant: z.enum(["pld", "rdp"]),
  epsilon,
  twoSitesEpsilon: epsilon.optional(),
  holds: z.boolean(),
});
export type SignedSchedule = z.infer<typeof SignedSchedule>;

/**
 * What a patient may rely on, of what this study did (of a study on sanitized records it is not all: `sanitized.ts`): the
 * signed schedule's figure where it holds and is the least. Else the consortium's
 * figures; or, where a metric decided when training stopped, those of all signed rounds and repeats: where outputs
 * choose when to stop, ε spent by then bounds no fixed mechanism, the filter's is (Rogers et al. 2016,
 * arXiv:1605.08294). The study's own ε is such a filter of RDP at each site (Lécuyer 2021, arXiv:2103.01379, §3):
 * where repeats would bring the schedule above it, it is the guarantee.
 */
export const Guarantee = z.strictObject({
  basis: GuaranteeBasis,
  epsilon,
  twoSitesEpsilon: epsilon.optional(),
  /** A patient at all sites of a group that the study declares; where a metric may stop it, of the signed maximum. */
  overlap: z.array(OverlapFigure).optional(),
});
export type Guarantee = z.infer<typeof Guarantee>;

/** By RDP: of what was spent, and of that with the rest of the schedule; for one site and for two. */
export interface RdpFigures {
  readonly spent: number;
  readonly toTheEnd: number;
  /** Undefined where the study has one site. */
  readonly twice?: { readonly spent: number; readonly toTheEnd: number };
}

/** The least that is proven. */
export function guaranteeOf(document: StudyDocument, figures: RdpFigures, schedule: SignedSchedule): Guarantee {
  const byRdp = rdpGuarantee(document, figures);
  const { accountant, holds, epsilon: whole, twoSitesEpsilon: wholeTwice } = schedule;
  if (accountant !== "pld" || !holds || whole >= byRdp.epsilon) return byRdp;
  const twice = [byRdp.twoSitesEpsilon, wholeTwice].filter((figure) => figure !== undefined);
  return {
    basis: "signed-schedule",
    epsilon: whole,
    ...(twice.length === 0 ? {} : { twoSitesEpsilon: Math.min(...twice) }),
  };
}

function rdpGuarantee(document: StudyDocument, { spent, toTheEnd, twice }: RdpFigures): Guarantee {
  const two = (epsilonTwice: number | undefined) =>
    epsilonTwice === undefined ? {} : { twoSitesEpsilon: epsilonTwice };
  if (document.training.earlyStop === undefined) return { basis: "spent", epsilon: spent, ...two(twice?.spent) };
  // Nothing acts beyond the study's ε, so what was spent is within it, but for the last digit of a float's sum.
  const filter = Math.max(spent, document.privacy.epsilon);
  return {
    basis: filter < toTheEnd ? "filter" : "signed-maximum",
    epsilon: Math.min(filter, toTheEnd),
    ...two(twice?.toTheEnd),
  };
}

export function signedScheduleOf(document: StudyDocument, holds: boolean, sites: number): SignedSchedule {
  const one = costliestSchedule(document, 1);
  const two = sites > 1 ? costliestSchedule(document, 2) : undefined;
  return {
    accountant: one.accountant === "pld" && two?.accountant !== "rdp" ? "pld" : "rdp",
    epsilon: one.epsilon,
    ...(two === undefined ? {} : { twoSitesEpsilon: two.epsilon }),
    holds,
  };
}
