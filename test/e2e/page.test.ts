import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Consortium } from "../../simulation/processes/consortium.mjs";
import { recordsOf } from "../support/studyFile.ts";

const Ready = z.object({ link: z.string() });
const Budgets = z.object({ budgets: z.array(z.object({ standing: z.array(z.unknown()) })) });
type Running = Awaited<ReturnType<Consortium["processes"]["start"]>>;

describe("[CRT30] consilium-site page, as it is started at a terminal", () => {
  const folder = mkdtempSync(join(tmpdir(), "consilium-page-"));
  const consortium = new Consortium(folder);
  const log = join(folder, "page.log");
  let running: Running;
  let link = new URL("http://127.0.0.1");

  beforeAll(async () => {
    await consortium.createCoordinator();
    await consortium.enrol("cleveland", {
      ...{ records: recordsOf("heart", "cleveland"), dataset: "heart", epsilon: 4, delta: 1e-4 },
    });
    await consortium.startSite("cleveland");
    writeFileSync(join(folder, "second"), "another long password", { mode: 0o600 });
    await consortium.steward("cleveland", [
      ...["steward", "add", "Dr. Koch", "--new-password-file", join(folder, "second")],
    ]);
    running = await consortium.processes.start("consilium-site", ["page", ...data()], log);
    link = new URL(Ready.parse(running.ready).link);
  });
  afterAll(async () => {
    await consortium.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const data = () => ["--data", consortium.siteFolder("cleveland")];
  let headers: Record<string, string> = {};
  const post = (path: string, content: object) =>
    fetch(new URL(path, link), {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(content),
    });
  const view = async (path: string): Promise<unknown> => (await fetch(new URL(path, link), { headers })).json();

  test("the link names this machine alone and is on standard output alone", () => {
    expect(link.origin).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const token = link.hash.slice(1);
    expect(token.length).toBeGreaterThan(40);
    expect(readFileSync(log, "utf8")).not.toContain(token);
  });

  test("it signs in once; a stranger's Host is refused; no other address of this machine answers", async () => {
    const login = await post("/api/login", { token: link.hash.slice(1) });
    const { page } = z.object({ page: z.string() }).parse(await login.json());
    headers = { cookie: login.headers.get("set-cookie")?.split(";")[0] ?? "", "x-consilium-page": page };
    expect((await post("/api/login", { token: link.hash.slice(1) })).status).toBe(401);
    expect(await view("/api/session")).toMatchObject({ site: "cleveland", isAgentRunning: true });

    const status = await new Promise((resolve, reject) => {
      const asked = request(new URL("/api/session", link), { headers: { ...headers, host: "rebound.example" } });
      asked.on("response", (response) => resolve(response.resume().statusCode));
      asked.on("error", reject).end();
    });
    expect(status).toBe(403);
    const known = Object.values(networkInterfaces()).flatMap((one) => one ?? []);
    // 127.0.0.2 is this machine too, and not the page's address.
    const others = ["127.0.0.2", "::1", ...known.filter(({ internal }) => !internal).map(({ address }) => address)];
    for (const host of others) expect([host, await canConnect(host, Number(link.port))]).toEqual([host, false]);
  });

  test("[CRT31] before a running agent a cap is raised by two stewards, each with a password of their own", async () => {
    const [from] = Budgets.parse(await view("/api/budgets")).budgets[0]?.standing ?? [];
    const change = { of: "data-set", epsilon: 5, delta: 1e-4 };
    const first = readFileSync(join(folder, "cleveland.steward-password"), "utf8");
    const ask = { action: "ask-raise", dataset: "heart", from, change, reason: "a second study" };
    expect((await post("/api/decide", { ...ask, as: "steward-of-cleveland", password: first })).status).toBe(200);
    const { datasets } = await consortium.site("cleveland", ["budget", "show"]);
    const grant = { action: "settle-raise", request: datasets[0].raises[0].request, isGranted: true, reason: "agreed" };
    const wrong = await post("/api/decide", { ...grant, as: "Dr. Koch", password: first });
    expect(await wrong.json()).toMatchObject({ code: "steward/password-wrong" });
    const password = "another long password";
    expect((await post("/api/decide", { ...grant, as: "Dr. Koch", password })).status).toBe(200);
    const after = await consortium.site("cleveland", ["budget", "show"]);
    expect(after.datasets[0]).toMatchObject({ cap: { epsilon: 5 }, raises: [{ settled: { by: "Dr. Koch" } }] });
  });

  test("told to stop, it ends by itself, cleanly, and its port is free", async () => {
    const ended = new Promise((resolve) => running.child.once("exit", (code, signal) => resolve({ code, signal })));
    running.child.kill("SIGTERM");
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(await canConnect("127.0.0.1", Number(link.port))).toBe(false);
    expect(readFileSync(log, "utf8")).toBe("");
  });
});

function canConnect(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2000 });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
    socket.once("timeout", () => end(false));
  });
}
