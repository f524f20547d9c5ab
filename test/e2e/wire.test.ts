import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "@consilium/shared/encoding/digest";
import { decodeFrame, Header } from "@consilium/shared/protocol/envelope";
import { verifySignature } from "@consilium/shared/signing/ed25519";
import { COORDINATOR } from "@consilium/shared/units/identity";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Consortium } from "../start/consortium.mjs";
import { siteKey, startProxyOf } from "../support/consortiumProxy.ts";
import { type Recording, webSocketMessages } from "../support/recordingProxy.ts";
import { recordsOf, writeStudy } from "../support/studyFile.ts";

const SITES = ["cleveland", "hungarian"];
const STUDY = "wire";
const ROUNDS = 4;

/** Values that stand in the records alone: no message may hold them in any form that a leak could take. */
const SENTINEL_TEXT = `canary${randomBytes(6).toString("hex")}`;

describe("[HND4] what crosses the wire, decrypted", () => {
  const folder = mkdtempSync(join(tmpdir(), "consilium-wire-"));
  const consortium = new Consortium(folder);
  let recordings: Recording[] = [];
  let stopProxy = async (): Promise<void> => undefined;

  beforeAll(async () => {
    await consortium.createCoordinator();
    for (const name of SITES) {
      const records = join(folder, `${name}.csv`);
      writeFileSync(records, withSentinel(readFileSync(recordsOf("heart", name), "utf8")));
      await consortium.enrol(name, { records, dataset: "heart", epsilon: 4, delta: 1e-4 });
    }
    const proxy = await startProxyOf(consortium);
    recordings = proxy.recordings;
    stopProxy = proxy.stop;
    for (const name of SITES) {
      await consortium.startSite(name, { CONSILIUM_COORDINATOR__URL: `https://127.0.0.1:${proxy.port}` });
    }
    const file = writeStudy("heart", folder, {
      name: STUDY,
      sites: SITES,
      set: { "training.rounds": ROUNDS, "training.minSites": 2, "evaluation.every": "2 rounds" },
    });
    await consortium.beginStudy(file, STUDY, "heart", SITES);
    await consortium.reached(STUDY, ["released", "rejected"]);
  });

  afterAll(async () => {
    await consortium.stop();
    await stopProxy();
    rmSync(folder, { recursive: true, force: true });
  });

  test("was recorded: both sites, both ways, and the study ended", async () => {
    expect(new Set(recordings.map(({ site }) => site))).toEqual(new Set(SITES));
    const study = await consortium.view(`/api/studies/${STUDY}`);
    expect(["released", "rejected"]).toContain(study.state);
    expect(study.committedRounds).toBe(ROUNDS);
  });

  test("every message is a signed envelope: nothing plain, nothing unsigned", () => {
    let envelopes = 0;
    for (const recording of recordings) {
      for (const [from, stream] of [
        [recording.site, recording.sent],
        [COORDINATOR, recording.received],
      ] as const) {
        const messages = webSocketMessages(Buffer.concat(stream)) ?? [];
        for (const { kind, data } of messages) {
          if (kind === "text") expectControl(data.toString("utf8"));
          else envelopes += expectSigned(data, from === COORDINATOR ? consortium.publicKey : siteKey(consortium, from));
        }
      }
    }
    // Announcement, contribution, closing and their replies at each round and site, at the least.
    expect(envelopes).toBeGreaterThan(ROUNDS * SITES.length * 6);
  });

  test("no raw record: not a sentinel text, not a line of the data", () => {
    const wire = Buffer.concat(recordings.flatMap(({ sent, received }) => [...sent, ...unmasked(sent), ...received]));
    expect(wire.includes(SENTINEL_TEXT)).toBe(false);
    for (const name of SITES) {
      const rows = readFileSync(recordsOf("heart", name), "utf8").trim().split("\n").slice(1);
      for (const row of rows)
        expect(wire.includes(row.slice(0, row.lastIndexOf(","))), "a row of the data").toBe(false);
    }
  });

  test("the sites' own paths, column names outside the contract and host name stay at home", () => {
    const wire = Buffer.concat(recordings.flatMap(({ sent }) => unmasked(sent)));
    for (const word of ["records.csv", "sentinel", folder]) expect(wire.includes(word), word).toBe(false);
  });
});

/** Adds a column outside the contract that holds the sentinel in every row. */
function withSentinel(csv: string): string {
  return csv
    .trim()
    .split("\n")
    .map((line, row) => `${line},${row === 0 ? "sentinel" : SENTINEL_TEXT}`)
    .join("\n");
}

/**
 * socket.io's own words: open, close, ping, pong, connect, a binary event's header; hello and welcome, which are
 * signed texts.
 */
function expectControl(text: string): void {
  const isControl =
    /^(0\{.*\}|[123]|4[01](\{.*\})?)$/.test(text) ||
    text === '451-["envelope",{"_placeholder":true,"num":0}]' ||
    /^42\["(hello|welcome)",\{"text":".*","signature":"[A-Za-z0-9+/]{86}=="\}\]$/.test(text);
  expect(isControl, text.slice(0, 120)).toBe(true);
}

function expectSigned(frame: Buffer, key: string): number {
  const envelope = decodeFrame(frame);
  if (typeof envelope === "string") throw new Error(`a binary message is no envelope: ${envelope}`);
  const header = Header.parse(JSON.parse(envelope.header));
  expect(verifySignature(key, `consilium/v1 envelope\n${envelope.header}`, envelope.signature)).toBe(true);
  expect(header.bodyHash).toBe(digestOf(envelope.body));
  if (envelope.attachment !== undefined) expect(header.attachmentHash).toBe(digestOf(envelope.attachment));
  return 1;
}

function unmasked(stream: readonly Buffer[]): Buffer[] {
  return (webSocketMessages(Buffer.concat(stream)) ?? []).map(({ data }) => data);
}
