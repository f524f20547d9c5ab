import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Refusal } from "@consilium/shared/failure/failure";
import type { LedgerBody, LedgerHead } from "@consilium/shared/ledger/entry";
import { verifyConsistency } from "@consilium/shared/ledger/merkle";
import { emptyState, headOf } from "@consilium/shared/ledger/state";
import { LEDGER_HEAD_DOMAIN, type ShownLedgers, type SignedHead } from "@consilium/shared/protocol/messages";
import type { Ready } from "@consilium/shared/protocol/ready";
import { EMPTY_ROSTER, signRoster, withSite } from "@consilium/shared/protocol/roster";
import { type Signer, signerOf, signStatement } from "@consilium/shared/signing/ed25519";
import { COORDINATOR, type PartyName, SiteName } from "@consilium/shared/units/identity";
import { type Database, openDatabase } from "@consilium/storage/database";
import { LedgerStore } from "@consilium/storage/ledgerStore";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { LedgerBook } from "../study/world.ts";
import { admissionRefusal } from "./admission.ts";
import { ledgerBook } from "./ledgerBook.ts";
import { Restores } from "./restores.ts";

const signer = signerOf(new Uint8Array(32).fill(3));
const identity = signerOf(new Uint8Array(32).fill(4));
const basel = SiteName.parse("basel");
const geneva = SiteName.parse("geneva");
const noted = (detail: string): LedgerBody => ({ kind: "refusal-noted", party: "x", code: "y/z", detail });

let folder: string;
const opened: Database[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-book-"));
});
afterEach(async () => {
  for (const database of opened.splice(0)) database.close();
  await rm(folder, { recursive: true });
});

async function bookOn(name: string): Promise<LedgerBook> {
  const database = await openDatabase(join(folder, name), {});
  opened.push(database);
  return ledgerBook(
    new LedgerStore(database, { writer: COORDINATOR, signer, now: () => new Date(0) }),
    signer,
    () => new Date(0),
  );
}

function signed(head: LedgerHead, by: Signer): SignedHead {
  return { head, signature: signStatement(by, LEDGER_HEAD_DOMAIN, head) };
}

function grows(held: LedgerHead, { head, consistency }: ShownLedgers): boolean {
  const [before, after] = [held, head.head].map(({ sequence, root }) => ({ size: sequence, root }));
  if (before === undefined || after === undefined) throw new Error("two heads");
  return consistency.from === held.sequence && verifyConsistency(before, after, consistency.path);
}

describe("[LED9] each site is shown the ledger as the growth of what it saw before", () => {
  test("whatever is appended and shown in between, to whichever site", async () => {
    let names = 0;
    const steps = fc.array(fc.oneof(fc.constantFrom(basel, geneva), fc.integer({ min: 1, max: 5 })), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const book = await bookOn(`${names++}.db`);
        const held = new Map([basel, geneva].map((site) => [site, headOf(emptyState(COORDINATOR))]));
        for (const step of sequence) {
          if (typeof step === "number") {
            book.append(Array.from({ length: step }, () => noted("more")));
            continue;
          }
          const shown = book.shownTo(step);
          expect(grows(held.get(step) ?? shown.head.head, shown)).toBe(true);
          held.set(step, shown.head.head);
        }
      }),
      { numRuns: 25 },
    );
  });

  test("a site that comes back is shown the growth of what it says it holds", async () => {
    const book = await bookOn("back.db");
    book.append([noted("one"), noted("two")]);
    const { head } = book.shownTo(basel);
    book.append([noted("three")]);
    book.shownTo(basel);
    expect(book.siteHolds(basel, head.head)).toBeNull();
    expect(grows(head.head, book.shownTo(basel))).toBe(true);
    expect(book.siteHolds(basel, null)).toBeNull();
    expect(book.shownTo(basel).consistency).toEqual({ from: 0, path: [] });
  });
});

