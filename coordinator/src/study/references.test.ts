import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { coarseStep } from "@consilium/shared/contribution/grid";
import { unpackInto } from "@consilium/shared/contribution/pack";
import { digestOf } from "@consilium/shared/encoding/digest";
import { initialParameters } from "@consilium/shared/model/initial";
import { modelDigest } from "@consilium/shared/model/modelDigest";
import { studyWeights } from "@consilium/shared/model/studyWeights";
import { applyUpdate, initialState } from "@consilium/shared/optimizer/applyUpdate";
import { jsonBytes, RELEASE_PATHS } from "@consilium/shared/release/manifest";
import { PrivacyStatement } from "@consilium/shared/release/statement";
import { verifyRelease } from "@consilium/shared/release/verify";
import { StudyDocument } from "@consilium/shared/study/document";
import { type LineNumber, lineDocument, placeOf } from "@consilium/shared/study/modelLines";
import { gridOfStudy, modelSpecOfStudy } from "@consilium/shared/study/network";
import { divisorOf } from "@consilium/shared/study/schedule";
import type { SiteName } from "@consilium/shared/units/identity";
import { afterEach, describe, expect, test } from "vitest";
import { latestModel } from "../storage/models.ts";
import { listReleases } from "../storage/releases.ts";
import { newestRounds } from "../storage/rounds.ts";
import { Consortium, coordinatorSigner, smallStudy } from "./consortium.test-support.ts";

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

async function newConsortium(): Promise<Consortium> {
  const consortium = await Consortium.open();
  folders.push(consortium.folder);
  return consortium;
}

const references = { models: 2, rounds: 12, noiseMultiplier: 1.5, samplingRate: 0.3 };
const study = (changes: object = {}): StudyDocument => smallStudy({ rounds: 5, references, ...changes });

/** What a line's model must be: every contribution that was committed, added and applied from its own seed on. */
function replayed(document: StudyDocument, { sites, world }: Consortium, line: LineNumber): string {
  const own = lineDocument(document, line);
  const grid = gridOfStudy(own);
  const { optimizer, initialSeed } = own.training;
  const parameters = initialParameters(modelSpecOfStudy(own), initialSeed);
  let state = initialState(optimizer, parameters.length);
  const rounds = [...newestRounds(world.sql, document.name, 200)].reverse();
  for (const { key, answers, state: ended } of rounds) {
    const isStep = key.purpose === "train" || key.purpose === "reference";
    if (!isStep || ended !== "committed" || placeOf(document, key).line !== line) continue;
    const names = [...answers].flatMap(([site, answer]): SiteName[] => (answer === "answered" ? [site] : []));
    const sum = new Int32Array(grid.dimension);
    for (const site of sites.filter(({ name }) => names.includes(name)))
      unpackInto(sum, grid.bits, site.contribution(document, key).attachment);
    state = applyUpdate(optimizer, state, parameters, sum, coarseStep(grid), divisorOf(own, names));
  }
  return modelDigest(parameters);
}

const announced = ({ sites }: Consortium) =>
  (sites[0]?.heard ?? []).flatMap((message) => (message.type === "round-announced" ? [message.round] : []));

async function releaseOf({ world }: Consortium): Promise<Map<string, Uint8Array>> {
  const path = listReleases(world.sql)[0]?.path ?? "";
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1));
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(path, name))] as const)));
}

function failedChecks(files: ReadonlyMap<string, Uint8Array>): string[] {
  const { checks } = verifyRelease((name) => files.get(name) ?? null, [...files.keys()], coordinatorSigner.publicKey);
  return checks.filter(({ passed }) => !passed).map(({ name }) => name);
}

