import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type NoisedGrid, noiseStdDev } from "@consilium/shared/contribution/grid";
import { unpackInto } from "@consilium/shared/contribution/pack";
import { digestOf } from "@consilium/shared/encoding/digest";
import { requireDpSgd } from "@consilium/shared/plan/variant";
import { decodeFrame, Header } from "@consilium/shared/protocol/envelope";
import { type RoundPurpose, SiteMessage } from "@consilium/shared/protocol/messages";
import { verifySignature } from "@consilium/shared/signing/ed25519";
import { referenceStudy } from "@consilium/shared/study/modelLines";
import { noisedGridOf } from "@consilium/shared/study/network";
import { resolveStudy } from "@consilium/shared/study/resolve";
import { COORDINATOR } from "@consilium/shared/units/identity";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Consortium } from "../../simulation/processes/consortium.mjs";
import { siteKey, startProxyOf } from "../support/consortiumProxy.ts";
import { type Recording, webSocketMessages } from "../support/recordingProxy.ts";
import { recordsOf, writeStudy } from "../support/studyFile.ts";

const SITES = ["cleveland", "hungarian"];
const STUDY = "wire";
const ROUNDS = 12;
const REFERENCES = { models: 2, rounds: 6, noiseMultiplier: 1.5, samplingRate: 0.1 };

/** Values that stand in the records alone: no message may hold them in any form that a leak could take. */
const SENTINEL_TEXT = `canary${randomBytes(6).toString("hex")}`;

describe("[HND4] what crosses the wire, decrypted", () => {
  const folder = mkdtempSync(join(tmpdir(), "consilium-wire-"));
  const consortium = new Consortium(folder);
  let recordings: Recording[] = [];
  let grids: Readonly<Record<"train" | "reference", NoisedGrid>> | undefined;
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
      set: {
        "training.rounds": ROUNDS,
        "training.minSites": 2,
        "evaluation.every": "4 rounds",
        // Small batches and small steps: what differs between two contributions of a site is then the noise.
        "privacy.samplingRate": 0.05,
        "training.optimizer.learningRate": 0.01,
        data: {
          ...{ schema: "./schema.yaml", label: "label" },
          shares: { train: 0.7, validation: 0.1, audit: 0.1, reference: 0.1 },
        },
        "audit.attacks": ["loss", "relative-membership", "likelihood-ratio"],
        "audit.references": REFERENCES,
      },
    });
    const readReference = (name: string): string => readFileSync(join(folder, name), "utf8");
    const document = requireDpSgd(resolveStudy({ file, text: readFileSync(file, "utf8"), readReference }).document);
    grids = { train: noisedGridOf(document), reference: noisedGridOf(referenceStudy(document, 1)) };
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
    // An announcement and a contribution at each round and site, at the least: acceptances may ride in them.
    expect(envelopes).toBeGreaterThan(ROUNDS * SITES.length * 2);
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

  test.each(["train", "reference"] as const)(
    "[ENG14] no un-noised value in steps of %s: they differ by σ",
    (purpose) => {
      const ofStudy = grids?.[purpose];
      if (ofStudy === undefined) throw new Error("the study has a grid");
      const variances = SITES.flatMap((site) => {
        const steps = contributionsOf(recordings, site, purpose, ofStudy);
        expect(steps).toHaveLength(ROUNDS);
        return Array.from({ length: steps[0]?.length ?? 0 }, (_, at) => varianceOf(steps.map((step) => step[at] ?? 0)));
      });
      const ratio = meanOf(variances) / (noiseStdDev(ofStudy) / 2 ** ofStudy.coarseShift) ** 2;
      // 2 sites × 14 parameters × 11 degrees of freedom: noise alone gives 1 ± 0.08. Ten patients of norm ≤ 1 add
      // 0.15 at most (three of a reference part's, against a smaller σ, 0.1), the model's small steps a little. Without
      // noise the ratio is below 0.2; with half of σ, below 0.45.
      expect(ratio).toBeGreaterThan(0.6);
      expect(ratio).toBeLessThan(1.8);
    },
  );

  test("the sites' own paths, column names outside the contract and host name stay at home", () => {
    const wire = Buffer.concat(recordings.flatMap(({ sent }) => unmasked(sent)));
    for (const word of ["records.csv", "sentinel", folder]) expect(wire.includes(word), word).toBe(false);
  });
});

/** A site's steps as they crossed the wire, unpacked, in coarse steps. */
function contributionsOf(
  recordings: readonly Recording[],
  site: string,
  purpose: RoundPurpose,
  grid: NoisedGrid,
): Int32Array[] {
  const messages = recordings
    .filter((recording) => recording.site === site)
    .flatMap(({ sent }) => webSocketMessages(Buffer.concat(sent)) ?? []);
  return messages.flatMap(({ kind, data }) => {
    if (kind === "text") return [];
    const envelope = decodeFrame(data);
    if (typeof envelope === "string" || envelope.attachment === undefined) return [];
    const message = SiteMessage.parse(JSON.parse(envelope.body));
    if (message.type !== "contribution" || message.key.purpose !== purpose) return [];
    const values = new Int32Array(grid.dimension);
    unpackInto(values, grid.bits, envelope.attachment);
    return [values];
  });
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Unbiased. */
function varianceOf(values: readonly number[]): number {
  const mean = meanOf(values);
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
}

/** Adds a column outside the contract that holds the sentinel in every row. */
function withSentinel(csv: string): string {
  return csv
    .trim()
    .split("\n")
    .map((line, row) => `${line},${row === 0 ? "sentinel" : SENTINEL_TEXT}`)
    .join("\n");
}

/** socket.io's own words: open, close, ping, pong, connect; hello and welcome, which are signed texts. */
function expectControl(text: string): void {
  const isControl =
    /^(0\{.*\}|[123]|4[01](\{.*\})?)$/.test(text) ||
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
