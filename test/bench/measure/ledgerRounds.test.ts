import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { announced, capBodies, closed, openLedger, SITES } from "./ledgerRounds.ts";

test("a measured ledger is a real one: charges survive the process, every entry holds, none is refused", async () => {
  const folder = mkdtempSync(join(tmpdir(), "consilium-bench-test-"));
  try {
    const path = join(folder, "ledger.db");
    const first = await openLedger(path);
    first.store.append(capBodies());
    for (const round of [1, 2]) {
      first.store.append(announced(round, SITES));
      first.store.append(closed(round, SITES));
    }
    first.database.close();
    const { store, database } = await openLedger(path);
    expect([...store.state.charges.values()].map(({ state }) => state)).toEqual(Array(20).fill("committed"));
    expect(await store.verify()).toBe(SITES.length * (1 + 2 * 4));
    database.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
