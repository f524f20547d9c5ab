import { nextEntry } from "@consilium/shared/ledger/chain";
import { LedgerBody } from "@consilium/shared/ledger/entry";
import { apply } from "@consilium/shared/ledger/replay";
import { type SignedSanitizing, sanitizingsToTake, sanitizingsToTell } from "@consilium/shared/ledger/sanitizingTold";
import { spendingOf } from "@consilium/shared/ledger/spent";
import { emptyState, type LedgerState } from "@consilium/shared/ledger/state";
import { EMPTY_ROSTER, signRoster, withSite } from "@consilium/shared/protocol/roster";
import { signerOf } from "@consilium/shared/signing/ed25519";
import { COORDINATOR, DatasetId, SiteName } from "@consilium/shared/units/identity";
import { beforeEach, describe, expect, test } from "vitest";
import { heldSanitizings, takeSanitizings } from "./sanitizings.ts";

const [coordinator, identity, stranger] = [1, 2, 3].map((seed) => signerOf(new Uint8Array(32).fill(seed)));
const site = SiteName.parse("basel");
const dataset = DatasetId.parse("clinic");
const statement = "ab".repeat(32);
const event = { kind: "randomised-response", adjacency: "replace", values: 2, odds: 3, count: 1 };
const cap = LedgerBody.parse({ kind: "cap-set", site, dataset, epsilon: 1, delta: 1e-5, statement });

function append(state: LedgerState, bodies: readonly LedgerBody[]): void {
  const signer = state.tip.writer === COORDINATOR ? coordinator : identity;
  if (signer === undefined) throw new Error("nobody signs");
  for (const body of bodies) apply(state, nextEntry(state.tip, "2026-01-01T00:00:00Z", body, signer));
}

/** A site that was sanitized twice, and a coordinator that knows of neither. */
function sides() {
  const own = emptyState(site);
  const ours = emptyState(COORDINATOR);
  const charge = (id: string) =>
    LedgerBody.parse({ kind: "sanitizing", charge: id, site, dataset, events: [event], statement });
  const raised = { ...cap, epsilon: 5 };
  append(own, [LedgerBody.parse(raised), charge("s1"), charge("s2")]);
  append(ours, [cap]);
  if (coordinator === undefined || identity === undefined || stranger === undefined) throw new Error("keys");
  const { publicKey } = identity;
  const known = withSite(EMPTY_ROSTER, { site, identityKey: publicKey, stewardKey: publicKey, state: "active" });
  const roster = signRoster(known, coordinator);
  const ledger = { state: () => ours, append: (bodies: readonly LedgerBody[]) => append(ours, bodies) };
  return { own, ours, identity, stranger, world: { ledger, roster: () => roster } };
}

describe("[LED42] the coordinator counts what a site signed that it had sanitized", () => {
  let at: ReturnType<typeof sides>;
  let told: readonly SignedSanitizing[];
  const take = (charges: readonly SignedSanitizing[]) =>
    takeSanitizings(worldOf(at), site, { type: "sanitizings-told", charges: [...charges] });
  beforeEach(() => {
    at = sides();
    told = sanitizingsToTell(at.own, site, at.identity);
  });

  test("each charge once, above the cap that it knows, on every part", () => {
    expect(take([...told, ...told])).toBe(2);
    expect(take(told)).toBe(0);
    const spent = spendingOf(at.ours, site, dataset);
    expect(spent?.epsilon).toBeGreaterThan(spent?.cap ?? 9);
    expect(spent?.parts).toEqual(spendingOf(at.own, site, dataset)?.parts);
  });

  test("not another's word, nor one that was changed on the way", () => {
    const [first] = told;
    if (first === undefined) throw new Error("two were told");
    const forged = sanitizingsToTell(at.own, site, at.stranger);
    expect(() => take(forged)).toThrow(expect.objectContaining({ code: "ledger/sanitizing-not-signed" }));
    expect(() => take([{ ...first, events: [] }])).toThrow(/not signed/);
    expect(spendingOf(at.ours, site, dataset)?.epsilon).toBe(0);
  });

  test("a site put back from an older copy hears its own word again, and takes nobody else's", () => {
    expect(heldSanitizings(worldOf(at), site)).toBeNull();
    take(told);
    const held = heldSanitizings(worldOf(at), site);
    if (held?.type !== "sanitizings-held") throw new Error("two are held");
    const older = emptyState(site);
    append(older, [cap]);
    const by = { site, key: at.identity.publicKey, from: COORDINATOR } as const;
    expect(sanitizingsToTake(older, held.charges, { ...by, key: at.stranger.publicKey })).toEqual([]);
    append(older, sanitizingsToTake(older, held.charges, by));
    // And it tells what it had back: the coordinator may be the next that is put back.
    expect(sanitizingsToTell(older, site, at.identity)).toEqual(told);
    expect(spendingOf(older, site, dataset)?.parts).toEqual(spendingOf(at.own, site, dataset)?.parts);
    expect(sanitizingsToTake(older, held.charges, by)).toEqual([]);
  });
});

function worldOf({ world }: ReturnType<typeof sides>) {
  return world;
}
