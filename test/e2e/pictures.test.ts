import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publicUniform } from "@consilium/shared/model/initial";
import { TAG, textElement } from "@consilium/site-agent/dicom/dataset";
import { writeDicom } from "@consilium/site-agent/dicom/write";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Consortium } from "../../simulation/processes/consortium.mjs";

const SITES = ["aachen", "basel"];
const STUDY = "bright-films";
const FILMS = 240;
const SIDE = 28;

/** One hospital has pictures, the other DICOM files: noise of 8 bits, and in those of class 1 a brighter half. */
describe("[DAT33][DAT34] a study whose one column is a picture", () => {
  const folder = mkdtempSync(join(tmpdir(), "consilium-films-"));
  const consortium = new Consortium(folder);

  beforeAll(async () => {
    await consortium.createCoordinator();
    const dummy = join(folder, "any.csv");
    writeFileSync(dummy, "a,b\n1,2\n");
    for (const [index, name] of SITES.entries()) {
      await consortium.enrol(name, { records: dummy, dataset: "any", epsilon: 1, delta: 1e-4 });
      await consortium.site(name, ["data", "register", "films", await films(join(folder, `at-${name}`), index)]);
      await consortium.steward(name, ["budget", "cap", "films", "--epsilon", "40", "--delta", "1e-4"]);
      await consortium.startSite(name);
    }
  });

  afterAll(async () => {
    await consortium.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("trains from both to a release", async () => {
    const study = join(folder, "study.yaml");
    writeFileSync(study, studyText());
    await consortium.beginStudy(study, STUDY, "films", SITES);
    const ended = await consortium.reached(STUDY, ["released", "rejected", "paused"]);
    expect(ended.reason).toBe("the audit passed the study's gate");
    expect(ended).toMatchObject({ state: "released", committedRounds: 2 });
  });
});

/** Returns the data set's file. */
async function films(at: string, index: number): Promise<string> {
  mkdirSync(join(at, "films"), { recursive: true });
  const next = publicUniform(index + 1);
  const labels = ["id,ill"];
  for (let i = 0; i < FILMS; i++) {
    const pixels = Buffer.from(
      Array.from({ length: SIDE * SIDE }, (_, p) => 120 * next() + (i % 2 === 1 && p < (SIDE * SIDE) / 2 ? 100 : 0)),
    );
    const bytes = index === 0 ? await png(pixels) : dicom(pixels, i);
    writeFileSync(join(at, "films", `${i}`.concat(index === 0 ? ".png" : "")), bytes);
    labels.push(index === 0 ? `${i}.png,${i % 2},p${i}` : `p${i},${i % 2}`);
  }
  if (index === 0) labels[0] = "id,ill,patient";
  writeFileSync(join(at, "labels.csv"), `${labels.join("\n")}\n`);
  const common = { folder: "films", size: [SIDE, SIDE], column: "film" };
  const source =
    index === 0
      ? { images: { ...common, table: { file: "labels.csv", path: "id" } } }
      : { dicom: { ...common, labels: { file: "labels.csv", patient: "id" } } };
  const path = join(at, "films.yaml");
  writeFileSync(path, JSON.stringify({ apiVersion: "consilium/v1", kind: "Dataset", source }));
  return path;
}

function png(pixels: Buffer): Promise<Buffer> {
  return sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 1 } })
    .toColourspace("b-w")
    .png()
    .toBuffer();
}

function dicom(pixels: Buffer, i: number): Uint8Array {
  const short = (tag: number, value: number) => {
    return { tag, vr: "US", value: { kind: "bytes", bytes: Uint8Array.of(value, 0) } } as const;
  };
  const elements = [
    textElement(TAG.sopClass, "UI", "1.2.840.10008.5.1.4.1.1.1"),
    textElement(TAG.sopInstance, "UI", `1.2.3.${i}`),
    textElement(TAG.modality, "CS", "DX"),
    textElement(TAG.patientId, "LO", `p${i}`),
    textElement(TAG.photometric, "CS", "MONOCHROME2"),
    ...[short(TAG.samplesPerPixel, 1), short(TAG.rows, SIDE), short(TAG.columns, SIDE)],
    ...[short(TAG.bitsAllocated, 8), short(TAG.bitsStored, 8), short(TAG.pixelRepresentation, 0)],
    { tag: TAG.pixelData, vr: "OB", value: { kind: "bytes", bytes: pixels } } as const,
  ];
  return writeDicom({
    dataset: new Map(elements.map((element) => [element.tag, element])),
    transferSyntax: "1.2.840.10008.1.2.1",
  });
}

function studyText(): string {
  return `apiVersion: consilium/v1
kind: Study
name: ${STUDY}
purpose: Tell bright films from dark ones
data:
  columns:
    - { name: film, type: array, shape: [${SIDE}, ${SIDE}, 1], min: 0, max: 255 }
  label: { name: ill, values: [0, 1] }
  patient: patient
model: { preset: cnn, input: [${SIDE}, ${SIDE}, 1] }
privacy: { epsilon: 20, delta: 1.0e-4, clippingNorm: 1, noiseMultiplier: 2, samplingRate: 0.2 }
training:
  rounds: 2
  answerAfter: 1s
  deadline: 30s
  minSites: 2
  optimizer: { name: sgd, learningRate: 0.5 }
  initialSeed: 7
evaluation: { every: 2 rounds, metrics: [auc], epsilon: 1 }
audit:
  attacks: [loss]
  epsilon: { members: 1, nonMembers: 1 }
  bins: 10
  gates: { maxAttackAucUpper: 1 }
sites:
${SITES.map((site) => `  - { name: ${site}, patients: 168 }`).join("\n")}
`;
}
