import { once } from "node:events";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Consortium } from "../../simulation/processes/consortium.mjs";
import { recordsOf, writeStudy } from "../support/studyFile.ts";

const SITES = ["cleveland", "va"];
const ENDED = ["released", "rejected"];
const REASON = "the disk broke; this is the newest copy";

/** An older copy of a real database is put back, first the coordinator's, then a site's; what was spent stays spent. */
describe("[LED13] a ledger restored from an older copy", () => {
  const folder = mkdtempSync(join(tmpdir(), "consilium-restore-"));
  const consortium = new Consortium(folder);
  const { processes } = consortium;
  const databaseOf = (name: string): string =>
    name === "coordinator"
      ? join(consortium.coordinatorFolder, "coordinator.db")
      : join(consortium.siteFolder(name), "site.db");

  beforeAll(async () => {
    await consortium.createCoordinator();
    for (const name of SITES) {
      await consortium.enrol(name, { records: recordsOf("heart", name), dataset: "heart", epsilon: 40, delta: 1e-4 });
      await consortium.startSite(name);
    }
    await trained("before");
    for (const name of ["coordinator", "va"]) {
      await stopped(name);
      copyFileSync(databaseOf(name), join(folder, `${name}.copy`));
      await started(name);
    }
    await trained("lost");
  });

  afterAll(async () => {
    await consortium.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("the coordinator's: nothing begins until both sides accepted it, and sites' charges count from the start", async () => {
    const spent = await spentAt("va");
    await putBack("coordinator");
    await until(async () => (await verify()).lost.length === SITES.length);
    const refused = await processes.run("consilium", [
      "study",
      "start",
      "before",
      "--data",
      consortium.coordinatorFolder,
    ]);
    expect(refused.stderr).toContain("older copy");
    await until(async () => (await verify()).lost.every(({ what }) => what.includes("is spent here by now")));
    // What acted at the sites since the copy was made is known again before anybody accepts anything.
    expect(await spentAt("va")).toBeGreaterThanOrEqual(spent * (1 - 1e-9));
    const early = await processes.run("consilium-site", [...acceptance, "--data", consortium.siteFolder("va")]);
    expect(early.stderr).toContain("has not accepted that");

    const { accepted } = await consortium.consilium(acceptance);
    expect(accepted).toHaveLength(SITES.length);
    for (const name of SITES) expect((await consortium.site(name, sure)).accepted).toHaveLength(1);
    await until(async () => (await verify()).lost.length === 0);
    await trained("after");
    await expectAgreement("first");
  });

  test("a site's: it takes part in nothing until it counts again what the coordinator counts, and both accepted it", async () => {
    const spent = await spentAt("va");
    await putBack("va");
    await until(async () => (await consortium.site("va", ["status"])).apart !== null);
    // A budget that may lack charges says so wherever it is looked at.
    expect((await consortium.site("va", ["budget", "show"])).apart.what).toContain("older copy");
    const looked = await processes.run("consilium-site", ["budget", "verify", "--data", consortium.siteFolder("va")]);
    expect([looked.code, looked.stderr]).toEqual([4, expect.stringContaining("older copy")]);
    const asked = await processes.run("consilium-site", [...acceptance, "--data", consortium.siteFolder("va")]);
    expect([asked.code, asked.stderr]).toEqual([
      2,
      expect.stringMatching(/va's ledger would go on .*\d+ charges would be counted .*freezes.*--yes/s),
    ]);
    expect((await consortium.site("va", ["status"])).apart).not.toBeNull();
    const { accepted, recovered } = await consortium.site("va", sure);
    expect(accepted).toHaveLength(1);
    expect(recovered).toBeGreaterThan(0);
    const own = (await consortium.site("va", ["budget", "show"])).datasets[0].spending.epsilon;
    expect(own).toBeGreaterThanOrEqual(spent * (1 - 1e-9));
    await until(async () => (await verify()).lost.some(({ what }) => what.includes("all that we know of is spent")));
    expect((await consortium.consilium(acceptance)).waiting).toEqual([]);
    await until(async () => (await verify()).lost.length === 0);
    await until(async () => (await consortium.site("va", ["status"])).apart === null);
    await trained("again");
    await expectAgreement("second");
  });

  const sure = ["budget", "accept-restore", "--reason", REASON, "--yes"];
  const acceptance = ["budget", "accept-restore", "--reason", REASON];

  async function trained(name: string): Promise<void> {
    const set = {
      "training.rounds": 3,
      "training.minSites": 2,
      "training.answerAfter": "300ms",
      "training.deadline": "60s",
      "evaluation.every": "3 rounds",
      "privacy.noiseMultiplier": 3,
      "audit.gates.maxAttackAucUpper": 1,
    };
    await consortium.beginStudy(writeStudy("heart", folder, { name, sites: SITES, set }), name, "heart", SITES);
    await consortium.reached(name, ENDED);
  }

  async function stopped(name: string): Promise<void> {
    const child = name === "coordinator" ? consortium.coordinator : consortium.sites.get(name);
    if (child === undefined) throw new Error(`${name} doesn't run`);
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    await gone;
  }

  async function started(name: string): Promise<void> {
    if (name === "coordinator") await consortium.startCoordinator();
    else await consortium.startSite(name);
  }

  async function putBack(name: string): Promise<void> {
    await stopped(name);
    for (const ending of ["-wal", "-shm"]) rmSync(databaseOf(name) + ending, { force: true });
    expect(existsSync(join(folder, `${name}.copy`))).toBe(true);
    copyFileSync(join(folder, `${name}.copy`), databaseOf(name));
    await started(name);
  }

  /** Also where something is lost: then the command ends with a failure, and says what. */
  async function verify(): Promise<{ lost: readonly { site: string; what: string }[] }> {
    const { stdout } = await processes.run("consilium", [
      ...["budget", "verify", "--json", "--data", consortium.coordinatorFolder],
    ]);
    return JSON.parse(stdout);
  }

  async function spentAt(site: string): Promise<number> {
    const { budgets } = await consortium.consilium(["budget", "show"]);
    return budgets.find((budget: { site: string }) => budget.site === site).spentEpsilon;
  }

  /** Both sides' exports, held against each other by whoever has the public key. */
  async function expectAgreement(round: string): Promise<void> {
    const file = (name: string): string => join(folder, `${round}-${name}.jsonl`);
    await consortium.consilium(["budget", "export", "--to", file("coordinator")]);
    for (const name of SITES) await consortium.site(name, ["budget", "export", "--to", file(name)]);
    const { stdout, stderr } = await processes.run("consilium", [
      ...["budget", "verify", "--json", "--export", file("coordinator"), "--key", consortium.publicKey],
      ...["--site-export", ...SITES.map(file)],
    ]);
    expect(JSON.parse(stdout), stderr).toMatchObject({ verified: true });
  }
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries === 100) throw new Error("waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
