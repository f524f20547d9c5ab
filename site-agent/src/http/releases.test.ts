import { appendFile, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { RELEASE_PATHS } from "@consilium/shared/release/manifest";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import type { Digest } from "@consilium/shared/units/identity";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { releaseWaits } from "../../../test/support/waitingRelease.ts";
import { inDatabase, type JoinedSite, joinedSite, PASSWORD } from "../command/joinedSite.test-support.ts";
import { answerMessage } from "../release/answer.ts";
import { releaseFolder } from "../storage/folder.ts";
import type { ReleaseRecord } from "../storage/releases.ts";
import { type RunningPage, servePage } from "./server.ts";
import { PAGE_HEADER, PageSession } from "./session.ts";
import { LoginReply, ReleasesView } from "./views.ts";

describe("[REL17] the hospital's own page shows a release that waits, and its steward signs or refuses it there", () => {
  let site: JoinedSite;
  let page: RunningPage;
  let manifest: Digest;
  let headers: Record<string, string> = { "content-type": "application/json" };

  beforeAll(async () => {
    site = await joinedSite({ isJson: false, result: () => undefined, say: () => undefined });
    manifest = await releaseWaits(site);
    const session = new PageSession(operatingSystemRandom, () => new Date());
    page = await servePage({ context: site.context, session, port: 0 });
    const login = await post("/api/login", { token: session.token });
    const cookie = login.headers.get("set-cookie")?.split(";")[0] ?? "";
    headers = { ...headers, cookie, [PAGE_HEADER]: LoginReply.parse(await login.json()).page };
  }, 120_000);
  afterAll(async () => {
    await page.close();
    await rm(site.root, { recursive: true, force: true });
  });

  const post = (path: string, content: object) =>
    fetch(page.origin + path, { method: "POST", headers, body: JSON.stringify(content) });
  const decide = async (decision: object) => (await post("/api/decide", decision)).json();
  const shown = async () => {
    const { releases } = ReleasesView.parse(await (await fetch(`${page.origin}/api/releases`, { headers })).json());
    expect(releases).toHaveLength(1);
    return releases[0];
  };
  const kept = async (): Promise<ReleaseRecord | undefined> => {
    let found: ReleaseRecord | undefined;
    await inDatabase(site.root, ({ releases }) => {
      found = releases.all()[0];
    });
    return found;
  };
  const sign = (password: string) => ({ action: "sign-release", study: "heart", manifest, password });

  test("the verdict, the gate rule by rule, ε on both sides, and each check", async () => {
    const view = await shown();
    expect(view).toMatchObject({ release: { manifest, isWaiting: true }, refusal: null });
    expect(view?.look?.gate.rules.map(({ rule }) => rule)).toContain("max-attack-auc-upper");
    expect(view?.look?.verdict).not.toBe("");
    expect(view?.look?.epsilon?.own).toBe(0);
    expect(view?.look?.checks.filter(({ passed }) => !passed)).toEqual([]);
    const names = view?.look?.checks.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["privacy", "audit", "own-study", "own-ledger", "own-epsilon"]));
  });

  test("a release with one altered byte is shown as such, and can't be signed", async () => {
    const folder = releaseFolder(site.context.folder, manifest);
    const card = join(folder, RELEASE_PATHS.card);
    const before = await readFile(card);
    await appendFile(card, "x");
    await utimes(join(folder, RELEASE_PATHS.manifest), new Date(), new Date(1000));
    expect((await shown())?.look?.checks.filter(({ passed }) => !passed)).toMatchObject([{ name: "files" }]);
    expect(await decide(sign(PASSWORD))).toMatchObject({ code: "release/not-verified" });
    await writeFile(card, before);
    await utimes(join(folder, RELEASE_PATHS.manifest), new Date(), new Date(2000));
    expect((await shown())?.look?.checks.every(({ passed }) => passed)).toBe(true);
  });

  test("with a wrong password, or of another manifest, nothing is signed; with the steward's it is, once", async () => {
    expect(await decide(sign(`${PASSWORD}!`))).toMatchObject({ code: "steward/password-wrong" });
    const other = { ...sign(PASSWORD), manifest: "0".repeat(64) };
    expect(await decide(other)).toMatchObject({ code: "release/not-waiting" });
    expect(await kept()).toMatchObject({ answer: null });
    const { lines } = Object(await decide(sign(PASSWORD)));
    expect(String(lines)).toContain("This site signed the release of heart");
    const record = await kept();
    expect(record).toMatchObject({ answer: { answer: "signed", manifest, party: "cleveland" }, told: false });
    expect(record && answerMessage(record)).toMatchObject({ type: "release-answered", refusal: null });
    const view = await shown();
    expect(view).toMatchObject({ standing: "signed, not told yet", look: null, release: { isWaiting: false } });
    const refuse = { ...sign(PASSWORD), action: "refuse-release", reason: "after all not" };
    expect(await decide(refuse)).toMatchObject({ code: "release/not-waiting" });
    expect(await kept()).toEqual(record);
  });
});
