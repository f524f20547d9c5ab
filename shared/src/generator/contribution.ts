import { canonicalJson } from "../encoding/canonicalJson.ts";
import { type Charged, charged } from "../mechanism/charged.ts";
import { ChoiceContribution } from "./choice.ts";

/** A site's picks as bytes; nothing but what the mechanism made. */
export function encodeChoice({ value: chosen, events }: Charged<readonly number[]>): Charged<Uint8Array> {
  const contribution = ChoiceContribution.parse({ purpose: "choose", chosen });
  return charged(Buffer.from(canonicalJson(contribution)), events);
}
