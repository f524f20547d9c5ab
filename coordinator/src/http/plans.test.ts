import { epsilonOfEvents } from "@consilium/shared/accountant/convert";
import { curveOfEvents, ZERO_CURVE } from "@consilium/shared/accountant/rdp";
import { emptyState } from "@consilium/shared/ledger/state";
import { eventsOf } from "@consilium/shared/study/noise";
import { DatasetId, Digest, SiteName } from "@consilium/shared/units/identity";
import { Delta, Epsilon } from "@consilium/shared/units/privacy";
import { expect, test } from "vitest";
import { smallStudy } from "../study/consortium.test-support.ts";
import { budgetsOf } from "./plans.ts";

test("a plan is held against the caps of the study's own sites, with what was spent under them", () => {
  const state = emptyState("coordinator");
  const document = smallStudy();
  const [site, dataset] = [document.sites[0]?.name ?? SiteName.parse("none"), DatasetId.parse("records")];
  const statement = Digest.parse("0".repeat(64));
  const cap = { kind: "cap-set" as const, dataset, epsilon: Epsilon.parse(4), delta: Delta.parse(1e-5), statement };
  state.caps.set(`${site}/records`, { ...cap, site });
  state.caps.set("elsewhere/records", { ...cap, site: SiteName.parse("elsewhere") });
  const events = eventsOf(document, "train");
  const spent = new Map(events.map((event) => [event, 1]));
  const account = {
    site,
    dataset,
    part: "train" as const,
    spent,
    spentByStudy: new Map(),
    spentByDay: new Map(),
    open: new Map(),
  };
  state.accounts.set(`${site}/records/train`, account);
  const budgets = budgetsOf(document, state, new Date(0));
  expect(budgets).toMatchObject([{ site, dataset, cap: 4, delta: 1e-5 }]);
  expect(budgets[0]?.spent.train.values).toEqual(curveOfEvents(events).values);
  expect(epsilonOfEvents(events, 1e-5)).toBeGreaterThan(0);
  expect(budgets[0]?.spent.audit).toBe(ZERO_CURVE);
});
