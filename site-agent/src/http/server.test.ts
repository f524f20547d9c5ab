import { rm } from "node:fs/promises";
import { request } from "node:http";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { heartDigest, type JoinedSite, joinedSite, PASSWORD } from "../command/joinedSite.test-support.ts";
import { type RunningPage, servePage } from "./server.ts";
import { PAGE_HEADER, PageSession, SESSION_COOKIE } from "./session.ts";
import { BudgetsView, HistoryView, LedgerView, LoginReply, RequestsView, Said, SessionView } from "./views.ts";

let site: JoinedSite;
let page: RunningPage;
let session: PageSession;
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

const LOOKS = ["/api/session", "/api/budgets", "/api/history?dataset=heart", "/api/requests", "/api/ledger"];

describe("[CRT30] the steward's page is for this machine's browser and its one session", () => {
  test("the link works once; without cookie or without the page's own secret nothing is told or decided", async () => {
    const used = await call("POST", "/api/login", { token: "anything" });
    expect(used).toMatchObject({ status: 401, reply: { code: "session/link-unknown" } });
    const { cookie = "", [PAGE_HEADER]: secret = "" } = signedIn;
    for (const headers of [
      {},
      { cookie },
      { [PAGE_HEADER]: secret },
      { cookie: `${SESSION_COOKIE}=x`, [PAGE_HEADER]: secret },
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
    expect((await decide(long)).status).toBe(404);
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

    const lower = { action: "lower-cap", dataset: "heart", password: PASSWORD };
    expect(await decide({ ...lower, from: 5, epsilon: 3 })).toMatchObject({ reply: { code: "page/moved" } });
    for (const epsilon of [4, 4.1]) {
      expect(await decide({ ...lower, from: 4, epsilon })).toMatchObject({ reply: { code: "page/not-lower" } });
    }
    expect((await decide({ ...lower, from: 4, epsilon: 3.9 })).status).toBe(200);
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
    const refuse = { action: "refuse", study: "heart-disease", digest: heartDigest, reason: "not this year" };
    const withdrawn = await decide({ ...refuse, password: PASSWORD });
    expect(Said.parse(withdrawn.reply).lines).toEqual(["Withdrew the approval of heart-disease."]);
    const answered = RequestsView.parse((await get("/api/requests")).reply).requests[0];
    expect(answered).toMatchObject({ study: { state: "vetoed", reason: "not this year" }, quotes: [] });
  });
});
