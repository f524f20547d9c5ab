import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parseDocument } from "yaml";
import { modelDigest } from "../model/modelDigest.ts";
import { modelFile, modelForSite, readModelFile } from "../release/model.ts";
import { plannedCharges } from "./charges.ts";
import { gridOfStudy } from "./network.ts";
import { InvalidStudy, resolveStudy } from "./resolve.ts";
import { aggregateValuesOf, headsOfStudy, modelNumbersOf, stretchesOf } from "./siteHeads.ts";

const FOLDER = fileURLToPath(new URL("../../studies/", import.meta.url));

function resolved(study: string, changes: Readonly<Record<string, unknown>>) {
  const document = parseDocument(readFileSync(`${FOLDER}${study}/study.yaml`, "utf8"));
  for (const [path, value] of Object.entries(changes)) document.setIn(path.split("."), value);
  const readReference = (path: string) => readFileSync(`${FOLDER}${study}/${path}`, "utf8");
  const readBytes = (path: string) => readFileSync(`${FOLDER}${study}/${path}`);
  return resolveStudy({ file: "study.yaml", text: document.toString(), readReference, readBytes }).document;
}

function faultOf(study: string, changes: Readonly<Record<string, unknown>>): string {
  try {
    resolved(study, changes);
  } catch (error) {
    if (error instanceof InvalidStudy) return error.message;
    throw error;
  }
  return "";
}

const HEADS = { "training.heads": "per-site" };

describe("[HED1] heads of sites' own", () => {
  test("change no contribution and no charge: the model alone is longer", () => {
    const mlp = { model: { preset: "mlp", hidden: [5] } };
    const [plain, headed] = [resolved("heart", mlp), resolved("heart", { ...mlp, ...HEADS })];
    expect(gridOfStudy(headed)).toEqual(gridOfStudy(plain));
    expect(plannedCharges(headed, "train")).toEqual(plannedCharges(plain, "train"));
    expect(headed.privacy).toEqual(plain.privacy);
    // One logit from five hidden units, at each of four hospitals.
    expect(modelNumbersOf(headed) - modelNumbersOf(plain)).toBe(4 * 6);
    expect(aggregateValuesOf(headed) - aggregateValuesOf(plain)).toBe(4 * 6);
  });
});

describe("[HED2] a step", () => {
  test("takes the network over all contributors' patients, a head over its own site's, and a count not at all", () => {
    const document = resolved("heart", { ...HEADS, "privacy.clipping": { mode: "adaptive" } });
    const names = document.sites.map(({ name }) => name);
    const [first = "", second = ""] = names;
    const q = document.privacy.samplingRate;
    const of = (name: string) => q * (document.sites.find((site) => site.name === name)?.patients ?? 0);
    const [network, count, ...heads] = stretchesOf(document, names.slice(0, 2));
    expect(network?.divisor).toBeCloseTo(of(first) + of(second), 9);
    expect(count).toEqual({ values: 1, divisor: null });
    expect(heads.map(({ divisor }) => divisor)).toEqual(names.map((name) => expect.closeTo(of(name), 9)));
    const values = stretchesOf(document, names).reduce((sum, stretch) => sum + stretch.values, 0);
    expect(values).toBe(aggregateValuesOf(document));
  });
});

describe("[HED3] a released model", () => {
  const document = resolved("heart", { ...HEADS, model: { preset: "mlp", hidden: [5] } });
  const numbers = Float32Array.from({ length: modelNumbersOf(document) }, (_, i) => i / 7);
  const file = modelFile(document, { parameters: numbers, frozen: new Float32Array(0) }, undefined);

  test("comes back whole, and by site", () => {
    const read = readModelFile(document, file);
    expect(modelDigest(read.parameters)).toBe(modelDigest(numbers));
    const heads = headsOfStudy(document);
    if (heads === undefined) throw new Error("it has heads");
    const own = modelForSite(document, read, "va").parameters;
    expect([...own.subarray(heads.offset)]).toEqual([...numbers.subarray(heads.network + 3 * heads.size)]);
    expect([...own.subarray(0, heads.offset)]).toEqual([...numbers.subarray(0, heads.offset)]);
  });

  test("has no head of a stranger, and another study's none at all", () => {
    const read = readModelFile(document, file);
    expect(() => modelForSite(document, read, "boston")).toThrow("has no site boston");
    const common = resolved("heart", {});
    expect(() => modelForSite(common, read, "va")).toThrow("share one model");
    expect(() => readModelFile(common, file)).toThrow("does not hold the parameters");
  });
});

describe("[HED4] heads that no study has", () => {
  test.each([
    ["of another kind", "heart", { "training.heads": "common" }, "training.heads"],
    ["of a generator", "trial", HEADS, "can't be had with a generator"],
    ["of pretrained weights", "chest-films", HEADS, "starts from a weights file"],
    [
      "beside reference models",
      "heart",
      {
        ...HEADS,
        "data.shares": { train: 0.5, validation: 0.1, audit: 0.2, reference: 0.2 },
        "audit.attacks": ["loss", "relative-membership"],
        "audit.references": { models: 2, rounds: 3, noiseMultiplier: 2 },
      },
      "can't be had with audit.references",
    ],
  ])("%s", (_, study, changes, told) => expect(faultOf(study, changes)).toContain(told));

  test("of one site", () => {
    const fault = faultOf("heart", { ...HEADS, "training.minSites": 1, sites: [{ name: "va", patients: 100 }] });
    expect(fault).toContain("need two sites");
  });
});
