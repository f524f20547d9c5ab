import { LedgerEntry } from "@consilium/shared/ledger/entry";
import { expect } from "vitest";
import type { Consortium } from "../../simulation/processes/consortium.mjs";

/** Both ledgers verify, hold each charge once, agree on what each site did, and nobody is above a cap. */
export async function expectSoundLedgers(
  consortium: Consortium,
  { study, sites, cap }: { readonly study: string; readonly sites: readonly string[]; readonly cap: number },
): Promise<void> {
  const global = await entriesOf(consortium.consilium(["budget", "ledger"]));
  for (const name of sites) {
    // Exits with a failure, and so rejects, unless chain and signatures hold.
    await consortium.site(name, ["budget", "verify"]);
    const own = await entriesOf(consortium.site(name, ["budget", "ledger"]));
    const acted = actingCharges(own).filter((charge) => charge.startsWith(`${study}/`));
    expect(acted.length).toBeGreaterThan(0);
    expect(new Set(acted).size, "a charge acted on twice").toBe(acted.length);
    const known = new Set(actingCharges(global));
    expect(
      acted.filter((charge) => !known.has(charge)),
      "charges that the coordinator lost",
    ).toEqual([]);
  }
  const budgets = await consortium.view(`/api/studies/${study}/budgets`);
  for (const { spentEpsilon } of budgets.budgets) expect(spentEpsilon).toBeLessThanOrEqual(cap);
}

async function entriesOf(reply: Promise<unknown>): Promise<readonly LedgerEntry[]> {
  const value = await reply;
  const list = Array.isArray(value) ? value : Object.values(value ?? {}).find(Array.isArray);
  return LedgerEntry.array().parse(list);
}

function actingCharges(entries: readonly LedgerEntry[]): readonly string[] {
  return entries.flatMap(({ body }) => (body.kind === "acting" ? [body.charge] : []));
}