describe("[REF2] reference models are trained, charged and released as rounds like any", () => {
  test("before the study's own model, on a part of their own; the audit names them, and the release verifies", async () => {
    const consortium = await newConsortium();
    const document = study();
    await consortium.begin(document);
    expect(await consortium.until("heart", "released", "rejected", "paused")).toBe("released");
    const { world, store, errors } = consortium;
    const rounds = [...newestRounds(world.sql, document.name, 100)].reverse();
    const steps = Array.from({ length: 24 }, (_, index) => `r${index + 1}`);
    expect(rounds.map(({ key }) => `${key.purpose[0]}${key.round}`)).toEqual([
      ...steps,
      "t1",
      "t2",
      "t3",
      "t4",
      "t5",
      "e5",
      "a5",
    ]);
    const charges = [...store.state.charges.values()].filter(({ body }) => body.part === "reference");
    expect(charges).toHaveLength(3 * 24);
    expect(charges.every(({ state, body }) => state === "committed" && body.charge.includes("/reference-"))).toBe(true);
    const finished = [1, 2].map((line) => latestModel(world.sql, document.name, line));
    expect(finished.map((model) => model?.version)).toEqual([12, 12]);
    for (const line of [0, 1, 2]) {
      expect(latestModel(world.sql, document.name, line)?.digest).toBe(replayed(document, consortium, line));
    }
    expect(finished[0]?.digest).not.toBe(finished[1]?.digest);
    const named = announced(consortium).filter(({ references: some }) => some !== undefined);
    expect(named.map(({ key, references: some }) => [key.purpose, some])).toEqual([
      ["audit", finished.map((model) => ({ digest: model?.digest, bytes: model?.bytes }))],
    ]);
    const files = await releaseOf(consortium);
    expect(failedChecks(files)).toEqual([]);
    const statement = PrivacyStatement.parse(JSON.parse(new TextDecoder().decode(files.get(RELEASE_PATHS.privacy))));
    for (const { parts } of statement.sites) {
      const part = parts.find((entry) => entry.part === "reference");
      expect(part?.events).toMatchObject([{ samplingRate: 0.3, noiseMultiplier: 1.5, count: 24 }]);
    }
    expect(new TextDecoder().decode(files.get(RELEASE_PATHS.privacyText))).toContain("reference part");
    expect(new TextDecoder().decode(files.get(RELEASE_PATHS.auditText))).toMatch(
      /The scores of relative-membership and likelihood-ratio compare the model with\s+reference models/,
    );
    const without = {
      ...statement,
      sites: statement.sites.map((site) => ({ ...site, parts: site.parts.slice(0, 3) })),
    };
    expect(failedChecks(new Map(files).set(RELEASE_PATHS.privacy, jsonBytes(without)))).not.toEqual([]);
    expect(errors).toEqual([]);
    await consortium.crash();
  });

  test("sites fetch each finished model by its digest", async () => {
    const consortium = await newConsortium();
    const document = study({ answerMs: 20 });
    await consortium.begin(document);
    const references = async () => {
      for (;;) {
        const [found] = announced(consortium).flatMap(({ references: some }) => (some === undefined ? [] : [some]));
        if (found !== undefined) return found;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    };
    for (const { digest, bytes } of await references()) {
      const [site] = consortium.sites;
      const path = site && (await consortium.studies.fileFor(site.name, digest));
      const file = await readFile(path ?? "");
      expect([digestOf(file), file.length]).toEqual([digest, bytes]);
    }
    await consortium.crash();
  });
});

describe("[REF3] what reference models go with", () => {
  test("a weights file: all of them start from it, as the study does", async () => {
    const consortium = await newConsortium();
    const layers = [{ kind: "dense", name: "head", outputs: 1, activation: "linear" }];
    const { bytes, named } = studyWeights(
      { parameters: new Float32Array([0.1, 0.2, 0.3]), frozen: new Float32Array(0) },
      { source: { file: "head.safetensors", digest: digestOf("head") }, fresh: [] },
    );
    await consortium.world.weights.write([bytes]);
    const model = { preset: "keras", input: [2], layers, weights: named };
    await consortium.begin(StudyDocument.parse({ ...study(), model }));
    expect(await consortium.until("heart", "released", "rejected", "paused")).toBe("released");
    const firsts = announced(consortium).filter(({ update }) => update === undefined);
    expect(firsts.map(({ key, model: from }) => [key.purpose, key.round, from.digest])).toEqual([
      ["reference", 1, named.initial],
      ["reference", 13, named.initial],
      ["train", 1, named.initial],
    ]);
    expect(failedChecks(await releaseOf(consortium))).toEqual([]);
    await consortium.crash();
  });

  test("normalisation and early stop: the release verifies, and reference models had all of their rounds", async () => {
    const consortium = await newConsortium();
    const normalisation = { by: "quantiles", noiseMultiplier: 2, columns: ["chol"], bins: 20 };
    const earlyStop = { metric: "accuracy", patience: 1, minDelta: 0.3 };
    await consortium.begin(study({ rounds: 40, normalisation, earlyStop }));
    expect(await consortium.until("heart", "released", "rejected", "paused")).toBe("released");
    const rounds = [...newestRounds(consortium.world.sql, consortium.studies.record("heart").document.name, 100)];
    const count = (purpose: string) => rounds.filter(({ key }) => key.purpose === purpose).length;
    expect(["normalise", "reference", "train", "audit"].map(count)).toEqual([1, 24, 10, 1]);
    expect(failedChecks(await releaseOf(consortium))).toEqual([]);
    await consortium.crash();
  });
});

describe("[REF3] a coordinator killed at any moment goes on with the same reference models", () => {
  test.each([7, 19, 37])("killed every %i ms", async (lifeMs) => {
    let consortium = await newConsortium();
    const document = study({ optimizer: { name: "adam", learningRate: 0.1 } });
    await consortium.begin(document);
    for (let lives = 0; lives < 20; lives++) {
      await new Promise((resolve) => setTimeout(resolve, lifeMs + lives * 4));
      const { state } = consortium.studies.record("heart").standing;
      await consortium.crash();
      consortium = await Consortium.open(consortium.folder, consortium.sites);
      if (state === "released") break;
      await consortium.studies.resumeAll();
      for (const { name } of consortium.sites) consortium.studies.onConnected(name);
    }
    expect(await consortium.until("heart", "released", "rejected", "paused")).toBe("released");
    for (const line of [0, 1, 2]) {
      const { sql } = consortium.world;
      expect(latestModel(sql, document.name, line)?.digest).toBe(replayed(document, consortium, line));
    }
    const charges = [...consortium.store.state.charges.values()].filter(({ body }) => body.part === "reference");
    expect(charges).toHaveLength(3 * 24);
    expect(failedChecks(await releaseOf(consortium))).toEqual([]);
    await consortium.crash();
  });
});
