import { rm } from "node:fs/promises";
import { StudyDocument } from "@consilium/shared/study/document";
import express from "express";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Consortium, smallStudy } from "../study/consortium.test-support.ts";
import { budgetEndpoints } from "./budgets.ts";
import { BudgetList } from "./budgetViews.ts";
import type { Endpoint } from "./endpoint.ts";
import { spendingEndpoints } from "./spending.ts";
import { overlapSoFar, StudyWhatIf } from "./spendingViews.ts";
import { StudyCosts } from "./studyCosts.ts";

let consortium: Consortium;
beforeEach(async () => {
  consortium = await Consortium.open();
});
afterEach(async () => {
  await consortium.crash();
  await rm(consortium.folder, { recursive: true, force: true });
});

/** What a route answers to a member, without a server around it. */
async function asked(endpoints: readonly Endpoint[], path: string, params: Record<string, string> = {}) {
  const found = endpoints.find((one) => one.path === path);
  if (found === undefined) throw new Error(`no route ${path}`);
  const { request, response } = express();
  return found.handle({ body: undefined, session: null, params, query: {}, request, response });
}

const budgets = async () => BudgetList.parse(await asked(budgetEndpoints(consortium), "/api/budgets"));

describe("[LED12] the coordinator tells what a patient at several sites pays, and how old a cap is", () => {
  const study = StudyDocument.parse({ ...smallStudy(), overlap: [{ sites: ["basel", "aachen"] }] });

  test("planned before it begins, and then exactly that is spent; one site's own figure is less", async () => {
    const { digest } = consortium.studies.propose(study, { by: "lead", reason: "proposed" });
    expect(await budgets()).toMatchObject({ budgets: [], shared: [{ sites: ["aachen", "basel"], epsilon: 0 }] });
    const before = consortium.world.clock.now().toISOString();
    for (const site of consortium.sites)
      await consortium.studies.onMessage(site.name, site.approval(study, digest), undefined);
    const approved = await budgets();
    for (const { capAsOf } of approved.budgets) expect((capAsOf ?? "") >= before).toBe(true);
    const { store, studies, world } = consortium;
    const costs = new StudyCosts(() => store.state, world.clock.now);
    const path = "/api/studies/:study/what-if";
    const plan = StudyWhatIf.parse(
      await asked(spendingEndpoints({ store, studies, world, costs }), path, { study: "heart" }),
    );
    expect(plan).toMatchObject({ delta: study.privacy.delta, overlap: [{ sites: ["basel", "aachen"], before: 0 }] });

    await consortium.studies.start(study.name, { by: "lead", reason: "started" });
    expect(await consortium.until("heart", "released", "rejected", "paused")).toBe("released");
    const { shared, budgets: spent } = await budgets();
    expect(shared).toMatchObject([{ sites: ["aachen", "basel"], declaredBy: ["heart"], delta: 1e-4 }]);
    expect(shared[0]?.epsilon).toBeCloseTo(plan.overlap[0]?.after ?? Number.NaN, 9);
    for (const { spentEpsilon } of spent) expect(spentEpsilon).toBeLessThan(shared[0]?.epsilon ?? 0);
    expect(overlapSoFar(consortium.store.state, study)).toMatchObject([{ before: shared[0]?.epsilon, after: null }]);
  });
});
