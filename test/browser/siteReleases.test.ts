import { rm } from "node:fs/promises";
import { AxeBuilder } from "@axe-core/playwright";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { type JoinedSite, joinedSite, PASSWORD } from "@consilium/site-agent/command/joinedSite.test-support";
import { type RunningPage, servePage } from "@consilium/site-agent/http/server";
import { PageSession } from "@consilium/site-agent/http/session";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { releaseWaits } from "../support/waitingRelease.ts";
import { findChromium, launchChromium } from "./support/chromium.ts";

const chromium = findChromium();
const WCAG_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"];

describe.skipIf(chromium === undefined)("[REL17] a release that waits, on the hospital's own page in Chromium", () => {
  let site: JoinedSite;
  let served: RunningPage;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    browser = await launchChromium(chromium ?? "");
    site = await joinedSite({ isJson: false, result: () => undefined, say: () => undefined });
    await releaseWaits(site);
    const session = new PageSession(operatingSystemRandom, () => new Date());
    served = await servePage({ context: site.context, session, port: 0 });
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" });
    page = await context.newPage();
    await page.goto(`${served.origin}/login#${session.token}`);
    await page.getByRole("heading", { level: 1, name: "Budgets" }).waitFor();
    await page.getByRole("link", { name: "Requests" }).click();
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await served?.close();
    await rm(site.root, { recursive: true, force: true });
  });

  test("what would be signed stands there, readable by all; it is refused with a reason, and that stays", async () => {
    const card = page.getByRole("region", { name: "Release of heart" });
    await card.getByText("waits for this site's answer").waitFor();
    await card.getByText(/promised to this site's patients/).waitFor();
    await card.getByRole("row", { name: /^max-attack-auc-upper pass/ }).waitFor();
    await card.getByText(/^All \d+ checks hold, this site's own among them/).waitFor();
    expect(await card.getByRole("button", { name: "Sign", exact: true }).isEnabled()).toBe(true);
    const { violations } = await new AxeBuilder({ page }).withTags(WCAG_AA).analyze();
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    await page.setViewportSize({ width: 390, height: 800 });
    const beyond = () => page.evaluate("document.documentElement.scrollWidth - window.innerWidth");
    await expect.poll(beyond).toBe(0);

    await card.getByRole("button", { name: "Refuse" }).click();
    const dialog = page.getByRole("dialog", { name: "Refuse the release of heart" });
    await dialog.getByLabel("Reason").fill("too few of our patients");
    await dialog.getByLabel("The steward's password").and(page.locator("input")).fill(PASSWORD);
    await dialog.getByRole("button", { name: "Refuse" }).click();
    await page.getByRole("dialog", { name: "Done" }).getByText("This site refused the release of heart").waitFor();
    await page.getByRole("dialog", { name: "Done" }).getByRole("button", { name: "Close" }).last().click();
    await card.getByText("refused: too few of our patients, not told yet").waitFor();
    await card.getByRole("button").first().waitFor({ state: "detached" });
  });
});
