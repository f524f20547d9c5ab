import { rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { Digest } from "@consilium/shared/units/identity";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { heartDigest, type JoinedSite, joinedSite, PASSWORD } from "../command/joinedSite.test-support.ts";
import { add } from "../command/steward.ts";
import { type RunningPage, servePage } from "./server.ts";
import { PAGE_HEADER, PageSession, sessionCookie, WRONG_PASSWORDS_MAX } from "./session.ts";
import { BudgetsView, HistoryView, LedgerView, LoginReply, RequestsView, Said, SessionView } from "./views.ts";

let site: JoinedSite;
let page: RunningPage;
let session: PageSession;
const SECOND_PASSWORD = "another long password";
let signedIn: Record<string, string> = {};

beforeAll(async () => {
  site = await joinedSite({ isJson: false, result: () => undefined, say: () => undefined });
  // scrypt and DuckDB take a while where others use the processor too.
}, 120_000);
afterAll(() => rm(site.root, { recursive: true, force: true }));

beforeEach(async () => {
  session = new PageSession(operatingSystemRandom, () => new Date());
  const { token } = session;
  page = await servePage({ context: site.context, session, port: 0 });
  const { cookie, reply } = await call("POST", "/api/login", { token });
  signedIn = { cookie, [PAGE_HEADER]: LoginReply.parse(reply).page };
  return () => page.close();
});

/** Node's own client: `fetch` won't send a foreign `Host`. */
function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const type = body === undefined ? {} : { "content-type": "application/json" };
  return new Promise<{ status: number; reply: unknown; cookie: string; headers: unknown }>((resolve, reject) => {
    const asked = request(page.origin + path, { method, headers: { ...type, ...headers } }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        const isJson = response.headers["content-type"]?.includes("json") === true;
        resolve({
          status: response.statusCode ?? 0,
          reply: isJson ? JSON.parse(text) : text,
          cookie: response.headers["set-cookie"]?.[0]?.split(";")[0] ?? "",
          headers: response.headers,
        });
      });
    });
    asked.on("error", reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const get = (path: string) => call("GET", path, undefined, signedIn);
const decide = (decision: object) => call("POST", "/api/decide", decision, signedIn);

const LOOKS = [
  ...["/api/session", "/api/budgets", "/api/history?dataset=heart", "/api/requests", "/api/releases", "/api/ledger"],
];

describe("[CRT30] the steward's page is for this machine's browser and its one session", () => {
  test("the link works once; without cookie or without the page's own secret nothing is told or decided", async () => {
    const used = await call("POST", "/api/login", { token: "anything" });
    expect(used).toMatchObject({ status: 401, reply: { code: "session/link-unknown" } });
    const { cookie = "", [PAGE_HEADER]: secret = "" } = signedIn;
    for (const headers of [
      {},
      { cookie },
      { [PAGE_HEADER]: secret },
      { cookie: `${cookie.split("=")[0]}=x`, [PAGE_HEADER]: secret },
    ]) {
      for (const path of LOOKS) expect((await call("GET", path, undefined, headers)).status).toBe(401);
      for (const path of ["/api/decide", "/api/check"])
        expect((await call("POST", path, {}, headers)).status).toBe(401);
    }
    for (const path of LOOKS) expect((await get(path)).status).toBe(200);
  });

  test("a session ends by itself after ten hours", () => {
    let now = 0;
    const short = new PageSession(operatingSystemRandom, () => new Date(now));
    const { cookie, page: secret } = short.open(short.token);
    now = 10 * 3_600_000 - 1;
    short.require(cookie, secret);
    now += 1;
    expect(() => short.require(cookie, secret)).toThrow(/signed in/);
  });

  test("another name for this address, and another page's question, are refused", async () => {
    for (const host of [
      "evil.example",
      "localhost.evil.example",
      `localhost:${new URL(page.origin).port}`,
      "127.0.0.1",
    ]) {
      const reply = await call("GET", "/", undefined, { ...signedIn, host });
      expect(reply).toMatchObject({ status: 403, reply: { code: "page/not-here" } });
    }
    const origin = "http://127.0.0.1:1";
    expect((await call("GET", "/api/budgets", undefined, { ...signedIn, origin })).status).toBe(403);
    expect((await call("GET", "/api/budgets", undefined, { ...signedIn, origin: page.origin })).status).toBe(200);
  });

  test("it listens on 127.0.0.1 alone", async () => {
    const port = Number(new URL(page.origin).port);
    const others = Object.values(networkInterfaces()).flatMap((known) => known ?? []);
    const outside = others.filter(({ internal, family }) => !internal && family === "IPv4");
    for (const { address } of outside) {
      const outcome = await new Promise((resolve) => {
        const socket = connect({ host: address, port, timeout: 2000 }, () => resolve("connected"));
        socket.on("error", () => resolve("refused"));
        socket.on("timeout", () => resolve("refused"));
        socket.on("close", () => socket.destroy());
      });
      expect(outcome).toBe("refused");
    }
    expect(new URL(page.origin).hostname).toBe("127.0.0.1");
  });

  test("the cookie is out of scripts' reach, the policy lets nothing in from elsewhere, no file outside is sent", async () => {
    const fresh = new PageSession(operatingSystemRandom, () => new Date());
    const other = await servePage({ context: site.context, session: fresh, port: 0 });
    const login = await fetch(`${other.origin}/api/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token: fresh.token }),
    });
    expect(login.headers.get("set-cookie")).toMatch(/; HttpOnly; SameSite=Strict; Path=\/$/);
    await other.close();
    const { headers } = await get("/api/session");
    expect(headers).toMatchObject({
      "content-security-policy": expect.stringContaining("default-src 'none'; script-src 'self';"),
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
    });
    for (const path of ["/../package.json", "/%2e%2e/package.json", "/..%2f..%2fpackage.json", "/assets/none.js"]) {
      expect((await call("GET", path)).status).toBe(404);
    }
  });

  test("what is no question is refused by name, and nothing is decided by it", async () => {
    expect((await get("/api/history?dataset=heart&part=all")).status).toBe(400);
    expect((await get("/api/nothing")).status).toBe(404);
    expect((await call("DELETE", "/api/budgets", undefined, signedIn)).status).toBe(404);
    expect(await decide({ action: "raise-cap", dataset: "heart" })).toMatchObject({ status: 400 });
    const long = { action: "freeze", dataset: "heart", frozen: true, reason: "x".repeat(70_000), password: PASSWORD };
    expect((await decide(long)).status).toBe(413);
    const noReason = { action: "freeze", dataset: "heart", frozen: true, reason: " ", password: PASSWORD };
    expect(await decide(noReason)).toMatchObject({ status: 400, reply: { what: "reason: a reason is needed." } });
  });
});

describe("[CRT31] what is decided on the page is what the command would have decided", () => {
  test("it shows budgets, history, ledger and requests with their cost", async () => {
    const { site: name, steward, isAgentRunning } = SessionView.parse((await get("/api/session")).reply);
    expect([name, steward, isAgentRunning]).toEqual(["cleveland", "Dr. Bell", false]);
    const { budgets } = BudgetsView.parse((await get("/api/budgets")).reply);
    expect(budgets).toMatchObject([{ dataset: "heart", cap: { epsilon: 4 }, left: 4 }]);
    const history = HistoryView.parse((await get("/api/history?dataset=heart")).reply);
    expect(history).toMatchObject({ cap: 4, caps: [{ epsilon: 4 }], history: { charges: 0, epsilon: 0 } });
    const ledger = LedgerView.parse((await get("/api/ledger?find=CAP-SET%20heart")).reply);
    expect(ledger.entries.map(({ body }) => body.kind)).toContain("cap-set");
    expect(LedgerView.parse((await get("/api/ledger?find=unheard")).reply)).toMatchObject({ entries: [], found: 0 });
    const { requests } = RequestsView.parse((await get("/api/requests")).reply);
    expect(requests[0]?.quotes).toMatchObject([{ dataset: "heart", before: 0, refusal: null }]);
    expect(requests[0]?.quotes[0]?.after).toBeGreaterThan(3);
  });

  test("a wrong password decides nothing, the right one does; what moved since is refused", async () => {
    const freeze = { action: "freeze", dataset: "heart", frozen: true, reason: "an inspection" };
    const wrong = await decide({ ...freeze, password: "a wrong password" });
    expect(wrong).toMatchObject({ reply: { code: "steward/password-wrong" } });
    const done = await decide({ ...freeze, password: PASSWORD });
    expect(Said.parse(done.reply).lines).toEqual(["heart is frozen."]);
    const { budgets } = BudgetsView.parse((await get("/api/budgets")).reply);
    expect(budgets[0]?.frozen).toBe(true);
    await decide({ ...freeze, frozen: false, password: PASSWORD });

    const lower = { action: "lower-cap", dataset: "heart", reason: "less", password: PASSWORD };
    const shown = { of: "data-set", epsilon: 4, delta: 1e-4 };
    const to = (epsilon: number) => ({ from: shown, change: { ...shown, epsilon } });
    for (const from of [
      { ...shown, epsilon: 5 },
      { ...shown, delta: 1e-5 },
      { ...shown, perStudy: 1 },
    ]) {
      expect(await decide({ ...lower, from, change: shown })).toMatchObject({ reply: { code: "page/moved" } });
    }
    expect(await decide({ ...lower, ...to(4.1) })).toMatchObject({ reply: { code: "budget/raise-takes-two" } });
    expect(await decide({ ...lower, ...to(3.9), reason: "" })).toMatchObject({ status: 400 });
    expect((await decide({ ...lower, ...to(3.9) })).status).toBe(200);
    const after = BudgetsView.parse((await get("/api/budgets")).reply);
    expect(after.budgets[0]?.cap).toMatchObject({ epsilon: 3.9, delta: 1e-4 });
  });

  test("a study is checked, approved for exactly what was shown, and withdrawn", async () => {
    const checked = Said.parse(
      (await call("POST", "/api/check", { study: "heart-disease", dataset: "heart" }, signedIn)).reply,
    );
    expect(checked.lines.join("\n")).toContain("Leaves this site:");
    const { requests } = RequestsView.parse((await get("/api/requests")).reply);
    const after = requests[0]?.quotes[0]?.after ?? Number.NaN;
    const approve = { action: "approve", study: "heart-disease", dataset: "heart", password: PASSWORD };
    const moved = { reply: { code: "page/moved" } };
    expect(await decide({ ...approve, digest: "0".repeat(64), after })).toMatchObject(moved);
    expect(await decide({ ...approve, digest: heartDigest, after: after - 0.01 })).toMatchObject(moved);
    const done = await decide({ ...approve, digest: heartDigest, after });
    expect(Said.parse(done.reply).lines.join("\n")).toContain("Approved heart-disease on heart.");
    const frozen = { action: "freeze-study", study: "heart-disease", reason: "an inspection", password: PASSWORD };
    for (const isFrozen of [true, false]) {
      expect(await decide({ ...frozen, digest: "0".repeat(64), frozen: isFrozen })).toMatchObject(moved);
      expect((await decide({ ...frozen, digest: heartDigest, frozen: isFrozen })).status).toBe(200);
      const [request] = RequestsView.parse((await get("/api/requests")).reply).requests;
      expect(request?.study).toMatchObject({ state: "approved", frozen: isFrozen });
    }
    const refuse = { action: "refuse", study: "heart-disease", digest: heartDigest, reason: "not this year" };
    const withdrawn = await decide({ ...refuse, password: PASSWORD });
    expect(Said.parse(withdrawn.reply).lines).toEqual(["Withdrew the approval of heart-disease."]);
    const answered = RequestsView.parse((await get("/api/requests")).reply).requests[0];
    expect(answered).toMatchObject({ study: { state: "vetoed", reason: "not this year" }, quotes: [] });
  });

  test("caps for one study and for a period are set, changed and lifted, each as it was shown", async () => {
    const change = async (action: string, from: object, epsilon: number | null, who: object = { password: PASSWORD }) =>
      decide({ action, dataset: "heart", from, change: { ...from, epsilon }, reason: "as we agreed", ...who });
    const study = { of: "study", study: "heart-disease", epsilon: null };
    const year = { of: "period", period: "calendar-year", epsilon: null };
    expect((await change("lower-cap", study, 3.85)).status).toBe(200);
    expect((await change("lower-cap", year, 3.8)).status).toBe(200);
    expect(await change("lower-cap", study, 3)).toMatchObject({ reply: { code: "page/moved" } });
    const standing = async () => BudgetsView.parse((await get("/api/budgets")).reply).budgets[0]?.standing;
    expect(await standing()).toEqual([
      { of: "data-set", epsilon: 3.9, delta: 1e-4 },
      { ...study, epsilon: 3.85 },
      { ...year, epsilon: 3.8 },
    ]);
    const lift = { ...year, epsilon: 3.8 };
    expect(await change("lower-cap", lift, null)).toMatchObject({ reply: { code: "budget/raise-takes-two" } });
    expect(await change("ask-raise", lift, 3)).toMatchObject({ reply: { code: "budget/no-raise" } });
    expect(await change("ask-raise", lift, null)).toMatchObject({ reply: { code: "steward/second-missing" } });
  });

  test("a raise is asked for by one steward and granted by another, each by their own password", async () => {
    const second = join(site.root, "second");
    await writeFile(second, SECOND_PASSWORD, { mode: 0o600 });
    const first = { passwordFile: join(site.root, "right"), isSure: true };
    await add(site.context, "Dr. Koch", { newPasswordFile: second, reason: undefined, steward: first });
    expect(SessionView.parse((await get("/api/session")).reply).stewards).toEqual(["Dr. Bell", "Dr. Koch"]);
    const from = { of: "data-set", epsilon: 3.9, delta: 1e-4 };
    const ask = {
      action: "ask-raise",
      dataset: "heart",
      from,
      change: { ...from, epsilon: 5 },
      reason: "a second study",
    };
    const wrong = { reply: { code: "steward/password-wrong" } };
    expect(await decide({ ...ask, as: "Dr. Koch", password: PASSWORD })).toMatchObject(wrong);
    expect((await decide({ ...ask, as: "Dr. Bell", password: PASSWORD })).status).toBe(200);
    const heart = async () => BudgetsView.parse((await get("/api/budgets")).reply).budgets[0];
    const waiting = await heart();
    expect(waiting).toMatchObject({ cap: { epsilon: 3.9 }, raises: [{ by: "Dr. Bell", settled: null }] });
    const grant = { action: "settle-raise", request: waiting?.raises[0]?.request, isGranted: true, reason: "agreed" };
    expect(await decide({ ...grant, as: "Dr. Bell", password: PASSWORD })).toMatchObject({
      reply: { code: "ledger/raise-by-one" },
    });
    expect(await decide({ ...grant, as: "Dr. Koch", password: PASSWORD })).toMatchObject(wrong);
    expect(await decide({ ...grant, as: "Dr. Nobody", password: PASSWORD })).toMatchObject({
      reply: { code: "steward/unknown" },
    });
    const unknown = { ...grant, request: "0".repeat(64), as: "Dr. Koch", password: SECOND_PASSWORD };
    expect(await decide(unknown)).toMatchObject({ reply: { code: "page/moved" } });
    expect((await heart())?.cap).toMatchObject({ epsilon: 3.9 });
    expect((await decide({ ...grant, as: "Dr. Koch", password: SECOND_PASSWORD })).status).toBe(200);
    expect(await heart()).toMatchObject({
      cap: { epsilon: 5 },
      raises: [{ by: "Dr. Bell", settled: { isGranted: true, by: "Dr. Koch", reason: "agreed" } }],
    });
  });

  test("a study is answered by an offer of less, of exactly the version that was shown", async () => {
    const offer = { action: "counter-offer", study: "heart-disease", dataset: "heart", reason: "our cap" };
    const of = (epsilon: number, digest = heartDigest) => decide({ ...offer, digest, epsilon, password: PASSWORD });
    expect(await of(2, Digest.parse("0".repeat(64)))).toMatchObject({ reply: { code: "page/moved" } });
    expect(await of(0.1)).toMatchObject({ reply: { code: "study/offer-too-small" } });
    expect((await of(3.7)).reply).toMatchObject({
      lines: expect.arrayContaining([expect.stringContaining("Offered ε = 3.7")]),
    });
    const [request] = RequestsView.parse((await get("/api/requests")).reply).requests;
    expect(request?.study).toMatchObject({ state: "rejected", offer: { epsilon: 3.7 }, reason: "our cap" });
  });
});

describe("[CRT32] a page knows its program, and a session ends", () => {
  test("the program's secret comes with each look and is asked of nobody; a cookie's name is its port's", async () => {
    const { program } = SessionView.parse((await get("/api/session")).reply);
    expect(program).toBe(session.program);
    expect(Object.values(signedIn).join()).not.toContain(program);
    expect(signedIn.cookie).toMatch(new RegExp(`^${sessionCookie(new URL(page.origin).port)}=`));
    expect(sessionCookie("1")).not.toBe(sessionCookie("2"));
  });

  test("whoever signs out leaves nothing open, and the link stays used", async () => {
    expect((await call("POST", "/api/logout", {}, signedIn)).status).toBe(200);
    for (const path of LOOKS) expect((await get(path)).status).toBe(401);
    expect((await call("POST", "/api/login", { token: "anything" })).status).toBe(401);
  });

  test("wrong passwords end it, and a right one among them takes none back", async () => {
    const freeze = { action: "freeze", dataset: "heart", frozen: false, reason: "over" };
    const wrongly = async (times: number) => {
      for (let time = 0; time < times; time++) await decide({ ...freeze, password: "a wrong password" });
    };
    await wrongly(WRONG_PASSWORDS_MAX - 1);
    expect((await decide({ ...freeze, password: PASSWORD })).status).toBe(200);
    expect((await get("/api/session")).status).toBe(200);
    await wrongly(1);
    expect((await decide({ ...freeze, password: PASSWORD })).status).toBe(401);
  });

  test("guesses sent all at once end it too: each is held against the session when its turn comes", async () => {
    const freeze = { action: "freeze", dataset: "heart", frozen: true, reason: "over", password: "a wrong password" };
    const answers = await Promise.all(Array.from({ length: WRONG_PASSWORDS_MAX + 2 }, () => decide(freeze)));
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(2);
  });

  test("a decision that has begun is done, and answered, before the page closes", async () => {
    const freeze = { action: "freeze", dataset: "heart", frozen: true, reason: "an inspection", password: PASSWORD };
    const deciding = decide(freeze);
    // Once a later question waits behind it, it has begun.
    await call("GET", "/", undefined, signedIn);
    await page.close();
    expect(Said.parse((await deciding).reply).lines).toEqual(["heart is frozen."]);
  });

  test("addresses that are none are refused by name", async () => {
    const port = Number(new URL(page.origin).port);
    const status = await new Promise<string>((resolve) => {
      const socket = connect(port, "127.0.0.1", () =>
        socket.write(`GET http://[ HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`),
      );
      socket.once("data", (data) => resolve(String(data).split("\r\n")[0] ?? ""));
    });
    expect(status).toBe("HTTP/1.1 404 Not Found");
  });
});
