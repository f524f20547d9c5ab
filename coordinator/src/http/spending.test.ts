import { rm } from "node:fs/promises";
import { spendingOf } from "@consilium/shared/ledger/spent";
import { SiteName } from "@consilium/shared/units/identity";
import express from "express";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { KeptChargeLog } from "../storage/ledgerPages.ts";
import { Consortium, smallStudy } from "../study/consortium.test-support.ts";
import type { Endpoint } from "./endpoint.ts";
import { spendingEndpoints } from "./spending.ts";
import { SpendingHistory, StudyWhatIf } from "./spendingViews.ts";
import { StudyCosts } from "./studyCosts.ts";

let consortium: Consortium;
beforeEach(async () => {
  consortium = await Consortium.open();
});
afterEach(async () => {
  await consortium.crash();
  await rm(consortium.folder, { recursive: true, force: true });
});

function service() {
  const { store, studies, world } = consortium;
  return { store, studies, world, costs: new StudyCosts(() => store.state, world.clock.now) };
}

/** What a route answers to a member, without a server around it. */
async function asked(path: string, params: Record<string, string>, query: Record<string, string> = {}) {
  const found = spendingEndpoints(service()).find((one: Endpoint) => one.path === path);
  if (found === undefined) throw new Error(`no route ${path}`);
  const { request, response } = express();
  return found.handle({ body: undefined, session: null, params, query, request, response });
}

describe("[LED36] the coordinator tells how ε grew, by its own ledger", () => {
  test("of each part, all studies or one; the end is what the budget says", async () => {
    const { digest } = consortium.studies.propose(smallStudy(), { by: "lead", reason: "proposed" });
    const before = StudyWhatIf.parse(await asked("/api/studies/:study/what-if", { study: "heart" }));
    expect(before).toMatchObject({ study: "heart", rounds: 12, budgets: [] });
    for (const site of consortium.sites)
      await consortium.studies.onMessage(site.name, site.approval(smallStudy(), digest), undefined);
    const costs = StudyWhatIf.parse(await asked("/api/studies/:study/what-if", { study: "heart" }));
    expect(costs.budgets.map(({ site, before, fits }) => [site, before, fits])).toEqual([
      ["aachen", 0, true],
      ["basel", 0, true],
      ["como", 0, true],
    ]);
    await consortium.studies.start(smallStudy().name, { by: "lead", reason: "started" });
    expect(await consortium.until("heart", "released", "rejected", "paused")).toBe("released");

    const site = SiteName.parse("basel");
    const dataset = costs.budgets[1]?.dataset ?? "";
    const view = SpendingHistory.parse(await asked("/api/budgets/history", {}, { site, dataset }));
    const spent = spendingOf(consortium.store.state, site, view.dataset);
    expect(view.history.epsilon).toBeCloseTo(spent?.epsilon ?? Number.NaN, 9);
    expect(view.history.epsilon).toBeCloseTo(costs.budgets[1]?.after ?? Number.NaN, 9);
    expect(view).toMatchObject({ study: null, cap: spent?.cap, caps: [{ epsilon: spent?.cap }] });
    const validation = SpendingHistory.parse(
      await asked("/api/budgets/history", {}, { site, dataset, part: "validation", study: "heart" }),
    );
    expect(validation.history.groups.map(({ purpose, charges }) => [purpose, charges])).toEqual([["evaluation", 2]]);
    expect(validation.history.epsilon).toBeCloseTo(spent?.parts.validation ?? Number.NaN, 9);
    await expect(asked("/api/studies/:study/what-if", { study: "heart" })).rejects.toMatchObject({
      code: "study/begun",
    });
  });

  test("what has no budget is named, what is no question is refused", async () => {
    const query = { site: "basel", dataset: "none" };
    await expect(asked("/api/budgets/history", {}, query)).rejects.toMatchObject({ code: "budget/unknown" });
    await expect(asked("/api/budgets/history", {}, { ...query, part: "all" })).rejects.toThrow(/part/);
  });

  test("the ledger is read on, not again: many who ask at once see each entry once", async () => {
    const { sql, ledger } = consortium.world;
    const kept = new KeptChargeLog(sql);
    const noted = { kind: "refusal-noted", party: "x", code: "y/z", detail: "" } as const;
    ledger.append(Array.from({ length: 2500 }, () => noted));
    const logs = await Promise.all([kept.read(), kept.read(), kept.read()]);
    expect(logs.map(({ sequence }) => sequence)).toEqual([2500, 2500, 2500]);
    ledger.append([noted]);
    expect((await kept.read()).sequence).toBe(2501);
  });
});
