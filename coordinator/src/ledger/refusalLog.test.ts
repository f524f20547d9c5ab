import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import type { LedgerBody } from "@consilium/shared/ledger/entry";
import type { LogFields } from "@consilium/shared/system/logger";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { describe, expect, test } from "vitest";
import { newConfig } from "../config.ts";
import { initDataFolder } from "../consortium/dataFolder.ts";
import { LedgerSummary } from "../http/views.ts";
import { start } from "../main.ts";
import { RefusalLog } from "./refusalLog.ts";

const MINUTE_MS = 60_000;

function logged() {
  const lines: [event: string, fields: LogFields][] = [];
  const warn = (event: string, fields: LogFields = {}): void => void lines.push([event, fields]);
  return { lines, logger: { info: () => undefined, warn, error: () => undefined } };
}

describe("[HND10] the ledger notes refusals of parties that a certificate of the consortium names; strangers stand in the log", () => {
  function refusalLog() {
    const entries: LedgerBody[] = [];
    let now = 5 * MINUTE_MS;
    const { lines, logger } = logged();
    const log = new RefusalLog({ append: (bodies) => void entries.push(...bodies) }, logger, () => new Date(now));
    return {
      entries,
      lines,
      log,
      wait: (milliseconds: number) => {
        now += milliseconds;
      },
    };
  }

  test("a stranger writes nothing in the ledger, and so many lines a minute", () => {
    const { entries, lines, log, wait } = refusalLog();
    for (let index = 0; index < 1000; index++) log.noteStranger("192.0.2.7", "tls/handshake-refused");
    expect(entries).toEqual([]);
    expect(lines).toHaveLength(60);
    wait(MINUTE_MS);
    log.noteStranger("192.0.2.7", "tls/handshake-refused");
    expect(lines[60]).toEqual(["refused-strangers-not-logged", { count: 940 }]);
  });

  test("a site's refusals are noted, also while strangers knock", () => {
    const { entries, log } = refusalLog();
    for (let index = 0; index < 1000; index++) log.noteStranger("192.0.2.7", "tls/handshake-refused");
    for (let index = 0; index < 70; index++) log.note("hungarian", "message/malformed", "why");
    expect(entries).toHaveLength(60);
    expect(entries[0]).toEqual({
      kind: "refusal-noted",
      party: "hungarian",
      code: "message/malformed",
      detail: "why",
    });
  });

  test("a handshake without a certificate at a running coordinator leaves its ledger as it was", async () => {
    const folder = await mkdtemp(join(tmpdir(), "consilium-refusals-"));
    const { lines, logger } = logged();
    const issuing = { now: new Date(), random: operatingSystemRandom };
    await initDataFolder(folder, newConfig("north", "127.0.0.1", 0, 0), issuing);
    const running = await start({ dataFolder: folder, environment: {}, logger, random: operatingSystemRandom });
    const token = (await readFile(join(folder, "lead.token"), "utf8")).trim();
    const head = async () => {
      const answer = await fetch(`${running.peopleUrl}/api/ledger`, { headers: { authorization: `Bearer ${token}` } });
      return LedgerSummary.parse(await answer.json()).head;
    };
    const before = await head();
    const { hostname, port } = new URL(running.agentsUrl);
    await new Promise<void>((resolve) => {
      const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false });
      socket.on("error", () => resolve());
      socket.on("close", () => resolve());
      socket.resume();
    });
    await expect.poll(() => lines.map(([event]) => event)).toContain("refused-stranger");
    expect(await head()).toEqual(before);
    await running.stop();
    await rm(folder, { recursive: true });
  });
});
