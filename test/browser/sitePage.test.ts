import { rm } from "node:fs/promises";
import { AxeBuilder } from "@axe-core/playwright";
import { LedgerBody } from "@consilium/shared/ledger/entry";
import { discreteLaplaceEvent } from "@consilium/shared/mechanism/discreteLaplace";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { type JoinedSite, joinedSite, PASSWORD } from "@consilium/site-agent/command/joinedSite.test-support";
import { openSite } from "@consilium/site-agent/control/site";
import { type RunningPage, servePage } from "@consilium/site-agent/http/server";
import { PageSession } from "@consilium/site-agent/http/session";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { findChromium, launchChromium } from "./support/chromium.ts";

const chromium = findChromium();
if (chromium === undefined)
  process.stderr.write("No Chromium here: the browser tests are skipped (apt-get install chromium).\n");

const WCAG_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"];

describe.skipIf(chromium === undefined)("the hospital's own page in Chromium, before a real site", () => {
  let site: JoinedSite;
  let served: RunningPage;
  let session: PageSession;
  let browser: Browser;
  let context: BrowserContext;

  beforeAll(async () => {
    browser = await launchChromium(chromium ?? "");
    site = await joinedSite({ isJson: false, result: () => undefined, say: () => undefined });
    await charge(site);
  });
  afterAll(async () => {
    await browser?.close();
    await rm(site.root, { recursive: true, force: true });
  });
  beforeEach(async () => {
    session = new PageSession(operatingSystemRandom, () => new Date());
    served = await servePage({ context: site.context, session, port: 0 });
  });
  afterEach(async () => {
    await context.close();
    await served.close();
  });

  async function open(width = 1280): Promise<Page> {
    context = await browser.newContext({ viewport: { width, height: 900 }, reducedMotion: "reduce" });
    const page = await context.newPage();
    await page.goto(`${served.origin}/login#${session.token}`);
    await page.getByRole("heading", { level: 1, name: "Budgets" }).waitFor();
    return page;
  }

  test("the link signs in once, and without it nothing is shown", async () => {
    const page = await open();
    expect(page.url()).toBe(`${served.origin}/`);
    await page.reload();
    await page.getByRole("heading", { level: 1, name: "Budgets" }).waitFor();
    const stranger = await (await browser.newContext()).newPage();
    await stranger.goto(`${served.origin}/requests`);
    await stranger.getByRole("heading", { name: "This hospital's own page" }).waitFor();
    await stranger.context().close();
  });

  test("budgets: ε against the cap, over time, and what raised it, from this site's ledger", async () => {
    const page = await open();
    await page.getByRole("img", { name: /^ε spent: heart 1\.00 of 4\.00/ }).waitFor();
    await page.getByRole("img", { name: /^ε over time, heart, validation patients: 1\.00 of 4\.00/ }).waitFor();
    await page.getByRole("img", { name: /pilot, evaluation 0\.60, follow-up, evaluation 0\.40, all 1\.00/ }).waitFor();
  });

  test("a cap is lowered after a confirmation that repeats the figures; a wrong password decides nothing", async () => {
    const page = await open();
    await page.getByLabel("Lower cap of heart to ε").fill("3.5");
    await page.getByRole("button", { name: "Lower cap" }).click();
    const dialog = page.getByRole("dialog", { name: "Lower the cap of heart" });
    await dialog.getByText("From ε = 4 to ε = 3.5").waitFor();
    const password = dialog.getByLabel("The steward's password").and(page.locator("input"));
    await password.fill("a wrong password");
    await dialog.getByRole("button", { name: "Lower cap" }).click();
    await dialog.getByRole("alert").getByText("does not open the key").waitFor();
    await password.fill(PASSWORD);
    await page.keyboard.press("Enter");
    const done = page.getByRole("dialog", { name: "Done" });
    await done.getByText("Cap of heart over all studies: ε ≤ 3.5").waitFor();
    await done.getByRole("button", { name: "Close" }).last().click();
    await page.getByRole("img", { name: /^ε spent: heart 1\.00 of 3\.50/ }).waitFor();
  });

  test("a study is refused when it costs more than is left, with the reason told; the ledger is searched", async () => {
    const page = await open();
    await page.getByRole("link", { name: "Requests" }).click();
    const request = page.getByRole("region", { name: "heart-disease", exact: true });
    await request.getByText("with all of this study").waitFor();
    expect(await request.getByRole("button", { name: "Approve" }).isDisabled()).toBe(true);
    await request.getByRole("button", { name: "Check the data against it" }).click();
    await request.getByRole("region", { name: "What the command says" }).getByText("Would cost").waitFor();
    await request.getByRole("button", { name: "Refuse" }).click();
    const dialog = page.getByRole("dialog", { name: "Refuse heart-disease" });
    await dialog.getByText("heart-disease asks ε ≤ 4.00 at δ = 1e-4").waitFor();
    await dialog.getByLabel("Reason").fill("it would pass the cap");
    await dialog.getByLabel("The steward's password").and(page.locator("input")).fill(PASSWORD);
    await dialog.getByRole("button", { name: "Refuse" }).click();
    const done = page.getByRole("dialog", { name: "Done" });
    await done.getByText("Rejected heart-disease.").waitFor();
    await done.getByRole("button", { name: "Close" }).last().click();
    await request.getByText("Reason: it would pass the cap").waitFor();

    await page.getByRole("link", { name: "Ledger" }).click();
    await page.getByLabel("Search").fill("cap-set");
    await page.getByText("2 of 8 entries").waitFor();
    expect(new URL(page.url()).searchParams.get("find")).toBe("cap-set");
  });

  test.each(["/", "/requests", "/ledger"])(
    "WCAG AA in both colour schemes, nothing wider than a telephone, nothing from elsewhere: %s",
    async (path) => {
      const page = await open();
      const foreign: string[] = [];
      const complaints: string[] = [];
      page.on("request", (request) => {
        if (!request.url().startsWith(served.origin) && !request.url().startsWith("data:")) foreign.push(request.url());
      });
      page.on("console", (line) => {
        if (line.type() === "error") complaints.push(line.text());
      });
      page.on("pageerror", (error) => complaints.push(error.message));
      await page.goto(served.origin + path);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.locator("[aria-label=Loading]").first().waitFor({ state: "detached" });
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        await page.locator(`html[data-mantine-color-scheme=${colorScheme}]`).waitFor();
        const { violations } = await new AxeBuilder({ page }).withTags(WCAG_AA).analyze();
        expect(violations.map(({ id, nodes }) => [colorScheme, id, nodes.map(({ html }) => html)])).toEqual([]);
      }
      await page.setViewportSize({ width: 390, height: 800 });
      const beyond = () => page.evaluate("document.documentElement.scrollWidth - window.innerWidth");
      await expect.poll(beyond, { timeout: 3000 }).toBe(0);
      expect({ foreign, complaints }).toEqual({ foreign: [], complaints: [] });
    },
  );
});

/** Two studies' evaluations on the validation part: pure ε, so their figures are known without an accountant. */
async function charge({ context: { folder } }: JoinedSite): Promise<void> {
  const opened = await openSite(folder.path, { environment: {}, now: () => new Date() });
  const where = { site: "cleveland", dataset: "heart", part: "validation", round: 1, attempt: 1 };
  const bodies = [
    ["pilot", 0.3],
    ["pilot", 0.3],
    ["follow-up", 0.4],
  ].flatMap(([study, epsilon], index) => {
    const charge = `${study}/evaluate-${index}`;
    const event = discreteLaplaceEvent(1, Number(epsilon), 1);
    const reserved = { kind: "reserved", charge, ...where, study, event };
    return [LedgerBody.parse(reserved), LedgerBody.parse({ kind: "acting", charge })];
  });
  opened.ledger.append(
    bodies,
    () => undefined,
    () => undefined,
  );
  opened.close();
}
