import { z } from "zod";
import { canonicalJson } from "../encoding/canonicalJson.ts";
import { type Charged, charged } from "../mechanism/charged.ts";
import type { NoisyIntegers } from "../mechanism/discreteGaussian.ts";

/** What a site contributes to the round before training: noised sums in the study's order, as canonical JSON. */
export const NormaliseContribution = z.strictObject({
  purpose: z.literal("normalise"),
  sums: z.array(z.number().int()).min(1),
});
export type NormaliseContribution = z.infer<typeof NormaliseContribution>;

/** Its bytes. */
export function encodeNormalise({ value: { values }, events }: Charged<NoisyIntegers>): Charged<Uint8Array> {
  const contribution = NormaliseContribution.parse({ purpose: "normalise", sums: [...values] });
  return charged(Buffer.from(canonicalJson(contribution)), events);
}