describe("[LED10] a ledger that was restored from an older copy is found when a link begins", () => {
  const roster = signRoster(
    withSite(EMPTY_ROSTER, {
      site: basel,
      identityKey: identity.publicKey,
      stewardKey: identity.publicKey,
      state: "active",
    }),
    signer,
  );
  const logged: string[] = [];
  const log = (event: string): void => void logged.push(event);
  const sent: string[] = [];
  const worldOf = (ledger: LedgerBook): { admit: (ready: Ready) => Refusal | null; restores: Restores } => {
    const world = { ledger, signer, roster: () => roster, logger: { info: log, warn: log, error: log } };
    const restores = new Restores({
      ...world,
      send: async (_site, { type }) => {
        sent.push(type);
        return { type: "accepted" };
      },
      now: () => new Date(0),
      onJoined: (site) => sent.push(`joined ${site}`),
    });
    return { admit: (ready) => admissionRefusal(world, restores, basel, ready), restores };
  };
  const headAt = (sequence: number, writer: PartyName = basel): LedgerHead => ({
    ...headOf(emptyState(writer)),
    sequence,
  });

  test("ours: the site is let in, it is logged, and a failure with the remedy stands until the site holds what we have", async () => {
    const book = await bookOn("now.db");
    book.append([noted("kept")]);
    for (const name of ["now.db", "now.db-wal"])
      await copyFile(join(folder, name), join(folder, `old${name.slice(3)}`));
    book.append([noted("lost"), noted("lost too")]);
    const held = book.head();
    const restored = await bookOn("old.db");
    const { admit, restores } = worldOf(restored);
    expect(admit({ type: "ready", own: signed(headAt(0), identity), held })).toBeNull();
    expect(logged).toEqual(["ledger-behind"]);
    expect(restores.isApart(basel)).toBe(true);
    restores.begin(basel);
    expect(sent).toEqual(["ledgers-differ", "ledger-wanted"]);
    // Before the site told what it charged nothing can be accepted.
    expect(() => restores.accept("lead", "disk")).toThrow(expect.objectContaining({ code: "restore/waiting" }));
    expect(restored.lost().get(basel)).toMatchObject({ code: "ledger/behind" });
    restored.append([noted("another past"), noted("as long"), noted("and longer")]);
    expect(restored.siteHolds(basel, held.head)).toMatchObject({ code: "ledger/forked" });
    expect(restored.siteHolds(basel, restored.head().head)).toBeNull();
    expect(restored.lost().size).toBe(0);
  });

  test("the site's: it is let in, and stays apart", async () => {
    const book = await bookOn("site.db");
    const shown = signed(headAt(9), identity);
    book.append([{ kind: "head-witnessed", ...shown }]);
    const ready = (sequence: number) =>
      ({ type: "ready", own: signed(headAt(sequence), identity), held: null }) as const;
    const { admit, restores } = worldOf(book);
    expect(admit(ready(8))).toBeNull();
    expect(restores.isApart(basel)).toBe(true);
    expect(restores.waiting()).toMatchObject([{ site: basel }]);
    expect(admit(ready(9))).toBeNull();
    expect(restores.isApart(basel)).toBe(false);
    // Longer by now, but not without having said that it lost what we saw: it stays apart until that is accepted here.
    expect(admit({ ...ready(12), forgone: shown.head })).toBeNull();
    expect(restores.isApart(basel)).toBe(true);
    expect(book.shownTo(basel).witnessed).toEqual(shown.head);
  });

  test("a site that asks for our ledger all the time is told it a few times, then twice a minute", async () => {
    const book = await bookOn("asked.db");
    const shown = signed(headAt(9), identity);
    book.append([{ kind: "head-witnessed", ...shown }]);
    const { admit, restores } = worldOf(book);
    expect(() => restores.wanted(basel)).toThrow(expect.objectContaining({ code: "restore/not-asked" }));
    admit({ type: "ready", own: signed(headAt(8), identity), held: null });
    sent.length = 0;
    const told = () => sent.filter((type) => type === "ledger-told").length;
    for (let times = 1; times <= 8; times++) {
      restores.wanted(basel);
      expect(() => restores.wanted(basel)).toThrow(expect.objectContaining({ code: "restore/not-asked" }));
      await vi.waitFor(() => expect(told()).toBe(times));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(() => restores.wanted(basel)).toThrow(expect.objectContaining({ code: "restore/too-often" }));
  });

  test("a head that its writer did not sign is no head", async () => {
    const book = await bookOn("forged.db");
    const own = signed(headAt(0), identity);
    for (const ready of [
      { type: "ready", own: signed(headAt(0), signer), held: null },
      { type: "ready", own: signed(headAt(0, geneva), identity), held: null },
      { type: "ready", own, held: signed(headAt(99, COORDINATOR), identity) },
      { type: "ready", own, held: null, forgone: headAt(3, geneva) },
    ] as const) {
      expect(worldOf(book).admit(ready)).toMatchObject({ code: "ledger/head-not-signed" });
    }
    expect(book.lost().size).toBe(0);
  });
});
