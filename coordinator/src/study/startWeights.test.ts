import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { digestOf } from "@consilium/shared/encoding/digest";
import { initialParameters } from "@consilium/shared/model/initial";
import { studyWeights } from "@consilium/shared/model/studyWeights";
import { RELEASE_PATHS } from "@consilium/shared/release/manifest";
import { readModelFile } from "@consilium/shared/release/model";
import { StudyDocument } from "@consilium/shared/study/document";
import { modelSpecOfStudy } from "@consilium/shared/study/network";
import { SiteName } from "@consilium/shared/units/identity";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startOf } from "../model/start.ts";
import { listReleases } from "../storage/releases.ts";
import { Consortium, smallStudy } from "./consortium.test-support.ts";

const SEED = 7;
const layers = [
  { kind: "dense", name: "trunk", outputs: 3, activation: "tanh", frozen: true },
  { kind: "dense", name: "head", outputs: 1, activation: "linear" },
];
const frozen = Float32Array.from({ length: 9 }, (_, i) => i / 8 - 0.5);
const started = studyWeights(
  { parameters: new Float32Array([0.1, 0.2, 0.3, 0.4]), frozen },
  { source: { file: "trunk.safetensors", digest: digestOf("trunk") }, fresh: [] },
);
const document = StudyDocument.parse({
  ...smallStudy({ rounds: 12 }),
  model: { preset: "keras", input: [2], layers, weights: started.named },
});

let consortium: Consortium;
beforeEach(async () => {
  consortium = await Consortium.open();
  await consortium.world.weights.write([started.bytes]);
});
afterEach(async () => {
  await consortium.crash();
  await rm(consortium.folder, { recursive: true, force: true });
});

const path = () => consortium.world.weights.pathOf(started.named.digest);

describe("[STU41] a study runs from its weights file", () => {
  test("its first round starts from the trained part; the frozen part is in the release as it was", async () => {
    await consortium.begin(document);
    expect(await consortium.until("heart", "released", "rejected", "paused")).toBe("released");
    const announced = consortium
      .site(0)
      .heard.flatMap((message) =>
        message.type === "round-announced" && message.round.key.round === 1 ? [message.round] : [],
      );
    expect(announced[0]?.model).toEqual({ digest: started.named.initial, bytes: 16 });
    const release = listReleases(consortium.world.sql)[0]?.path ?? "";
    const model = readModelFile(document, await readFile(join(release, RELEASE_PATHS.model)));
    expect(model.frozen).toEqual(frozen);
    expect(model.parameters).not.toEqual(new Float32Array([0.1, 0.2, 0.3, 0.4]));
  });

  test("after a restart without its file it pauses and says so, and goes on with the file put back", async () => {
    await consortium.begin(document);
    await consortium.crash();
    await rm(path());
    consortium = await Consortium.open(consortium.folder, consortium.sites);
    await consortium.studies.resumeAll();
    const { standing, reason } = consortium.studies.record("heart");
    expect([standing.state, reason]).toEqual(["paused", expect.stringContaining("weights file of study heart")]);
    await consortium.world.weights.write([started.bytes]);
    await consortium.studies.resume(document.name, { by: "lead", reason: "the file is back" });
    expect(await consortium.until("heart", "released", "rejected")).toBe("released");
  });

  test("only the study's sites may fetch it", async () => {
    consortium.studies.propose(document, { by: "lead", reason: "proposed" });
    const { digest } = started.named;
    expect(await consortium.studies.fileFor(SiteName.parse("aachen"), digest)).toBe(path());
    expect(await consortium.studies.fileFor(SiteName.parse("zurich"), digest)).toBeUndefined();
    expect(await consortium.studies.fileFor(SiteName.parse("aachen"), digestOf("other"))).toBeUndefined();
  });
});

describe("[STU39] what a study starts from", () => {
  test("its file, held against the document", async () => {
    const { weights } = consortium.world;
    expect(await startOf(document, weights)).toEqual({ parameters: new Float32Array([0.1, 0.2, 0.3, 0.4]), frozen });
    await writeFile(
      path(),
      started.bytes.map((byte, i) => (i === 20 ? byte ^ 1 : byte)),
    );
    await expect(startOf(document, weights)).rejects.toThrow("its bytes are not those that the study names");
    await writeFile(path(), started.bytes.subarray(1));
    await expect(startOf(document, weights)).rejects.toThrow("its bytes are not those that the study names");
    await rm(path());
    await expect(startOf(document, weights)).rejects.toMatchObject({ code: "study/weights-missing" });
  });

  test("its seed, where it names none", async () => {
    const plain = smallStudy();
    const start = await startOf(plain, consortium.world.weights);
    expect(start).toEqual({
      parameters: initialParameters(modelSpecOfStudy(plain), SEED),
      frozen: new Float32Array(0),
    });
  });
});
