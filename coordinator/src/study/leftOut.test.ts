import { SiteName } from "@consilium/shared/units/identity";
import { expect, test } from "vitest";
import { LeftOut } from "./leftOut.ts";

const site = SiteName.parse("basel");

test("[RND17] a site is left out when it declines, or loses three attempts, until it comes back", () => {
  const out = new LeftOut();
  out.attemptLost(site);
  out.attemptLost(site);
  expect([...out.sites]).toEqual([]);
  out.attemptLost(site);
  expect([...out.sites]).toEqual([site]);
  out.returned(site);
  out.attemptLost(site);
  expect([...out.sites]).toEqual([]);
  out.declined(site);
  expect([...out.sites]).toEqual([site]);
});
