import { z } from "zod";
import type { StudyDocument } from "../study/document.ts";
import { Digest, SiteName } from "../units/identity.ts";
import { GENERATORS_KEPT_MAX } from "./rule.ts";

const Place = z
  .number()
  .int()
  .min(0)
  .max(GENERATORS_KEPT_MAX - 1);

/** What a site contributes to the choice: its picks, in the order in which they were drawn. No score is told. */
export const ChoiceContribution = z.strictObject({
  purpose: z.literal("choose"),
  /** Places among the candidates. */
  chosen: z.array(Place).min(1).max(GENERATORS_KEPT_MAX),
});
export type ChoiceContribution = z.infer<typeof ChoiceContribution>;

/** Which generators make the release's records, and by whose picks: its digest stands in both ledgers. */
export const GeneratorChoice = z.strictObject({
  round: z.number().int().positive(),
  /** The file of classifiers that sites chose by. */
  candidates: Digest,
  /** Training rounds of the candidates, ascending. */
  rounds: z.array(z.number().int().positive()).min(1).max(GENERATORS_KEPT_MAX),
  sites: z.array(z.strictObject({ site: SiteName, chosen: ChoiceContribution.shape.chosen })).min(1),
  /** In the order of their points; each with the digest of its parameters (float32, little-endian). */
  picked: z.array(z.strictObject({ round: z.number().int().positive(), digest: Digest })).min(1),
});
export type GeneratorChoice = z.infer<typeof GeneratorChoice>;

/**
 * The best of the candidates by the sites' picks: of k picks a site's first gets k points, its last 1, each times the
 * site's public patients, since more of them tell candidates apart better. Equal points: the later round. Returns
 * places.
 */
export function pickedPlaces(
  { sites }: Pick<StudyDocument, "sites">,
  votes: readonly { readonly site: SiteName; readonly chosen: readonly number[] }[],
  candidates: number,
  best: number,
): readonly number[] {
  const points = new Array<number>(candidates).fill(0);
  for (const { site, chosen } of votes) {
    const patients = sites.find(({ name }) => name === site)?.patients ?? 0;
    for (const [rank, place] of chosen.entries())
      points[place] = (points[place] ?? 0) + (chosen.length - rank) * patients;
  }
  const order = points.map((_, place) => place).sort((a, b) => (points[b] ?? 0) - (points[a] ?? 0) || b - a);
  return order.slice(0, Math.min(best, candidates));
}
