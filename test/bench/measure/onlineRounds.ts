import { assert } from "@consilium/shared/failure/failure";
import { epsilonWith } from "@consilium/shared/ledger/budget";
import { announced, capBodies, DATASET, DELTA, openLedger, PART, SITES } from "./ledgerRounds.ts";
import { processorMs } from "./machine.ts";

/**
 * Milliseconds of each of so many rounds: one site's charge is held against the cap, booked, and ε is asked. All that
 * a ledger does but for the disk: it is in memory.
 */
export async function onlineRounds(rounds: number): Promise<readonly number[]> {
  const { database, store } = await openLedger(":memory:");
  const [site] = SITES;
  assert(site !== undefined, "there is a site");
  store.append(capBodies());
  const times: number[] = [];
  let epsilon = 0;
  for (let round = 1; round <= rounds; round++) {
    const before = epsilon;
    const ask = (): void => {
      store.append(announced(round, [site]));
      epsilon = epsilonWith(store.state, { site, dataset: DATASET, part: PART }, [], DELTA);
    };
    times.push(processorMs(ask));
    assert(epsilon >= before, "ε never falls");
  }
  assert(epsilon > 0, "so many rounds cost something");
  database.close();
  return times;
}
