import { nextEntry } from "@consilium/shared/ledger/chain";
import { type LedgerBody, LedgerBody as LedgerBodyOf } from "@consilium/shared/ledger/entry";
import { exportLines } from "@consilium/shared/ledger/exported";
import { apply } from "@consilium/shared/ledger/replay";
import { emptyState, headOf } from "@consilium/shared/ledger/state";
import { partsOf } from "@consilium/shared/ledger/told";
import { type CoordinatorMessage, LEDGER_HEAD_DOMAIN, type SignedHead } from "@consilium/shared/protocol/messages";
import { EMPTY_ROSTER, signRoster, withSite } from "@consilium/shared/protocol/roster";
import { signerOf, signStatement } from "@consilium/shared/signing/ed25519";
import { COORDINATOR, DatasetId, SiteName } from "@consilium/shared/units/identity";
import { openDatabase } from "@consilium/storage/database";
import { LedgerStore } from "@consilium/storage/ledgerStore";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ledgerBook } from "./ledgerBook.ts";
import { Restores } from "./restores.ts";

const site = SiteName.parse("geneva");
const dataset = DatasetId.parse("clinic");
const signer = signerOf(new Uint8Array(32).fill(1));
const identity = signerOf(new Uint8Array(32).fill(2));
const now = (): Date => new Date("2026-01-01T00:00:00Z");

function capOf(epsilon: number): LedgerBody {
  return LedgerBodyOf.parse({ kind: "cap-set", site, dataset, epsilon, delta: 1e-5, statement: "0".repeat(64) });
}

/** A site's ledger, as it would tell it: `epsilons` of the caps that it holds. */
function ledgerOf(...epsilons: number[]) {
  return ledgerWith(epsilons.map(capOf));
}

function ledgerWith(bodies: readonly LedgerBody[]) {
  const state = emptyState(site);
  const entries = bodies.map((body) => {
    const entry = nextEntry(state.tip, now().toISOString(), body, identity);
    apply(state, entry);
    return entry;
  });
  const head = headOf(state);
  const signed: SignedHead = { head, signature: signStatement(identity, LEDGER_HEAD_DOMAIN, head) };
  return {
    signed,
    parts: partsOf(exportLines({ ...signed, countersigned: [], roster: null }, entries, null).join("\n")),
  };
}

describe("[LED10] a ledger that a site put back from an older copy, and that grew since", () => {
  const seen = ledgerOf(4, 3, 2);
  let close: () => void;
  let sent: CoordinatorMessage[];
  let joined: SiteName[];
  let restores: Restores;
  let witnessed: () => unknown;
  let sanitized: () => unknown[];

  beforeEach(async () => {
    const database = await openDatabase(":memory:", {});
    const store = new LedgerStore(database, { writer: COORDINATOR, signer, now });
    store.append([capOf(4), { kind: "head-witnessed", ...seen.signed }]);
    const ledger = ledgerBook(store, signer, now);
    const roster = signRoster(
      withSite(EMPTY_ROSTER, {
        site,
        identityKey: identity.publicKey,
        stewardKey: identity.publicKey,
        state: "active",
      }),
      signer,
    );
    sent = [];
    joined = [];
    restores = new Restores({
      ledger,
      logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
      roster: () => roster,
      send: async (_site, message) => {
        sent.push(message);
        return { type: "accepted" };
      },
      onJoined: (name) => void joined.push(name),
      now,
    });
    witnessed = () => ledger.witnessed(site);
    sanitized = () => [...ledger.state().sanitizings.keys()];
    close = () => database.close();
  });
  afterEach(() => close());

  test("is found by its head where that has the same number", () => {
    restores.stands(site, { own: ledgerOf(4, 3, 1).signed, held: null });
    expect(restores.isApart(site)).toBe(true);
    restores.stands(site, { own: seen.signed, held: null });
    expect(restores.isApart(site)).toBe(false);
  });

  test("is found once it is told, where it is longer than what we saw: what we saw stays, and the site hears of it", () => {
    const lost = headOf(emptyState(COORDINATOR));
    const held = { head: { ...lost, sequence: 9 }, signature: seen.signed.signature };
    const other = ledgerOf(4, 3, 1, 0.5);
    restores.stands(site, { own: other.signed, held });
    restores.begin(site);
    for (const { bytes, ...part } of other.parts) restores.told(site, part, bytes);
    expect(witnessed()).toEqual(seen.signed.head);
    expect(sent.at(-1)).toEqual({ type: "ledgers-differ", yours: seen.signed.head, ours: held.head });
    expect(restores.accept("lead", "the disk broke").waiting).toMatchObject([
      { site, what: expect.stringContaining("it lacks entry 3") },
    ]);
  });

  test("is apart over links, however it grew, until its ledger is told: one that holds what we saw joins", () => {
    restores.stands(site, { own: ledgerOf(4).signed, held: null });
    const tell = (again: ReturnType<typeof ledgerOf>): void => {
      restores.stands(site, { own: again.signed, held: null });
      expect(restores.isApart(site)).toBe(true);
      restores.begin(site);
      for (const { bytes, ...part } of again.parts) restores.told(site, part, bytes);
    };
    tell(ledgerOf(4, 3, 1, 0.5));
    expect([restores.isApart(site), joined, witnessed()]).toEqual([true, [], seen.signed.head]);
    const newest = ledgerOf(4, 3, 2, 1);
    tell(newest);
    expect([restores.isApart(site), joined, witnessed()]).toEqual([false, [site], newest.signed.head]);
    expect(sent.at(-1)).toEqual({ type: "ledgers-differ", yours: null, ours: null });
  });

  test("what was sanitized is not taken from it unsigned: it could never be told back", () => {
    const event = { kind: "randomised-response", adjacency: "replace", values: 2, odds: 3, count: 1 };
    const words = { charge: "s1", site, dataset, events: [event], statement: "0".repeat(64) };
    const noised = LedgerBodyOf.parse({ kind: "sanitizing", ...words });
    const held = { head: { ...headOf(emptyState(COORDINATOR)), sequence: 9 }, signature: seen.signed.signature };
    const grown = ledgerWith([...[4, 3, 2].map(capOf), noised]);
    restores.stands(site, { own: grown.signed, held });
    restores.begin(site);
    for (const { bytes, ...part } of grown.parts) restores.told(site, part, bytes);
    expect(witnessed()).toEqual(grown.signed.head);
    expect(sanitized()).toEqual([]);
  });

  test("one that only went on is no other: its newest head is witnessed", () => {
    const held = { head: { ...headOf(emptyState(COORDINATOR)), sequence: 9 }, signature: seen.signed.signature };
    const grown = ledgerOf(4, 3, 2, 1);
    restores.stands(site, { own: grown.signed, held });
    restores.begin(site);
    const before = sent.length;
    for (const { bytes, ...part } of grown.parts) restores.told(site, part, bytes);
    expect(witnessed()).toEqual(grown.signed.head);
    expect(sent).toHaveLength(before);
  });
});
