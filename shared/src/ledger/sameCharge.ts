import { canonicalJson } from "../encoding/canonicalJson.ts";
import { digestOfJson } from "../encoding/digest.ts";
import { ChargeId } from "./entry.ts";
import type { Charge } from "./state.ts";

/** Between a charge's name and what tells it from another of that name; no study's, site's or data set's name has it. */
const APART = "~";
/** Of a digest, in a name: 64 bits, of a handful of charges that were ever given one name. */
const DIGEST_DIGITS = 16;

/**
 * Name under which a ledger takes over a charge whose own name stands there for another event: after restores one name
 * may have been given twice. It follows from the name and the event, so that both sides come to the same.
 */
export function nameApart(id: ChargeId, { body }: Charge): ChargeId {
  return ChargeId.parse(`${plainName(id)}${APART}${digestOfJson(body.event).slice(0, DIGEST_DIGITS)}`);
}

/** The charge that stands for this one in a ledger, under whichever name: the same site's, of the same event. */
export function sameCharge(
  charges: ReadonlyMap<ChargeId, Charge>,
  id: ChargeId,
  charge: Charge,
): { readonly id: ChargeId; readonly charge: Charge } | undefined {
  const found = at(charges, id, charge) ?? at(charges, plainName(id), charge);
  return found ?? at(charges, nameApart(id, charge), charge);
}

function at(charges: ReadonlyMap<ChargeId, Charge>, id: ChargeId, { body }: Charge) {
  const charge = charges.get(id);
  if (charge === undefined || charge.body.site !== body.site) return undefined;
  return canonicalJson(charge.body.event) === canonicalJson(body.event) ? { id, charge } : undefined;
}

function plainName(id: ChargeId): ChargeId {
  return ChargeId.parse(id.split(APART, 1)[0]);
}
