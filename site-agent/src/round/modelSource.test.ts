import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "@consilium/shared/encoding/digest";
import { ChargeId } from "@consilium/shared/ledger/entry";
import { studyWeights } from "@consilium/shared/model/studyWeights";
import type { RoundPurpose, RoundSpec } from "@consilium/shared/protocol/messages";
import { studyDigest } from "@consilium/shared/study/digest";
import { StudyDocument } from "@consilium/shared/study/document";
import { featureCount } from "@consilium/shared/study/features";
import { gridOfStudy } from "@consilium/shared/study/network";
import { jsonLinesLogger } from "@consilium/shared/system/logger";
import { SiteName } from "@consilium/shared/units/identity";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { leaves } from "../approval/quote.ts";
import type { EngineRequest } from "../engine/message.ts";
import { heartStudy } from "../ledger/study.test-support.ts";
import type { StudyStanding } from "./announcement.ts";
import { ModelSource } from "./modelSource.ts";
import { announcement, dataset } from "./siteBench.test-support.ts";

const plain = heartStudy();
const columns = featureCount(plain.data);
const layers = [
  { kind: "dense", name: "trunk", outputs: 2, activation: "tanh", frozen: true },
  { kind: "dense", name: "head", outputs: 1, activation: "linear" },
];
const { named } = studyWeights(
  { parameters: new Float32Array(3), frozen: new Float32Array(2 * columns + 2) },
  { source: { file: "trunk.safetensors", digest: digestOf("trunk") }, fresh: [] },
);
const document = StudyDocument.parse({
  ...plain,
  model: { preset: "keras", input: [columns], layers, weights: named },
});
const charges = { normalise: [], reference: [], train: [], evaluate: [], shadow: [], choose: [], audit: [] };
const standing: StudyStanding = {
  ...{ document, digest: studyDigest(document), dataset, state: "approved", frozen: null },
  ...{ parameterCount: 3, charges },
};

let folder: string;
let requests: EngineRequest[];
let downloads: number;
let logged: string[];
let source: ModelSource;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-models-"));
  [requests, downloads, logged] = [[], 0, []];
  source = new ModelSource({
    site: SiteName.parse("basel"),
    engine: {
      request: async (request) => {
        requests.push(request);
        return request.type === "open"
          ? { type: "opened", study: request.study, engine: "wasm", why: "small" }
          : { type: "done" };
      },
    },
    link: {
      send: async () => ({ type: "accepted" }),
      upload: async () => {},
      download: async (_digest, _bytes, path) => {
        downloads += 1;
        await writeFile(path, "");
      },
    },
    folder,
    logger: jsonLinesLogger("test", (line) => logged.push(line)),
    patients: () => ({ source: "prepared", path: "/prepared" }),
    weights: async ({ digest }) => `/weights/${digest}`,
  });
});
afterEach(() => rm(folder, { recursive: true }));

const round = (model: string, number = 1) =>
  announcement(number, 1, { model: { digest: digestOf(model), bytes: 12 } }).round;

describe("[STU41] the engine starts from the weights file that the steward signed", () => {
  test("opened with the file, the first round's model needs no other", async () => {
    const { digest, initial } = named;
    const first = announcement(1, 1, { model: { digest: initial, bytes: 12 } }).round;
    await source.prepare(first, standing, undefined);
    const { initialSeed } = document.training;
    expect(requests).toMatchObject([
      { type: "open", start: { path: `/weights/${digest}`, weights: named, seed: initialSeed } },
    ]);
    expect(downloads).toBe(0);
    expect(logged.map((line) => JSON.parse(line))).toMatchObject([
      { event: "study-opened", study: document.name, engine: "wasm", why: "small" },
    ]);
  });

  test("a first round from another model is refused before anything is opened", async () => {
    await expect(source.prepare(round("another"), standing, undefined)).rejects.toMatchObject({
      code: "round/other-start",
    });
    expect(requests).toEqual([]);
  });

  test("after a restart in a later round the model is fetched, the file stays the frozen part's", async () => {
    await source.prepare(round("later", 4), standing, undefined);
    expect(requests.map(({ type }) => type)).toEqual(["open", "load-model"]);
    expect(requests[0]).toHaveProperty("start");
    expect(downloads).toBe(1);
  });
});

