import { LedgerBody } from "@consilium/shared/ledger/entry";
import { headOf } from "@consilium/shared/ledger/state";
import { signerOf } from "@consilium/shared/signing/ed25519";
import { SiteName } from "@consilium/shared/units/identity";
import { openDatabase } from "@consilium/storage/database";
import { LedgerStore } from "@consilium/storage/ledgerStore";
import { describe, expect, test } from "vitest";
import { SiteLedger } from "./store.ts";

const site = SiteName.parse("geneva");
const identity = signerOf(new Uint8Array(32).fill(2));

describe("[LED13] the lost head that a site tells when a link begins", () => {
  test("is the one accepted last, also where that is an older loss accepted anew", async () => {
    const database = await openDatabase(":memory:", {});
    const now = (): Date => new Date("2026-01-01T00:00:00Z");
    const ledger = new SiteLedger(new LedgerStore(database, { writer: site, signer: identity, now }), identity);
    const lostAt = (sequence: number) => ({ ...headOf(ledger.state), sequence, root: sequence.toString().repeat(64) });
    const accept = (lost: object): void => {
      const [accepted, why] = [headOf(ledger.state), { by: "ann", reason: "disk" }];
      const body = LedgerBody.parse({ kind: "restore-accepted", site, lost, accepted, ...why });
      ledger.append(
        [body],
        () => undefined,
        () => undefined,
      );
    };
    const [first, second] = [lostAt(8), lostAt(9)];
    expect(ledger.forgone()).toEqual({});
    accept(first);
    accept(second);
    expect(ledger.forgone()).toEqual({ forgone: second });
    accept(first);
    expect(ledger.forgone()).toEqual({ forgone: first });
    database.close();
  });
});
