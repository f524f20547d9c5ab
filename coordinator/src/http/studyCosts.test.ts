import { rm } from "node:fs/promises";
import { StudyName } from "@consilium/shared/units/identity";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Consortium, smallStudy } from "../study/consortium.test-support.ts";
import { costsOf } from "./spendingViews.ts";
import { StudyCosts } from "./studyCosts.ts";

let consortium: Consortium;
beforeEach(async () => {
  consortium = await Consortium.open();
});
afterEach(async () => {
  await consortium.crash();
  await rm(consortium.folder, { recursive: true, force: true });
});

describe("what a waiting study would cost, however often people look", () => {
  test("is worked out anew where the ledger has grown and a second has passed, and never twice for one ledger", async () => {
    const { studies, store } = consortium;
    const record = studies.propose(smallStudy(), { by: "lead", reason: "proposed" });
    let nowMs = Date.now();
    let looked = 0;
    const state = () => {
      looked += 1;
      return store.state;
    };
    const costs = new StudyCosts(state, () => new Date(nowMs));
    const first = await costs.of(record);
    expect(first).toEqual({ budgets: [], overlap: [] });
    for (const site of consortium.sites)
      await studies.onMessage(site.name, site.approval(record.document, record.digest), undefined);
    // The ledger grew, and the figure is not a second old.
    expect(await costs.of(record)).toBe(first);
    nowMs += 1001;
    const second = await costs.of(record);
    expect(second).toEqual(costsOf(store.state, record.document, new Date(nowMs)));
    expect(second.budgets).toHaveLength(3);
    nowMs += 1001;
    looked = 0;
    const many = await Promise.all(Array.from({ length: 50 }, () => costs.of(record)));
    expect(new Set(many)).toEqual(new Set([second]));
    // The tip and its day, of each look: no figure was worked out.
    expect(looked).toBe(100);
  });

  test("other work goes on between two studies", async () => {
    const { studies, store } = consortium;
    const records = ["a", "b", "c"].map((name) =>
      studies.propose({ ...smallStudy(), name: StudyName.parse(name) }, { by: "lead", reason: "proposed" }),
    );
    const costs = new StudyCosts(
      () => store.state,
      () => new Date(),
    );
    const order: string[] = [];
    const all = records.map((record) => costs.of(record).then(() => order.push(record.name)));
    const turns = Promise.all(records.map(() => new Promise((resolve) => setImmediate(resolve))));
    void turns.then(() => order.push("other work"));
    await Promise.all(all);
    expect(order.indexOf("other work")).toBeLessThan(2);
  });
});
