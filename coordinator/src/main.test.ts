import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEnrolmentRequest, EnrolmentGrant, parseToken } from "@consilium/certs/enrolment";
import { createCertificateRequest } from "@consilium/certs/request";
import { emptyTip, nextEntry, tipOf } from "@consilium/shared/ledger/chain";
import { ChargeId, LedgerBody, type LedgerEntry } from "@consilium/shared/ledger/entry";
import { discreteLaplaceEvent } from "@consilium/shared/mechanism/discreteLaplace";
import { type Signer, signerOf } from "@consilium/shared/signing/ed25519";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { DatasetId, SiteName } from "@consilium/shared/units/identity";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newConfig } from "./config.ts";
import { backupDataFolder, restoreDataFolder } from "./consortium/backup.ts";
import { initDataFolder } from "./consortium/dataFolder.ts";
import { PlanExample, PlanView } from "./http/plans.ts";
import { buildPlanWorker } from "./http/planWorker.test-support.ts";
import { type Running, start } from "./main.ts";
import { smallStudy } from "./study/consortium.test-support.ts";

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const issuing = { now: new Date(), random: operatingSystemRandom };

let folder = "";
let running: Running;
let token = "";
let planWorker: Awaited<ReturnType<typeof buildPlanWorker>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-main-"));
  await initDataFolder(join(folder, "data"), newConfig("north", "127.0.0.1", 0, 0), issuing);
  planWorker = await buildPlanWorker();
  running = await start({
    dataFolder: join(folder, "data"),
    environment: {},
    logger: quiet,
    random: operatingSystemRandom,
    planWorker: planWorker.file,
  });
  token = (await readFile(join(folder, "data", "lead.token"), "utf8")).trim();
}, 120_000);
afterAll(async () => {
  await running.stop();
  await planWorker.remove();
  await rm(folder, { recursive: true });
});

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${running.peopleUrl}${path}`, {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  const reply: unknown = isJson ? JSON.parse(text) : text;
  return { status: response.status, reply, cookie: response.headers.get("set-cookie") };
}

const asLead = (): Record<string, string> => ({ authorization: `Bearer ${token}` });

async function invitedSession(name: string, role: string): Promise<Record<string, string>> {
  const { reply } = await call("POST", "/api/accounts", { name, role }, asLead());
  const link = typeof reply === "object" && reply !== null && "link" in reply ? String(reply.link) : "";
  const login = await call("POST", "/api/login", { token: link.split("#")[1] });
  expect(login.status).toBe(200);
  return { cookie: login.cookie?.split(";")[0] ?? "" };
}

async function joined(site: string, seed: number): Promise<{ status: number; reply: unknown }> {
  const send = await enrolmentOf(site, seed);
  const answer = await send();
  expect(await send()).toMatchObject({ status: 400, reply: { code: "enrolment/token-used" } });
  return answer;
}

/** Sends the request of a site that was just invited, with keys from this seed. */
async function enrolmentOf(site: string, seed: number): Promise<() => ReturnType<typeof call>> {
  const { reply } = await call("POST", "/api/sites", { site }, asLead());
  const text = typeof reply === "object" && reply !== null && "token" in reply ? String(reply.token) : "";
  const enrolment = parseToken(text);
  const { csr } = await createCertificateRequest(site);
  const [identity, steward] = [signerOf(new Uint8Array(32).fill(seed)), signerOf(new Uint8Array(32).fill(seed + 1))];
  const request = createEnrolmentRequest(enrolment, csr, identity, steward);
  return () => call("POST", new URL(enrolment.enrolUrl).pathname, request);
}

describe("[STU4] each route wants a session, and moves want a lead", () => {
  const looks = [
    "/api/session",
    "/api/studies",
    "/api/budgets",
    "/api/sites",
    "/api/releases",
    "/api/ledger",
    "/api/ledger/entries",
    "/api/ledger/signed",
    "/api/ledger/verify",
    "/api/plan/example",
    "/api/studies/heart/budgets",
    "/api/studies/heart/what-if",
    "/api/requests",
    "/api/studies/heart/round",
    "/api/studies/heart/rounds",
    "/api/studies/heart/metrics",
    "/api/studies/heart",
  ];
  /** What isn't there yet is told to whoever may look, and to nobody else. */
  const absent = ["/api/studies/heart/audit", "/api/releases/heart/files/manifest.json"];
  const moves: [string, unknown][] = [
    ["/api/studies", smallStudy()],
    ["/api/studies/heart/actions", { action: "start", reason: "now" }],
    [`/api/weights/${"0".repeat(64)}`, {}],
    ["/api/sites", { site: "dijon" }],
    ["/api/sites/dijon/revoke", {}],
    ["/api/accounts", { name: "eve", role: "lead" }],
  ];

  test("nobody: 401 everywhere", async () => {
    for (const path of [...looks, ...absent]) expect((await call("GET", path)).status).toBe(401);
    for (const [path, body] of moves) expect((await call("POST", path, body)).status).toBe(401);
    for (const path of ["/api/plan", "/api/plan/document"]) expect((await call("POST", path, {})).status).toBe(401);
    expect((await call("GET", "/api/events")).status).toBe(401);
    expect(
      (await call("GET", "/api/session", undefined, { authorization: "Bearer AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" })).status,
    ).toBe(401);
  });

  test.each(["observer", "auditor"])("an %s looks and moves nothing", async (role) => {
    const session = await invitedSession(`person-${role}`, role);
    for (const path of looks.filter((route) => !route.includes("/heart"))) {
      expect((await call("GET", path, undefined, session)).status).toBe(200);
    }
    for (const path of looks.filter((route) => route.includes("/heart"))) {
      expect(await call("GET", path, undefined, session)).toMatchObject({
        status: 404,
        reply: { code: "study/unknown" },
      });
    }
    for (const path of absent) expect((await call("GET", path, undefined, session)).status).toBe(404);
    expect(await call("GET", "/api/session", undefined, session)).toMatchObject({ reply: { role, dataFolder: null } });
    for (const [path, body] of moves) expect((await call("POST", path, body, session)).status).toBe(403);
  });

  test("an observer plans what `init` writes, is told where a text is no study, and sends no more than a text", async () => {
    const session = await invitedSession("petra", "observer");
    const { reply: example } = await call("GET", "/api/plan/example", undefined, session);
    const { text, files } = PlanExample.parse(example);
    const planned = PlanView.parse((await call("POST", "/api/plan", { text, files }, session)).reply);
    expect(planned.faults).toEqual([]);
    expect(planned.plan).toMatchObject({ study: "my-study", fits: true, noiseWasAuto: true, budgets: [] });
    const wrong = text.replace("epsilon: 4 ", "epsilon: -4 ");
    const line = text.split("\n").findIndex((each) => each.includes("epsilon: 4 ")) + 1;
    const faulty = await call("POST", "/api/plan", { text: wrong, files }, session);
    expect(faulty).toMatchObject({ status: 200, reply: { plan: null, faults: [{ line, path: "privacy.epsilon" }] } });
    const alone = PlanView.parse((await call("POST", "/api/plan", { text }, session)).reply);
    expect(alone.faults).toMatchObject([{ path: "data.schema" }]);
    expect((await call("POST", "/api/plan", { text: "x".repeat(200_001) }, session)).status).toBe(400);
    const body = { document: smallStudy(), noiseWasAuto: false };
    expect((await call("POST", "/api/plan/document", body, session)).status).toBe(200);
  });

  test("a login link works once, its cookie can't be read by scripts, and logging out ends it", async () => {
    const { reply } = await call("POST", "/api/accounts", { name: "carla", role: "observer" }, asLead());
    const link = typeof reply === "object" && reply !== null && "link" in reply ? String(reply.link) : "";
    const login = await call("POST", "/api/login", { token: link.split("#")[1] });
    expect(login.cookie).toMatch(/HttpOnly/);
    expect(login.cookie).toMatch(/SameSite=Strict/);
    expect((await call("POST", "/api/login", { token: link.split("#")[1] })).status).toBe(401);
    const session = { cookie: login.cookie?.split(";")[0] ?? "" };
    expect((await call("POST", "/api/logout", {}, session)).status).toBe(204);
    expect((await call("GET", "/api/session", undefined, session)).status).toBe(401);
  });
});

describe("[CRT20] a site enrols once by its token, and is revoked at once", () => {
  test("token → certificate → roster → proposal → revoked", async () => {
    const unknown = await call("POST", "/api/studies", smallStudy(), asLead());
    expect(unknown).toMatchObject({ status: 400, reply: { code: "study/site-not-enrolled" } });
    for (const [index, site] of ["aachen", "basel", "como"].entries()) {
      const { status, reply } = await joined(site, 20 + 2 * index);
      expect(status).toBe(200);
      expect(EnrolmentGrant.parse(reply)).toMatchObject({ site, rosterVersion: index + 1 });
    }
    const proposed = await call("POST", "/api/studies", smallStudy(), asLead());
    expect(proposed).toMatchObject({
      status: 200,
      reply: { state: "proposed", moves: [{ from: "draft", by: "lead" }] },
    });
    expect(await call("POST", "/api/studies", smallStudy(), asLead())).toMatchObject({ status: 409 });
    const sites = ["aachen", "basel", "como"].map((site) => ({ site, answer: "waiting", dataset: null, costs: [] }));
    const asked = { study: "heart", state: "proposed", epsilon: 50, rounds: 12, minSites: 2, sites };
    expect(await call("GET", "/api/requests", undefined, asLead())).toMatchObject({ reply: { requests: [asked] } });
    const unknown404 = await call("GET", "/api/budgets/history?site=basel&dataset=none", undefined, asLead());
    expect(unknown404).toMatchObject({ status: 404, reply: { code: "budget/unknown" } });
    const start = await call("POST", "/api/studies/heart/actions", { action: "start", reason: "now" }, asLead());
    expect(start).toMatchObject({ status: 409, reply: { code: "study/not-possible" } });
    for (const path of ["", "/round", "/rounds", "/metrics", "/budgets"]) {
      expect((await call("GET", `/api/studies/heart${path}`, undefined, asLead())).status).toBe(200);
    }
    expect((await call("GET", "/api/studies/heart/audit", undefined, asLead())).status).toBe(404);
    const observer = await invitedSession("olga", "observer");
    for (const path of ["", "/round", "/rounds", "/metrics", "/budgets"]) {
      expect((await call("GET", `/api/studies/heart${path}`, undefined, observer)).status).toBe(200);
    }
    const revoked = await call("POST", "/api/sites/como/revoke", {}, asLead());
    expect(revoked).toMatchObject({ reply: { sites: [{}, {}, { name: "como", standing: "revoked" }] } });
  });

  test("a malformed request is refused by field, with what was expected; an unknown route by name", async () => {
    const refused = async (path: string, body: unknown) => (await call("POST", path, body, asLead())).reply;
    const actions = "/api/studies/heart/actions";
    expect(await refused(actions, { action: "explode", reason: "" })).toMatchObject({
      code: "http/malformed",
      what: expect.stringMatching(/action: .*"start"\|"pause"\|"resume"\|"stop"; reason: .*>=1/),
      remedy: "Correct action, reason and send it again.",
    });
    expect(await refused(actions, { action: "start", reason: "now", force: true })).toMatchObject({
      remedy: "Correct force and send it again.",
    });
    expect(await refused(actions, [])).toMatchObject({ remedy: expect.stringContaining("one JSON object") });
    const sites = smallStudy().sites.map((site) => ({ ...site, patients: -1 }));
    expect(await refused("/api/studies", { ...smallStudy(), sites })).toMatchObject({
      what: expect.stringContaining("sites[0].patients: "),
    });
    expect(await call("GET", "/api/ledger/entries?limit=0", undefined, asLead())).toMatchObject({
      status: 400,
      reply: { what: expect.stringContaining("limit: "), remedy: "Correct limit and send it again." },
    });
    const broken = await fetch(`${running.peopleUrl}${actions}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...asLead() },
      body: "{",
    });
    expect([broken.status, await broken.json()]).toMatchObject([400, { code: "http/unreadable" }]);
    expect(await call("GET", "/api/nothing?at=all", undefined, asLead())).toMatchObject({
      status: 404,
      reply: { what: "There is no route GET /api/nothing." },
    });
    const document = await call("GET", "/api/openapi.json");
    expect(document.reply).toMatchObject({ openapi: "3.1.0", paths: { "/api/studies/{study}/round": {} } });
  });
});

