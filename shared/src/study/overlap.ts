import { z } from "zod";
import { epsilonOf } from "../accountant/convert.ts";
import { addCurves, type RdpCurve, scaleCurve, ZERO_CURVE } from "../accountant/rdp.ts";
import { Part } from "../ledger/entry.ts";
import { SiteName } from "../units/identity.ts";
import type { StudyDocument } from "./document.ts";

/** Sites at which the same patients may have records, as the study declares them. */
export const Overlap = z.array(
  z.strictObject({
    sites: z
      .array(SiteName)
      .min(2)
      .max(100)
      .describe("Sites of this study that may hold records of the same patients, all at once."),
  }),
);
export type Overlap = z.infer<typeof Overlap>;

/** Groups that name other sites than the study's, or one of them twice. */
export function overlapFaults({
  overlap = [],
  sites,
  privacy,
}: Pick<StudyDocument, "overlap" | "sites" | "privacy">): { path: (string | number)[]; message: string }[] {
  const listed = new Set(sites.map(({ name }) => name));
  const faults = overlap.flatMap((group, i) =>
    group.sites.flatMap((name, j) => {
      const path = [i, "sites", j];
      if (!listed.has(name)) return [{ path, message: `names ${name}, which is no site of this study` }];
      return group.sites.indexOf(name) < j ? [{ path, message: `names ${name} twice` }] : [];
    }),
  );
  if (overlap.length > 0 && privacy.trust !== "local")
    faults.push({ path: [], message: "can't be counted under trust: distributed in this version: use trust: local" });
  return faults;
}

/** What such a patient pays at all of these sites together. */
export const OverlapFigure = z.strictObject({ sites: z.array(SiteName), epsilon: z.number().nonnegative() });
export type OverlapFigure = z.infer<typeof OverlapFigure>;

/** What was done to each part of one site's patients, in the order of `Part.options`. */
export type PartCurves = readonly RdpCurve[];

/**
 * What a patient pays who is at all of these sites at once, or at any `atOnce` of them, under `local` noise: each
 * site's mechanism is independent, so Rényi divergences add order by order (Mironov 2017, arXiv:1702.07476,
 * Proposition 1). Sites split patients by keys of their own: the patient may be in another part at each, and every such
 * choice is bounded by the worst site's curves.
 */
export function epsilonAtOnce(sites: readonly PartCurves[], delta: number, atOnce = sites.length): number {
  const worst = Part.options.map((_, part) =>
    sites.reduce((most, curves) => pointwiseMax(most, curves[part] ?? ZERO_CURVE), ZERO_CURVE),
  );
  const costs = timesOfParts(worst.length, atOnce).map((times) =>
    epsilonOf(worst.map((curve, part) => scaleCurve(curve, times[part] ?? 0)).reduce(addCurves), delta),
  );
  return Math.max(...costs);
}

/** For each declared group. */
export function overlapFigures(
  overlap: Overlap | undefined,
  curvesOf: (site: SiteName) => PartCurves,
  delta: number,
): OverlapFigure[] {
  return (overlap ?? []).map(({ sites }) => ({ sites, epsilon: epsilonAtOnce(sites.map(curvesOf), delta) }));
}

/** Every way to write `total` as a sum of so many counts. */
function timesOfParts(parts: number, total: number): readonly (readonly number[])[] {
  if (parts === 1) return [[total]];
  return Array.from({ length: total + 1 }, (_, first) =>
    timesOfParts(parts - 1, total - first).map((rest) => [first, ...rest]),
  ).flat();
}

/** Bounds either curve at every order. */
export function pointwiseMax(a: RdpCurve, b: RdpCurve): RdpCurve {
  return {
    values: a.values.map((value, order) => Math.max(value, b.values[order] ?? Number.NaN)),
    maxLogRatio: Math.max(a.maxLogRatio, b.maxLogRatio),
    totalVariation: Math.max(a.totalVariation, b.totalVariation),
  };
}
