import { readdir, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AxeBuilder } from "@axe-core/playwright";
import { LedgerBody } from "@consilium/shared/ledger/entry";
import { discreteLaplaceEvent } from "@consilium/shared/mechanism/discreteLaplace";
import { signerOf, signStatement } from "@consilium/shared/signing/ed25519";
import { studyDigest } from "@consilium/shared/study/digest";
import { StudyDocument } from "@consilium/shared/study/document";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import {
  heartStudy,
  inDatabase,
  type JoinedSite,
  joinedSite,
  PASSWORD,
} from "@consilium/site-agent/command/joinedSite.test-support";
import { add } from "@consilium/site-agent/command/steward";
import { openSite } from "@consilium/site-agent/control/site";
import { type RunningPage, servePage } from "@consilium/site-agent/http/server";
import { PageSession } from "@consilium/site-agent/http/session";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { findChromium, launchChromium } from "./support/chromium.ts";

const chromium = findChromium();
if (chromium === undefined)
  process.stderr.write("No Chromium here: the browser tests are skipped (apt-get install chromium).\n");

const SECOND_PASSWORD = "another long password";
const COLOURS_THERE =
  "Promise.allSettled(document.getAnimations().flatMap((one) => one instanceof CSSTransition ? [one.finished] : []))";
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
    const second = join(site.root, "second");
    await writeFile(second, SECOND_PASSWORD, { mode: 0o600 });
    const steward = { passwordFile: join(site.root, "right"), isSure: true };
    await add(site.context, "Dr. Koch", { newPasswordFile: second, reason: undefined, steward });
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

  test("[CRT32] all of the page's code comes with it: none is asked for later, of whoever answers then", async () => {
    const page = await open();
    await page.getByRole("img").first().waitFor();
    const assets = fileURLToPath(new URL("../../site-agent/dashboard/dist/assets", import.meta.url));
    expect((await readdir(assets)).filter((name) => name.endsWith(".js"))).toHaveLength(1);
  });

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
    await page.getByRole("region", { name: "Cap for all studies" }).getByRole("button", { name: "Change" }).click();
    const dialog = page.getByRole("dialog", { name: "Change the cap for all studies on heart" });
    await dialog.getByLabel("ε for all studies").fill("3.5");
    await dialog.getByText("from ε = 4 to ε = 3.5 at δ = 1e-4, at once. ε = 1.00 is spent or reserved").waitFor();
    await dialog.getByLabel("Reason").fill("a smaller share");
    const password = dialog.getByLabel("The steward's password").and(page.locator("input"));
    await password.fill("a wrong password");
    await dialog.getByRole("button", { name: "Set the cap" }).click();
    await dialog.getByRole("alert").getByText("does not open the key").waitFor();
    await password.fill(PASSWORD);
    await page.keyboard.press("Enter");
    await done(page, "Cap over all studies: ε ≤ 3.5");
    await page.getByRole("img", { name: /^ε spent: heart 1\.00 of 3\.50/ }).waitFor();
  });

  test("a cap for one study is added; a raise takes another steward, who decides by their own password", async () => {
    const page = await open();
    await page.getByRole("button", { name: "Add a cap" }).click();
    const adding = page.getByRole("dialog", { name: "Another cap on heart" });
    await adding.getByLabel("Study").and(page.locator("input[type=text], input:not([type])")).last().fill("pilot");
    await adding.getByLabel("ε", { exact: true }).fill("0.8");
    await adding.getByText("The cap for study pilot: from none to ε = 0.8").waitFor();
    await confirm(page, "Set the cap", PASSWORD, "the pilot's share");
    await done(page, "Cap for study pilot: ε ≤ 0.8");
    await page
      .getByRole("region", { name: "Caps" })
      .getByRole("row", { name: /study pilot/ })
      .waitFor();

    await page.getByRole("region", { name: "Cap for study pilot" }).getByRole("button", { name: "Change" }).click();
    const raising = page.getByRole("dialog", { name: "Change the cap for study pilot on heart" });
    await raising.getByLabel("ε for study pilot").fill("1");
    await raising.getByText("once another steward has granted it; until then nothing changes").waitFor();
    await confirm(page, "Ask for it", PASSWORD, "it needs more");
    await done(page, "Nothing has changed yet");
    const raise = page.getByRole("region", { name: "Raise 1" });
    await raise.getByText("Cap for study pilot: from ε = 0.8 to ε = 1").waitFor();
    await raise.getByRole("button", { name: "Grant" }).click();
    // Whoever asked isn't among those who may grant: nobody is to choose.
    expect(await page.getByRole("dialog").getByLabel("Who decides").count()).toBe(0);
    await page.getByRole("dialog").getByText("Dr. Koch's own, for this one decision").waitFor();
    await confirm(page, "Grant", SECOND_PASSWORD, "agreed");
    await done(page, "Cap for study pilot: ε ≤ 1 on heart, from now on.");
    await raise.waitFor({ state: "detached" });
  });

  test("no password is sent to a program that took the port over when the command had ended", async () => {
    const page = await open();
    await page.getByRole("button", { name: "Freeze" }).click();
    await page.getByLabel("Reason").fill("an inspection");
    await page.getByLabel("The steward's password").and(page.locator("input")).fill(PASSWORD);
    await served.close();
    const heard: string[] = [];
    const stranger = createServer((request, response) => {
      request.on("data", (data) => heard.push(String(data)));
      heard.push(request.url ?? "");
      const view = { site: "cleveland", steward: "Dr. Bell", stewards: ["Dr. Bell"], program: "guessed" };
      const isKnown = request.url === "/api/session";
      response.writeHead(isKnown ? 200 : 404, { "content-type": "application/json" }).end(JSON.stringify(view));
    });
    await new Promise<void>((resolve) => stranger.listen(Number(new URL(served.origin).port), "127.0.0.1", resolve));
    await page.getByRole("dialog").getByRole("button", { name: "Freeze" }).click();
    await page.getByText("Close this tab and type no password into it").first().waitFor();
    await page.getByRole("heading", { name: "Budgets" }).waitFor({ state: "detached" });
    expect(heard).toContain("/api/session");
    expect(heard.filter((one) => one.includes("decide") || one.includes(PASSWORD))).toEqual([]);
    stranger.closeAllConnections();
    await new Promise((resolve) => stranger.close(resolve));
  });

  test("two sites' pages in one browser don't sign each other out; whoever signs out sees nothing more", async () => {
    const page = await open();
    const other = new PageSession(operatingSystemRandom, () => new Date());
    const second = await servePage({ context: site.context, session: other, port: 0 });
    const tab = await context.newPage();
    await tab.goto(`${second.origin}/login#${other.token}`);
    await tab.getByRole("heading", { level: 1, name: "Budgets" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { level: 1, name: "Budgets" }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "This hospital's own page" }).waitFor();
    await page.goto(`${served.origin}/requests`);
    await page.getByRole("heading", { name: "This hospital's own page" }).waitFor();
    await tab.reload();
    await tab.getByRole("heading", { level: 1, name: "Budgets" }).waitFor();
    await second.close();
  });

  test("[DAT36] data: what is registered, and a report made at the site that stays there, its owner's alone", async () => {
    const page = await open();
    await page.getByRole("link", { name: "Data" }).click();
    const heart = page.getByRole("region", { name: "heart", exact: true });
    await heart.getByText("table, ").waitFor();
    await heart.getByText("Nothing.").waitFor();
    await heart.getByRole("button", { name: "Make the report" }).click();
    const report = heart.getByRole("region", { name: "Report through heart-disease" });
    // Its sweep of noise takes a second, and many where others use the processor too.
    await report.getByText(/303 records of 303 patients/).waitFor({ timeout: 120_000 });
    await report.getByRole("row", { name: /^chol 100 to 400/ }).waitFor();
    await report.getByRole("img", { name: "How far a sanitized record is from the original" }).waitFor();
    const drawn = () => page.evaluate("document.querySelector('img[alt^=\"How far\"]').naturalWidth > 0");
    await expect.poll(drawn).toBe(true);
    const file = join(site.context.folder.reports, "heart.json");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await page.reload();
    await report.getByText(/303 records/).waitFor();
    await page.setViewportSize({ width: 390, height: 800 });
    const ledger = await page.getByRole("link", { name: "Ledger" }).boundingBox();
    expect((ledger?.x ?? 390) + (ledger?.width ?? 0)).toBeLessThanOrEqual(390);
  });

  test("a study is answered by an offer, with the figures told", async () => {
    const page = await open();
    await page.getByRole("link", { name: "Requests" }).click();
    const request = page.getByRole("region", { name: "heart-disease", exact: true });
    await request.getByRole("button", { name: "Counter-offer" }).click();
    const dialog = page.getByRole("dialog", { name: "Counter-offer to heart-disease on heart" });
    await dialog.getByLabel("ε of the whole study").fill("0.1");
    await dialog.getByText("you refuse this version of it and offer ε = 0.1").waitFor();
    await confirm(page, "Offer it", PASSWORD, "our cap");
    await dialog.getByRole("alert").getByText("No noise brings heart-disease to ε = 0.1").waitFor();
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
    await done(page, "Rejected heart-disease.");
    await request.getByText("Reason: it would pass the cap").waitFor();

    await page.getByRole("link", { name: "Ledger" }).click();
    await page.getByLabel("Search").fill("cap-set");
    await page.getByText(/^4 of \d+ entries/).waitFor();
    expect(new URL(page.url()).searchParams.get("find")).toBe("cap-set");
  });

  test("a study on sanitized records is approved with their file, which the command looks at first", async () => {
    const { clippingNorm, samplingRate, delta } = heartStudy.privacy;
    const { audit } = heartStudy;
    const document = StudyDocument.parse({
      ...heartStudy,
      name: "on-sanitized",
      privacy: {
        ...{ mechanism: "sanitized", sanitized: { promise: "record", epsilon: 20 } },
        ...{ epsilon: 2, delta, clippingNorm, samplingRate },
      },
      evaluation: { ...heartStudy.evaluation, epsilon: 0.1 },
      audit: { ...audit, epsilon: { members: 0.1, nonMembers: 0.1 } },
    });
    const digest = studyDigest(document);
    await inDatabase(site.root, (known) =>
      known.insertProposal(
        document,
        digest,
        signStatement(signerOf(new Uint8Array(32).fill(3)), "any", document),
        "2026-01-02T00:00:00Z",
      ),
    );
    const page = await open();
    await page.getByRole("link", { name: "Requests" }).click();
    const request = page.getByRole("region", { name: "on-sanitized", exact: true });
    await request.getByText("on sanitized records, q =").waitFor();
    await request.getByRole("button", { name: "Approve" }).click();
    const dialog = page.getByRole("dialog", { name: "Approve on-sanitized on heart" });
    const button = dialog.getByRole("button", { name: "Approve", exact: true });
    await dialog.getByLabel("The steward's password").and(page.locator("input")).fill(PASSWORD);
    expect(await button.isDisabled()).toBe(true);
    await dialog.getByLabel("Sanitized file").fill(site.records);
    await button.click();
    await dialog.getByRole("alert").getByText("can't stand in for the data set: there is no manifest").waitFor();
  });

  test.each(["/", "/requests", "/data", "/ledger"])(
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
        // Colours may still be on their way from one scheme to the other.
        await page.evaluate(COLOURS_THERE);
        const { violations } = await new AxeBuilder({ page }).withTags(WCAG_AA).analyze();
        expect(violations.map(({ id, nodes }) => [colorScheme, id, nodes.map(({ html }) => html)])).toEqual([]);
      }
      await page.setViewportSize({ width: 390, height: 800 });
      const beyond = () => page.evaluate("document.documentElement.scrollWidth - window.innerWidth");
      await expect.poll(beyond).toBe(0);
      expect({ foreign, complaints }).toEqual({ foreign: [], complaints: [] });
    },
  );
});

async function confirm(page: Page, button: string, password: string, reason: string): Promise<void> {
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Reason").fill(reason);
  await dialog.getByLabel("The steward's password").and(page.locator("input")).fill(password);
  await dialog.getByRole("button", { name: button, exact: true }).click();
}

/** What the command said, closed. */
async function done(page: Page, words: string): Promise<void> {
  const dialog = page.getByRole("dialog", { name: "Done" });
  await dialog.getByText(words).waitFor();
  await dialog.getByRole("button", { name: "Close" }).last().click();
  await dialog.waitFor({ state: "detached" });
}

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