describe("[CRT21] a token doesn't replace the pinned keys of a site that is enrolled", () => {
  test("other keys are refused until the site is revoked; its own get a new certificate", async () => {
    expect((await joined("zug", 60)).status).toBe(200);
    const others = await enrolmentOf("zug", 62);
    expect(await others()).toMatchObject({ status: 400, reply: { code: "enrolment/keys-differ" } });
    expect((await joined("zug", 60)).status).toBe(200);
    await call("POST", "/api/sites/zug/revoke", {}, asLead());
    expect((await joined("zug", 62)).status).toBe(200);
  });
});

describe("[LED21] a backup of a running coordinator restores to the same ledger", () => {
  test("backup, verify, restore", async () => {
    const before = await call("GET", "/api/ledger/verify", undefined, asLead());
    const [backup, restored] = [join(folder, "backup"), join(folder, "restored")];
    const { entries } = await backupDataFolder(join(folder, "data"), backup);
    expect(before.reply).toEqual({ entries, verified: true });
    expect(await restoreDataFolder(backup, restored, [])).toEqual({ entries, recovered: 0 });
    await expect(restoreDataFolder(backup, restored, [])).rejects.toThrow(/not empty/);
    expect((await stat(join(restored, "keys", "ca.key"))).mode & 0o077).toBe(0);
  });

  test("what isn't there is named, and nothing is made", async () => {
    const [backup, restored, none] = ["backup-3", "restored-3", "none"].map((name) => join(folder, name));
    if (backup === undefined || restored === undefined || none === undefined) throw new Error("three names");
    const refusal = (code: string) =>
      expect.objectContaining({ code, kind: "usage", message: expect.stringContaining(none) });
    await expect(restoreDataFolder(none, restored, [])).rejects.toThrow(refusal("coordinator/no-data-folder"));
    await expect(backupDataFolder(none, backup)).rejects.toThrow(refusal("coordinator/no-data-folder"));
    await backupDataFolder(join(folder, "data"), backup);
    await expect(restoreDataFolder(backup, restored, [none])).rejects.toThrow(refusal("restore/ledger-unreadable"));
    await expect(stat(restored)).rejects.toThrow(/ENOENT/);
  });

  test("charges that only a site's own ledger knows as acted on are spent after the restore", async () => {
    expect((await joined("st-anna", 90)).status).toBe(200);
    const site = SiteName.parse("st-anna");
    const printed = (signer: Signer): string => {
      const entries: LedgerEntry[] = [];
      let tip = emptyTip(site);
      for (const body of siteBodies(site)) {
        const entry = nextEntry(tip, "2026-01-01T00:00:00Z", body, signer);
        entries.push(entry);
        tip = tipOf(entry);
      }
      return JSON.stringify({ entries });
    };
    const [backup, restored, file] = ["backup-2", "restored-2", "st-anna.json"].map((name) => join(folder, name));
    if (backup === undefined || restored === undefined || file === undefined) throw new Error("three names");
    const { entries } = await backupDataFolder(join(folder, "data"), backup);
    await writeFile(file, printed(signerOf(new Uint8Array(32).fill(1))));
    await expect(restoreDataFolder(backup, restored, [file])).rejects.toThrow(
      expect.objectContaining({ code: "ledger/corrupt" }),
    );
    expect(await readdir(restored)).toEqual([]);
    await writeFile(file, printed(signerOf(new Uint8Array(32).fill(90))));
    expect(await restoreDataFolder(backup, restored, [file])).toEqual({ entries: entries + 1, recovered: 1 });
    expect(await readdir(restored)).not.toContain(".restoring");
  });

  test("a second coordinator on the same folder is refused", async () => {
    const path = join(folder, "data", "running.json");
    const file = await readFile(path, "utf8");
    // As another process would find it.
    const options = { dataFolder: join(folder, "data"), environment: {}, logger: quiet, random: operatingSystemRandom };
    await writeFile(path, file.replace(`"pid":${process.pid}`, `"pid":${process.ppid}`));
    await expect(start(options)).rejects.toThrow(/runs on this data folder/);
    await writeFile(path, file);
  });
});

/** A site's ledger in which one charge acted and another was only reserved. */
function siteBodies(site: SiteName): LedgerBody[] {
  const dataset = DatasetId.parse("clinic");
  const event = discreteLaplaceEvent(1, 0.5, 1);
  const charge = (round: number) => ChargeId.parse(`heart/evaluate-${round}.1/${site}/validation`);
  const reserved = (round: number) =>
    LedgerBody.parse({
      ...{ kind: "reserved", charge: charge(round), site, dataset, part: "validation", study: "heart", round },
      ...{ attempt: 1, event },
    });
  return [
    LedgerBody.parse({ kind: "cap-set", site, dataset, epsilon: 4, delta: 1e-5, statement: "ab".repeat(32) }),
    reserved(1),
    { kind: "acting", charge: charge(1) },
    reserved(2),
  ];
}