test("[SAN16] approved anew with other sanitized records, a study is opened anew", async () => {
  const made = (name: string): StudyStanding => ({ ...standing, sanitized: ChargeId.parse(name) });
  await source.prepare(round("later", 4), made("sanitize/heart/1"), undefined);
  await source.prepare(round("later", 4), made("sanitize/heart/1"), undefined);
  await source.prepare(round("later", 4), made("sanitize/heart/2"), undefined);
  expect(requests.map(({ type }) => type)).toEqual(["open", "load-model", "open", "load-model"]);
});

describe("[REF5] reference models come to the engine", () => {
  const study = StudyDocument.parse({
    ...plain,
    data: { ...plain.data, shares: { train: 0.5, validation: 0.1, audit: 0.2, reference: 0.2 } },
    audit: {
      ...plain.audit,
      attacks: ["loss", "relative-membership"],
      references: { models: 2, rounds: 3, noiseMultiplier: 2, samplingRate: 0.5 },
    },
  });
  const approved: StudyStanding = { ...standing, document: study, digest: studyDigest(study) };
  const spec = (purpose: RoundPurpose, number: number, changes: Partial<RoundSpec>) => {
    const { round: announced } = announcement(number, 1, {
      model: { digest: digestOf("model"), bytes: 12 },
      ...changes,
    });
    return { ...announced, key: { ...announced.key, purpose } };
  };

  test("each is trained in a study opened for it, with its own grid, q and patients", async () => {
    for (const number of [1, 2, 4]) await source.prepare(spec("reference", number, {}), approved, undefined);
    await source.prepare(spec("train", 1, {}), approved, undefined);
    const opened = requests.flatMap((request) => (request.type === "open" ? [request] : []));
    const { samplingRate } = study.privacy;
    expect(opened.map(({ trainedOn, samplingRate: q, grid }) => [trainedOn, q, grid])).toMatchObject([
      ["reference", 0.5, { noiseMultiplier: 2 }],
      ["reference", 0.5, { noiseMultiplier: 2 }],
      [undefined, samplingRate, gridOfStudy(study)],
    ]);
  });

  test("a steward reads of their steps before the approval", () => {
    const [first] = leaves(study);
    expect(first).toMatch(/^before training, 6 contributions of \d+ bytes to 2 reference models of the audit: /);
    expect(first).toMatch(/the reference part's patients \(q = 0\.5\), each with Gaussian noise of σ = 2$/);
  });

  test("a step's divisor is q times the reference part's public patients", async () => {
    await source.prepare(
      spec("reference", 1, { model: { digest: digestOf("first"), bytes: 12 } }),
      approved,
      undefined,
    );
    const aggregate = Buffer.from("aggregate");
    const contributors = study.sites.map(({ name }) => name);
    const update = {
      ...{ from: digestOf("first"), step: 0, contributors },
      aggregate: { digest: digestOf(aggregate), bytes: aggregate.length },
    };
    await source.prepare(spec("reference", 2, { update }), approved, aggregate);
    const patients = study.sites.reduce((sum, site) => sum + Math.round((site.patients * 0.2) / 0.5), 0);
    expect(requests.at(-1)).toMatchObject({
      type: "advance-model",
      stretches: [expect.objectContaining({ divisor: 0.5 * patients })],
    });
  });

  test("for the audit all of them, fetched by digest and kept no longer than that", async () => {
    const references = ["one", "two"].map((name) => ({ digest: digestOf(name), bytes: 12 }));
    await source.prepare(spec("audit", 10, { references }), approved, undefined);
    expect(requests.map(({ type }) => type)).toEqual(["open", "load-model", "load-references"]);
    expect(requests.at(-1)).toMatchObject({ models: references.map(({ digest }) => ({ digest })) });
    expect(downloads).toBe(3);
    expect(await readdir(folder)).toEqual([]);
  });
});

test("[HED1] a steward is told that the site's own last layer reaches others by itself", () => {
  const headed = { ...plain, training: { ...plain.training, heads: "per-site" as const } };
  expect(leaves(headed).join("\n")).toContain("numbers of this site's own last layer reach the other sites");
  expect(leaves(plain).join("\n")).not.toContain("own last layer");
});
