import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { AxeBuilder } from "@axe-core/playwright";
import { StudyName } from "@consilium/shared/units/identity";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { findChromium, launchChromium } from "./support/chromium.ts";
import { ENDED_EARLY, PAUSED } from "./support/fixtures.ts";
import { LOGIN_TOKEN, MockCoordinator } from "./support/mockCoordinator.ts";

const chromium = findChromium();
if (chromium === undefined)
  process.stderr.write("No Chromium here: the browser tests are skipped (apt-get install chromium).\n");

const built = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "coordinator", "dashboard", "dist");
const STUDY = "/studies/heart-disease";

describe.skipIf(chromium === undefined)("the dashboard in Chromium", () => {
  let coordinator: MockCoordinator;
  let address: string;
  let browser: Browser;
  let context: BrowserContext;

  beforeAll(async () => {
    browser = await launchChromium(chromium ?? "");
  });
  afterAll(() => browser?.close());

  beforeEach(async () => {
    coordinator = new MockCoordinator(built);
    address = await coordinator.start();
  });
  afterEach(async () => {
    await context.close();
    await coordinator.stop();
  });

  async function open(path: string): Promise<Page> {
    context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" });
    const page = await context.newPage();
    await page.goto(address + path);
    return page;
  }

  test("a one-time link signs in, leaves no token in the address, and works once", async () => {
    coordinator.signedIn = false;
    const page = await open(`/login#${LOGIN_TOKEN}`);
    await page.getByRole("heading", { level: 1, name: "heart-disease" }).waitFor();
    expect(page.url()).toBe(`${address}/`);

    coordinator.signedIn = false;
    await page.goto(`${address}/login#used`);
    await page.getByRole("alert").waitFor();
    expect(await page.getByRole("alert").textContent()).toContain("This link was used already.");
    expect(page.url()).toBe(`${address}/login`);
  });

  test("without a session every page leads to the login page and asks for nothing else", async () => {
    coordinator.signedIn = false;
    const page = await open("/budget");
    await page.getByRole("heading", { name: "Sign in to Consilium" }).waitFor();
    expect(new Set(coordinator.asked)).toEqual(new Set(["/api/session"]));
  });

  test("the overview shows rounds, sites, ε against caps and what needs a person", async () => {
    const page = await open("/");
    const figure = (name: string) => page.getByRole("region", { name, exact: true });
    await figure("Highest ε of any site").getByText("2.54 of 4.00").waitFor();
    expect(await figure("Training rounds").textContent()).toContain("37 / 60");
    expect(await figure("Sites connected").textContent()).toContain("3 / 4");
    expect(await figure("Validation AUC").textContent()).toContain("0.884");
    expect(await figure("Needs attention").textContent()).toContain("switzerland is not connected.");
    const bars = await page.getByRole("img", { name: /^ε spent/ }).getAttribute("aria-label");
    expect(bars).toContain("cleveland 2.54 of 4.00; hungarian 2.54 of 5.00");
    const strip = await page.getByRole("img", { name: /^Of the last/ }).getAttribute("aria-label");
    expect(strip).toContain("switzerland answered 34");
  });

  test("a notice from the coordinator brings the new state without a reload", async () => {
    const page = await open("/");
    await page.getByText("Live · last event").waitFor();
    await page.getByText("37 / 60").waitFor();
    coordinator.stage = "released";
    for (const topic of ["studies", "round", "audit", "releases"] as const) {
      coordinator.notify({
        at: "2026-05-04T09:02:00.000Z",
        topic,
        study: topic === "releases" ? null : StudyName.parse("heart-disease"),
      });
    }
    await page.getByText("60 / 60").waitFor();
    await page.getByText("passed the gate").waitFor();
    await page.getByText("consilium verify releases/heart-disease --key consortium.pub").waitFor();
  });

  test("a change during a page's first look is not lost to an answer that was made before it", async () => {
    coordinator.held = `/api${STUDY}/round`;
    const page = await open("/");
    await page.getByText("Live · last event").waitFor();
    await page.getByText("37 / 60").waitFor();
    const looks = () => coordinator.asked.filter((path) => path === `/api${STUDY}/rounds`).length;
    const before = looks();
    coordinator.stage = "released";
    coordinator.notify({ at: "2026-05-04T09:02:00.000Z", topic: "round", study: StudyName.parse("heart-disease") });
    await expect.poll(looks).toBeGreaterThan(before);
    coordinator.letGo();
    await page.getByText("60 / 60").waitFor();
  });

  test("a study that ended early says so, with round, metric and rule; what noise hides is named, not left out", async () => {
    coordinator.stage = "ended-early";
    const page = await open("/");
    await page.getByText(ENDED_EARLY).waitFor();
    const figure = (name: string) => page.getByRole("region", { name, exact: true });
    expect(await figure("Training rounds").textContent()).toContain("ended early; the study is released");
    expect(await figure("All studies").textContent()).toContain("30 of 60, ended early");
    expect(await figure("Validation AUC").textContent()).toContain("hidden by noise");
    await page.getByText("Hidden by noise: AUC after round 30.").waitFor();
    await page.getByRole("img", { name: /^Validation metrics at 3 rounds.*: AUC hidden by noise$/ }).waitFor();
    await page.goto(`${address}${STUDY}/audit`);
    await page.getByRole("region", { name: "Verdict" }).getByText(ENDED_EARLY).waitFor();
  });

  test("a paused study names who was missing and the command that goes on", async () => {
    coordinator.stage = "paused";
    const page = await open("/");
    const attention = page.getByRole("region", { name: "Needs attention" });
    await attention.getByText(`Paused: ${PAUSED}.`).waitFor();
    await attention.getByText("consilium study resume heart-disease --data /srv/consilium").waitFor();
  });

  test("every privacy figure says why it is what it is", async () => {
    const page = await open("/");
    await page.getByRole("button", { name: "Why? The site that spent most" }).click();
    const reason = page.getByRole("dialog");
    await reason.getByText("no patient is at two sites").waitFor();
    await page.keyboard.press("Escape");
    await reason.waitFor({ state: "hidden" });
  });

  test("a plot is downloaded as drawing and as data", async () => {
    const page = await open("/");
    await page
      .getByRole("img", { name: /^Validation metrics at 3 rounds/ })
      .locator("svg")
      .waitFor();
    const save = async (item: string) => {
      await page.getByRole("button", { name: "Download: Validation metrics" }).click();
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("menuitem", { name: item }).click(),
      ]);
      return readFileSync(await download.path(), "utf8");
    };
    expect(await save("Data (CSV)")).toMatch(/^round,auc,auc low,auc high,.*\r\n10,0\.792,/);
    const drawing = await save("Drawing (SVG)");
    expect(drawing).toMatch(/^<svg[^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(drawing).not.toContain("var(--");
  });

  test("each page has its own title, and a study that was not audited is not asked for its audit", async () => {
    const titles: string[] = [];
    for (const path of ["/login", "/", `${STUDY}/audit`, "/sites", "/budget", "/requests", "/plan", "/nowhere"]) {
      const page = await open(path);
      await page.getByRole("heading", { level: 1 }).waitFor();
      titles.push(await page.title());
      await context.close();
    }
    expect(titles).toEqual([
      "Sign in – Consilium",
      "heart-disease – Consilium",
      "Audit and release – Consilium",
      "Sites – Consilium",
      "Budget and ledger – Consilium",
      "Requests – Consilium",
      "Plan – Consilium",
      "There is no such page – Consilium",
    ]);
    expect(coordinator.asked).not.toContain("/api/studies/heart-disease/audit");
  });

  test("every release of the consortium is told with who signed it, what overrode its gate, and why it was revoked", async () => {
    coordinator.stage = "released";
    const page = await open(`${STUDY}/audit`);
    const card = page.getByRole("region", { name: "Release", exact: true });
    await card.getByText("signed by coordinator, cleveland").waitFor();
    expect(await card.getByText("released", { exact: true }).count()).toBe(1);
    const all = page.getByRole("region", { name: "All releases" });
    const revoked = all.getByRole("row").filter({ hasText: "heart-disease-pilot" });
    expect(await revoked.textContent()).toContain(
      "Revoked: one site's labels were wrong Auditor koch: Only 58 patients",
    );
    const curve = page.getByRole("img", { name: /^ROC of the membership attacks/ });
    const before = await curve.screenshot();
    await page.getByLabel(/^Logarithmic axes/).check();
    await expect.poll(async () => Buffer.compare(before, await curve.screenshot())).not.toBe(0);
  });

  test("the study that was chosen stays chosen on pages of no one study, and after a reload", async () => {
    const page = await open("/");
    const chosen = page.getByLabel("Study", { exact: true }).and(page.locator("input"));
    await chosen.click();
    await page.getByRole("option", { name: "heart-disease-pilot" }).click();
    for (const link of ["Sites", "Budget and ledger"]) {
      await page.getByRole("link", { name: link }).click();
      await page.getByRole("heading", { level: 1, name: link }).waitFor();
      expect(await chosen.inputValue()).toBe("heart-disease-pilot");
    }
    await page.reload();
    await page.getByRole("heading", { level: 1, name: "Budget and ledger" }).waitFor();
    expect(await chosen.inputValue()).toBe("heart-disease-pilot");
    await page.getByRole("link", { name: "Overview" }).click();
    expect(new URL(page.url()).pathname).toBe("/studies/heart-disease-pilot");
  });

  test("beside a long text the sign keeps its size, and a table that goes on sideways shows it", async () => {
    const page = await open("/");
    await page.setViewportSize({ width: 800, height: 800 });
    const sign = page.getByRole("region", { name: "Needs attention" }).locator("svg").first();
    expect(await sign.boundingBox()).toMatchObject({ width: 18, height: 18 });
    await page.goto(`${address}/sites`);
    await page.getByRole("table").first().waitFor();
    const shadow = `getComputedStyle(document.querySelector("table").closest("[tabindex='0']")).backgroundImage`;
    expect(await page.evaluate(shadow)).toContain("linear-gradient");
  });

  test("a study file is planned as one types, and a fault leads to its line", async () => {
    const page = await open("/plan");
    await page.getByRole("img", { name: /^ε by round: after 60 rounds and the audit/ }).waitFor();
    const file = page.getByLabel("study.yaml", { exact: true });
    await file.fill("name: heart-disease\nprivacy:\n  epsilon: -4\n");
    const faults = page.getByRole("region", { name: "Faults" });
    await faults.getByText("must be > 0 (got -4)").waitFor();
    await faults.getByRole("button", { name: "study.yaml, line 3" }).click();
    const selected = "(({ value, selectionStart, selectionEnd }) => value.slice(selectionStart, selectionEnd))";
    expect(await page.evaluate(`${selected}(document.activeElement)`)).toBe("  epsilon: -4");
    expect(await page.getByRole("region", { name: "Plan", exact: true }).count()).toBe(0);
    await file.fill("name: heart-disease\n");
    await page.getByText("fits its ε").waitFor();
  });

  test("a plan that takes long says so beside the one before; one that is refused says why and is asked for again", async () => {
    const page = await open("/plan");
    await page.getByText("fits its ε").waitFor();
    const file = page.getByLabel("study.yaml", { exact: true });
    coordinator.planMs = 3000;
    await file.fill("name: heart-disease-slow\n");
    await page.getByRole("status").getByText("Working it out").waitFor();
    await page.getByText("Below: of the text as it was before.").waitFor();
    await page.getByText("fits its ε").waitFor();
    await page.getByText("Below: of the text as it was before.").waitFor({ state: "detached" });
    coordinator.planMs = 0;
    coordinator.planIsLate = true;
    await file.fill("name: heart-disease-refused\n");
    await page.getByRole("alert").getByText("Wait a minute, then try again.").waitFor();
    await page.getByText("fits its ε").waitFor();
    coordinator.planIsLate = false;
    await page.getByRole("alert").waitFor({ state: "detached" });
    expect(await page.getByText("Below: of the text").count()).toBe(0);
  });

  test("where noise hides every metric, a sentence says so in the plot's place", async () => {
    coordinator.stage = "hidden-by-noise";
    const page = await open("/");
    const plot = page.getByRole("region", { name: "Validation metrics" });
    await plot.getByText("Noise hides every metric so far, after round 10, 20, 30 (too few patients").waitFor();
    expect(await plot.getByRole("img").count()).toBe(0);
  });

  test("the Budget page begins with four figures, each of which leads to its part", async () => {
    const page = await open("/budget");
    const figure = (name: string) => page.getByRole("region", { name, exact: true });
    await figure("Nearest to its cap").getByText("cleveland: 2.45 of 3.00 over a calendar year").waitFor();
    await figure("Studies that wait").getByText("chest-pain would pass a limit at 1 of 4 data sets").waitFor();
    await figure("Ledger").first().getByText("heads of 4 sites' own ledgers seen").waitFor();
    await figure("Nearest to its cap").getByRole("link").click();
    const isSeen = `document.querySelector("#caps").getBoundingClientRect().top < window.innerHeight`;
    await expect.poll(() => page.evaluate(isSeen)).toBe(true);
    const caps = figure("Caps");
    expect(await caps.getByRole("row", { name: /^switzerland/ }).textContent()).toContain("withdrawn since");
    expect(await caps.getByRole("row", { name: /^hungarian/ }).textContent()).toMatch(/May \d, 2026/);
  });

  test("who shares patients, and what such a patient pays, is told with budgets, with a plan and with a request", async () => {
    const page = await open("/budget");
    const shared = page.getByRole("region", { name: "Patients at several sites" });
    expect(
      await shared
        .first()
        .getByRole("row", { name: /^cleveland/ })
        .textContent(),
    ).toContain("3.52");
    const words =
      "cleveland and va-long-beach share patients. One at both pays ε = 3.52 over all studies now, 5.07 with it";
    await page.getByRole("region", { name: "What if", exact: true }).getByText(words).waitFor();
    await page.goto(`${address}/requests`);
    await page.getByRole("region", { name: "chest-pain" }).getByText(words).waitFor();
  });

  test("on a telephone every column of a table is on the screen, under its name", async () => {
    const page = await open("/requests");
    await page.setViewportSize({ width: 390, height: 800 });
    const row = page.getByRole("region", { name: "chest-pain" }).getByRole("row", { name: /^switzerland/ });
    await row.waitFor();
    const cells = await row.getByRole("cell").all();
    expect(cells.length).toBeGreaterThan(5);
    const rightmost = async () => {
      const boxes = await Promise.all(cells.map((cell) => cell.boundingBox()));
      return Math.max(...boxes.map((box) => (box === null ? Number.POSITIVE_INFINITY : box.x + box.width)));
    };
    // The shell's margins take some tenths of a second to their new places.
    await expect.poll(rightmost).toBeLessThanOrEqual(390);
    const name = `getComputedStyle(document.querySelector("td[data-label='ε with it']"), "::before").content`;
    expect(await page.evaluate(name)).toContain("ε with it");
    // The badge stands apart from its figure, beside it or below.
    const gap = `getComputedStyle([...document.querySelectorAll(".state")].find(({ textContent }) =>
      textContent === "passes the cap").parentElement).gap`;
    expect(Number.parseFloat(String(await page.evaluate(gap)))).toBeGreaterThan(4);
  });

  test("a budget is told apart by study in order of charging; what is chosen stands in the address", async () => {
    const page = await open("/budget");
    const plot = page.getByRole("img", { name: /^ε over time, cleveland, training patients: 2.89 of 4.00 after 49/ });
    await plot.locator("svg").waitFor();
    expect(await plot.getAttribute("aria-label")).toContain("heart-disease-pilot, training 1.45, heart-disease");
    const fall = page.getByRole("img", { name: /^What raised ε, cleveland, training patients: / });
    expect(await fall.getAttribute("aria-label")).toContain("all 2.89; cap 4.00");
    await page.getByRole("button", { name: "Why? How ε is told apart" }).first().click();
    await page.getByRole("dialog").getByText("in another order the increments would be others").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("radiogroup").getByText("Validation", { exact: true }).click();
    await page.getByRole("img", { name: /^ε over time, cleveland, validation patients: / }).waitFor();
    await page.getByLabel("Data set", { exact: true }).and(page.locator("input")).click();
    await page.getByRole("option", { name: "switzerland: switzerland-heart" }).click();
    await page.getByLabel("Charges of").and(page.locator("input")).click();
    await page.getByRole("option", { name: "heart-disease-pilot", exact: true }).click();
    const alone = /^ε over time, switzerland, validation patients, heart-disease-pilot alone: /;
    await page.getByRole("img", { name: alone }).waitFor();
    const { searchParams } = new URL(page.url());
    expect(Object.fromEntries(searchParams)).toMatchObject({
      site: "switzerland",
      part: "validation",
      of: "heart-disease-pilot",
    });
    await page.reload();
    await page.getByRole("img", { name: alone }).waitFor();
  });

  test("caps of every kind are tabled, and what was noticed of them is told", async () => {
    const page = await open("/budget");
    const year = page.getByRole("region", { name: "Caps" }).getByRole("row", { name: /a calendar year/ });
    expect(await year.textContent()).toContain("80 % reached");
    const notices = page.getByRole("region", { name: "Notices" });
    await notices.getByText("cleveland: ε = 2.41 of 3.00 over a calendar year is spent or reserved").waitFor();
  });

  test("what a waiting study would cost is drawn and tabled, with the rounds that fit where all don't", async () => {
    const page = await open("/budget");
    const whatIf = page.getByRole("region", { name: "What if", exact: true });
    await whatIf.getByRole("heading", { name: "If all of chest-pain were done" }).waitFor();
    await whatIf.getByText("24 of 40 rounds").waitFor();
    await whatIf.getByText("would pass the data set's cap over all studies").waitFor();
    expect(await whatIf.getByRole("row", { name: /^switzerland/ }).textContent()).toContain("4.61");
  });

  test("a request shows each hospital's answer with its reason, and can be narrowed to those not begun", async () => {
    const page = await open("/requests");
    const request = page.getByRole("region", { name: "chest-pain" });
    await request.getByText("1 approved, 1 refused, 1 counter-offered, 1 waiting").waitFor();
    const row = await request.getByRole("row", { name: /^hungarian/ }).textContent();
    expect(row).toContain("refused");
    expect(row).toContain("the purpose is not in our policy");
    expect(await request.getByRole("row", { name: /^switzerland/ }).textContent()).toContain("passes the cap");
    expect(await request.getByRole("row", { name: /^switzerland/ }).textContent()).toContain("offers ε = 1.5");
    await request.getByText("consilium-site study approve chest-pain --data DIR").waitFor();
    await request.getByText("consilium study revise chest-pain --data /srv/consilium").waitFor();
    await page.getByText("Not begun", { exact: true }).click();
    await page.getByRole("region", { name: "heart-disease" }).waitFor({ state: "detached" });
    expect(new URL(page.url()).searchParams.get("show")).toBe("open");
  });

  test("a budget that can't be read says so in its place, and the rest of the page stays", async () => {
    coordinator.failing = "/api/budgets/history";
    const page = await open("/budget");
    await page.getByRole("alert").getByText("There is none yet.").waitFor();
    await page.getByRole("heading", { name: "Parts of each data set" }).waitFor();
  });

  test("text from the ledger is shown as text", async () => {
    const page = await open("/budget");
    await page.getByText("hungarian: round/late: <b>after</b> the deadline").waitFor();
  });

  test("the plot library loads only where there is a plot", async () => {
    const page = await open("/sites");
    await page.getByText("37 of 37").first().waitFor();
    const loaded = () => page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));
    expect((await loaded()).filter((name) => name.includes("charts"))).toEqual([]);
    await page.getByRole("link", { name: "Overview" }).click();
    await page
      .getByRole("img", { name: /^Validation metrics/ })
      .locator("svg")
      .waitFor();
    expect((await loaded()).filter((name) => name.includes("charts"))).toHaveLength(1);
  });

  test.each([
    ["/", "consilium study propose study.yaml --data /srv/consilium"],
    ["/audit", "consilium study propose study.yaml --data /srv/consilium"],
    ["/sites", "consilium ca invite SITE --data /srv/consilium"],
    ["/requests", "consilium study propose study.yaml --data /srv/consilium"],
    ["/budget", "consilium-site budget cap DATASET --epsilon 4 --delta 1e-4 --data DIR"],
  ])("with nothing there yet, %s names the next command", async (path, command) => {
    coordinator.stage = "empty";
    const page = await open(path);
    await page.getByText(command, { exact: true }).waitFor();
  });

  const pages = [
    ["/", "training"],
    ["/", "released"],
    ["/", "paused"],
    ["/", "ended-early"],
    ["/", "hidden-by-noise"],
    [`${STUDY}/audit`, "released"],
    [`${STUDY}/audit`, "training"],
    ["/sites", "training"],
    ["/budget", "training"],
    ["/budget", "released"],
    ["/requests", "training"],
    ["/plan", "training"],
    ["/", "empty"],
  ] as const;
  test.each(pages)(
    "WCAG AA in both colour schemes, nothing wider than a telephone, nothing from elsewhere: %s, %s",
    async (path, stage) => {
      coordinator.stage = stage;
      const page = await open("/login");
      const foreign: string[] = [];
      const complaints: string[] = [];
      page.on("request", (request) => {
        if (!request.url().startsWith(address) && !request.url().startsWith("data:")) foreign.push(request.url());
      });
      page.on("console", (line) => {
        if (line.type() === "error") complaints.push(line.text());
      });
      page.on("pageerror", (error) => complaints.push(error.message));
      await page.goto(address + path);
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
      // The shell's margins take some tenths of a second to their new places.
      const beyond = () => page.evaluate("document.documentElement.scrollWidth - window.innerWidth");
      await expect.poll(beyond).toBe(0);
      expect({ foreign, complaints }).toEqual({ foreign: [], complaints: [] });
    },
  );
});

const COLOURS_THERE =
  "Promise.allSettled(document.getAnimations().flatMap((one) => one instanceof CSSTransition ? [one.finished] : []))";
const WCAG_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"];
