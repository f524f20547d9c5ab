import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Consortium } from "../../simulation/processes/consortium.mjs";
import { recordsOf, writeStudy } from "../support/studyFile.ts";

const SITES = ["cleveland", "hungarian"];
const Made = z.object({ publicKey: z.string() });
const Releases = z.object({ releases: z.array(z.looseObject({ study: z.string(), manifest: z.string() })) });

const Ready = z.object({ link: z.string() });
const Cards = z.object({
  releases: z.array(
    z.object({
      release: z.object({ study: z.string(), manifest: z.string() }),
      look: z
        .object({
          epsilon: z.object({ own: z.number(), promised: z.number() }),
          checks: z.array(z.object({ name: z.string(), passed: z.boolean() })),
        })
        .nullable(),
    }),
  ),
});

describe("[REL17, REL18] releases are signed, refused and revoked over the sites' own links, with real processes", () => {
  const folder = mkdtempSync(join(tmpdir(), "consilium-answers-"));
  const consortium = new Consortium(folder);
  const at = (name: string): string => join(folder, name);
  const run = (command: "consilium" | "consilium-site", args: string[]) => consortium.processes.run(command, args);
  const releaseAt = async (site: string, study: string) => {
    const { releases } = Releases.parse(await consortium.site(site, ["release", "list"]));
    return releases.find((release) => release.study === study);
  };
  /** Resolves once the site's list says so of the study's release. */
  const until = async (site: string, study: string, expected: object): Promise<void> => {
    for (let tries = 0; tries < 100; tries++) {
      const found = await releaseAt(site, study);
      if (Object.entries(expected).every(([name, value]) => JSON.stringify(found?.[name]) === JSON.stringify(value)))
        return;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(await releaseAt(site, study)).toMatchObject(expected);
  };
  const answer = (site: string, study: string, ...more: string[]) =>
    consortium.steward(site, ["release", "answer", study, "--yes", ...more]);

  /** As a browser does: the link signs in, the card is looked at, the steward's password decides. */
  const signOnPage = async (site: string, study: string): Promise<void> => {
    const command = ["page", "--data", consortium.siteFolder(site)];
    const { child, ready } = await consortium.processes.start("consilium-site", command, at("page.log"));
    const link = new URL(Ready.parse(ready).link);
    const ask = async (path: string, headers: Record<string, string>, content?: object) => {
      const sent = { headers: { "content-type": "application/json", ...headers } };
      const body = content === undefined ? {} : { method: "POST", body: JSON.stringify(content) };
      const reply = await fetch(new URL(path, link), { ...sent, ...body });
      return { cookie: reply.headers.get("set-cookie")?.split(";")[0] ?? "", view: await reply.json() };
    };
    const login = await ask("/api/login", {}, { token: link.hash.slice(1) });
    const headers = { cookie: login.cookie, "x-consilium-page": z.object({ page: z.string() }).parse(login.view).page };
    const { releases } = Cards.parse((await ask("/api/releases", headers)).view);
    const card = releases.find(({ release }) => release.study === study);
    expect(card?.look?.checks.filter(({ passed }) => !passed)).toEqual([]);
    expect(card?.look?.epsilon.own).toBeGreaterThan(1);
    expect(card?.look?.epsilon.own).toBeCloseTo(card?.look?.epsilon.promised ?? 0, 9);
    const password = readFileSync(join(folder, `${site}.steward-password`), "utf8");
    const decision = { action: "sign-release", study, manifest: card?.release.manifest, password };
    const { view } = await ask("/api/decide", headers, decision);
    expect(JSON.stringify(view)).toContain(`This site signed the release of ${study}`);
    await killed(child);
  };

  beforeAll(async () => {
    await consortium.createCoordinator();
    const made = await run("consilium", ["audit", "key", "--out", at("koch.key"), "--json"]);
    const { publicKey } = Made.parse(JSON.parse(made.stdout));
    const study = (name: string): string => {
      const file = writeStudy("heart", folder, {
        name,
        sites: SITES,
        set: {
          ...{ "training.rounds": 4, "training.minSites": 2, "evaluation.every": "4 rounds", "privacy.epsilon": 4 },
          ...{ "audit.attacks": ["loss"], "audit.epsilon": { members: 3, nonMembers: 3 } },
          "release.signatures": { sites: 2, auditors: [{ name: "koch", key: publicKey }], fromAuditors: 0 },
        },
      });
      writeFileSync(file, readFileSync(file, "utf8").replace(/maxAttackAucUpper: [\d.]+/, "maxAttackAucUpper: 1"));
      return file;
    };
    for (const site of SITES) {
      await consortium.enrol(site, { records: recordsOf("heart", site), dataset: "heart", epsilon: 12, delta: 1e-4 });
      await consortium.startSite(site);
    }
    for (const name of ["agreed", "refused"]) {
      await consortium.beginStudy(study(name), name, "heart", SITES);
      await consortium.reached(name, ["signing", "rejected", "paused"]);
    }
  }, 180_000);

  afterAll(async () => {
    await consortium.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("both sites sign what they fetched; an answer given while the coordinator is down is kept, and told later", async () => {
    for (const site of SITES) await until(site, "agreed", { isWaiting: true, answer: null });
    await signOnPage("cleveland", "agreed");
    await until("cleveland", "agreed", { answer: { answer: "signed", reason: null }, told: true, refusal: null });
    expect((await consortium.view("/api/studies/agreed")).state).toBe("signing");

    await killed(consortium.coordinator);
    await answer("hungarian", "agreed");
    expect(await releaseAt("hungarian", "agreed")).toMatchObject({ told: false });
    await killed(consortium.sites.get("hungarian"));
    await consortium.startCoordinator();
    await consortium.startSite("hungarian");
    expect((await consortium.reached("agreed", ["released", "rejected"])).state).toBe("released");
    await until("hungarian", "agreed", { answer: { answer: "signed", reason: null }, told: true, refusal: null });
    const folderOf = join(consortium.coordinatorFolder, "releases", "agreed");
    const verified = await run("consilium", [
      ...["verify", folderOf, "--key", join(consortium.coordinatorFolder, "consortium.pub")],
    ]);
    expect(verified.code).toBe(0);
    const again = await answer("cleveland", "agreed", "--refuse", "after all not").catch((error: unknown) =>
      String(error),
    );
    expect(again).toContain("release/not-waiting");
  });

  test("a site that signed in hand and refuses over its link is told that its first answer stays", async () => {
    const out = at("cleveland.json");
    const waiting = join(consortium.coordinatorFolder, "releases", "refused");
    await consortium.steward("cleveland", ["release", "sign", waiting, "--out", out, "--yes"]);
    await consortium.consilium(["release", "hand-in", out]);
    await answer("cleveland", "refused", "--refuse", "we looked again");
    await until("cleveland", "refused", { told: true, answer: { answer: "refused", reason: "we looked again" } });
    expect(await releaseAt("cleveland", "refused")).toMatchObject({ refusal: { code: "release/answered" } });
  });

  test("a refusal in hand ends a study that needs both: rejected, with the reason in the coordinator's ledger", async () => {
    const out = at("hungarian.json");
    const waiting = join(consortium.coordinatorFolder, "releases", "refused");
    const why = "the audit covers too few of our patients";
    await consortium.steward("hungarian", ["release", "sign", waiting, "--refuse", why, "--out", out, "--yes"]);
    await consortium.consilium(["release", "hand-in", out]);
    expect((await consortium.reached("refused", ["rejected", "released"])).state).toBe("rejected");
    expect(JSON.stringify(await consortium.consilium(["release", "list"]))).toContain(why);
    await until("hungarian", "refused", { isWaiting: false, answer: null });
  });

  test("sites keep the signed notice of a release that was revoked, and sign it no more", async () => {
    await killed(consortium.sites.get("hungarian"));
    await consortium.consilium(["release", "revoke", "agreed", "--reason", "one site's labels were wrong"]);
    await consortium.startSite("hungarian");
    for (const site of SITES) {
      for (let tries = 0; tries < 50 && (await releaseAt(site, "agreed"))?.revocation === null; tries++)
        await new Promise((resolve) => setTimeout(resolve, 200));
      expect(await releaseAt(site, "agreed")).toMatchObject({
        revocation: { kind: "consilium-revocation", statement: { reason: "one site's labels were wrong" } },
      });
    }
    const sign = ["release", "sign", join(consortium.coordinatorFolder, "releases", "agreed"), "--yes"];
    const refused = await consortium
      .steward("cleveland", [...sign, "--out", at("never.json")])
      .catch((error: unknown) => String(error));
    expect(refused).toContain("revoked on");
  });
});

function killed(child: ChildProcess | undefined): Promise<void> {
  return new Promise((resolve) => {
    child?.once("exit", () => resolve());
    child?.kill("SIGKILL");
  });
}
