import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PrivacyEvent } from "@consilium/shared/event/event";
import { disagreements } from "@consilium/shared/ledger/agreement";
import { CapChange } from "@consilium/shared/ledger/cap";
import { LedgerBody } from "@consilium/shared/ledger/entry";
import { isSpent } from "@consilium/shared/ledger/recovery";
import { reaccount } from "@consilium/shared/ledger/spent";
import { EMPTY_ROSTER, signRoster, withSite } from "@consilium/shared/protocol/roster";
import { signerOf } from "@consilium/shared/signing/ed25519";
import { Digest, SiteName } from "@consilium/shared/units/identity";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CoordinatorSide, coordinatorSigner } from "./coordinatorSide.test-support.ts";
import { DATASET, DELTA, STUDIES } from "./siteCaps.test-support.ts";
import { SiteSide } from "./siteSide.test-support.ts";

const name = SiteName.parse("geneva");
const identity = signerOf(new Uint8Array(32).fill(10));
const statement = Digest.parse("0".repeat(64));
const now = (): Date => new Date("2026-01-01T00:00:00Z");
const event = PrivacyEvent.parse({
  kind: "poisson-gaussian",
  adjacency: "add-remove",
  samplingRate: 0.2,
  noiseMultiplier: 2.2,
  count: 1,
});
const greater = PrivacyEvent.parse({ ...event, noiseMultiplier: 1.5 });

describe("older copies put back, on both real sides", () => {
  let folder: string;
  let coordinator: CoordinatorSide;
  let site: SiteSide;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "consilium-story-"));
    const { publicKey } = identity;
    const member = { site: name, identityKey: publicKey, stewardKey: publicKey, state: "active" } as const;
    const roster = signRoster(withSite(EMPTY_ROSTER, member), coordinatorSigner);
    coordinator = new CoordinatorSide({ path: join(folder, "c.db"), roster, now, sites: () => [site] });
    site = new SiteSide({ path: join(folder, "s.db"), name, identity, now, to: coordinator });
    await coordinator.open();
    await site.open();
    const on = { site: name, dataset: DATASET, epsilon: 3, delta: DELTA, statement };
    for (const { store } of [coordinator, site]) store.append(LedgerBody.parse({ kind: "cap-set", ...on }));
    await connected();
  });

  afterEach(() => {
    coordinator.close();
    site.close();
    rmSync(folder, { recursive: true });
  });

  test("[LED13] a copy in which a loss is accepted already: what was counted since is accepted once more, then they join", async () => {
    site.copyTo(join(folder, "before"));
    expect(round(1)).toBeNull();
    await putBack("before");
    expect(await site.accept()).toMatchObject({ recovered: 1, accepted: [{ lost: { sequence: 5 } }] });
    site.copyTo(join(folder, "accepted"));

    // Another copy grows past the head that the coordinator saw, which starts anew and knows no more that it was apart:
    // the site is asked for a round, and finds its loss by that.
    await putBack("before");
    site.disconnect();
    for (const epsilon of [2.9, 2.8, 2.7, 2.6, 2.5])
      expect(site.change(CapChange.parse({ of: "data-set", epsilon, delta: DELTA }), statement)).toBeNull();
    await coordinator.crash();
    await connected();
    expect(round(2)).toBe("ledger/forked");

    await putBack("accepted");
    expect(coordinator.accept()?.message).toContain("accepted the loss of its entry 5, but lacks 1 charge");
    expect(site.isApart).toBe(true);
    expect(await site.accept()).toMatchObject({ recovered: 1, accepted: [{ lost: { sequence: 5 } }] });
    await coordinator.delivered();
    expect(await site.accept()).toMatchObject({ code: "restore/nothing-to-accept" });
    expect(coordinator.accept()).toBeNull();
    await coordinator.delivered();
    expect([coordinator.isApart(name), site.isApart]).toEqual([false, false]);
    for (const { store } of [coordinator, site])
      expect([...store.state.charges.values()].map(isSpent)).toEqual([true, true]);
    expect(round(3)).toBeNull();
  });

  test("[LED44] one name given to two events, before a copy and after it: both count on, each once", async () => {
    site.copyTo(join(folder, "empty"));
    coordinator.copyTo(join(folder, "older"));
    const unheard = announced(1, event);
    coordinator.copyTo(join(folder, "newer"));
    await putBackHere("older");
    expect(announced(1, greater)).toMatchObject({ charge: unheard.charge });
    expect(done({ ...unheard, event: greater })).toBeNull();
    const truth = reaccount(site.store.state, name, DATASET, DELTA);

    await putBackHere("newer");
    expect(coordinator.isApart(name)).toBe(true);
    expect(coordinator.accept()).toBeNull();
    await coordinator.delivered();
    expect(await site.accept()).toMatchObject({ recovered: 0 });
    await connected();
    expect([coordinator.isApart(name), site.isApart]).toEqual([false, false]);
    const { state } = coordinator.store;
    expect([...state.charges.values()].map((charge) => charge.body.event)).toEqual([event, greater]);
    expect(reaccount(state, name, DATASET, DELTA)).toBeGreaterThan(truth);
    expect(disagreements(state, site.store.state, name)).toEqual([]);

    // A site that loses it takes both over, the one under the name that the coordinator gave it; nothing counts twice.
    const counted = state.charges.size;
    await putBack("empty");
    expect(await site.accept()).toMatchObject({ recovered: 2 });
    await coordinator.delivered();
    expect(coordinator.accept()).toBeNull();
    await coordinator.delivered();
    expect([coordinator.isApart(name), site.isApart]).toEqual([false, false]);
    expect([...site.store.state.charges.keys()]).toEqual([...coordinator.store.state.charges.keys()]);
    expect(coordinator.store.state.charges.size).toBe(counted);
    expect(round(3)).toBeNull();
  });

  /** Announced, booked at the site and done; the code of the site's refusal, where it refuses. */
  function round(number: number): string | null {
    return done(announced(number, event));
  }

  function announced(number: number, what: PrivacyEvent) {
    const [study] = STUDIES;
    if (study === undefined) throw new Error("no study");
    const charge = coordinator.freshCharge(study, number, name, "train");
    const asked = { charge, dataset: DATASET, part: "train", study, round: number, event: what } as const;
    expect(coordinator.announce({ ...asked, site: name })).toBe(true);
    return asked;
  }

  function done(asked: ReturnType<typeof announced>): string | null {
    const { charge } = asked;
    const refusal = site.book(coordinator.book.shownTo(name), asked);
    if (refusal !== null) {
      coordinator.declined(name, refusal);
      return refusal;
    }
    site.commit(charge);
    coordinator.commit(name, charge, site.head());
    return null;
  }

  async function putBack(copy: string): Promise<void> {
    await site.crash(() => copyFileSync(join(folder, copy), site.path));
    await connected();
  }

  async function putBackHere(copy: string): Promise<void> {
    await coordinator.crash(() => copyFileSync(join(folder, copy), coordinator.path));
    await connected();
  }

  async function connected(): Promise<void> {
    site.connect();
    await coordinator.delivered();
  }
});
