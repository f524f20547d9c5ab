import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDocument } from "yaml";
import { InvalidStudy, resolveStudy } from "./resolve.ts";
import { followedFor, INTERVAL } from "./survivalRule.ts";

const FOLDER = fileURLToPath(new URL("../../studies/tcga-brca/", import.meta.url));
const text = readFileSync(`${FOLDER}study.yaml`, "utf8");

function resolved(changes: Readonly<Record<string, unknown>>) {
  const document = parseDocument(text);
  for (const [path, value] of Object.entries(changes)) {
    if (value === null) document.deleteIn(path.split("."));
    else document.setIn(path.split("."), value);
  }
  const readReference = (path: string) => readFileSync(`${FOLDER}${path}`, "utf8");
  return resolveStudy({ file: "study.yaml", text: document.toString(), readReference });
}

function faultOf(changes: Readonly<Record<string, unknown>>): string {
  try {
    resolved(changes);
  } catch (error) {
    if (error instanceof InvalidStudy) return error.message;
    throw error;
  }
  return "";
}

describe("[SUR1] a study of times", () => {
  test("has its intervals as a category of the signed contract, and a record for each", () => {
    const { data } = resolved({}).document;
    expect(data.columns.at(-1)).toEqual({
      ...{ name: INTERVAL, type: "category", missing: "refuse" },
      values: [1, 2, 3, 4, 5, 6, 7, 8],
    });
    expect(data).toMatchObject({ maxRecordsPerPatient: 8, survival: { time: "T" } });
  });

  test.each([
    ["a metric of classes", { "evaluation.metrics": ["auc"] }, "of times are [concordance] alone"],
    ["no rising cuts", { "data.survival.cuts": [10, 10, 20] }, "must rise"],
    ["one interval", { "data.survival.cuts": [10] }, "data.survival.cuts"],
    ["a time that is the label too", { "data.survival.time": "E" }, "'E' is already the label"],
    ["three outcomes", { "data.label.values": [0, 1, 2] }, "no event, event"],
    ["classes of its audit apart", { "audit.classes": "apart" }, "times have one an interval"],
    [
      "fewer records a patient than intervals",
      { "data.maxRecordsPerPatient": 3 },
      "must be the number of intervals, 8",
    ],
    ["concordance without times", { "data.survival": null }, "concordance is of a study with data.survival"],
    [
      "sanitized records",
      {
        "privacy.mechanism": "sanitized",
        "privacy.noiseMultiplier": null,
        "privacy.sanitized": { promise: "record", epsilon: 10 },
      },
      "sanitized records hold no times",
    ],
  ])("is refused with %s", (_, changes, message) => {
    expect(faultOf(changes)).toContain(message);
  });

  test("whoever enters an interval entered all before, and an event is in the last alone", () => {
    const cuts = [10, 20, 40];
    fc.assert(
      fc.property(fc.double({ min: 0, max: 100, noNaN: true }), fc.boolean(), (time, isEvent) => {
        const { entered, hadEvent } = followedFor({ cuts }, time, isEvent);
        expect(time).toBeGreaterThanOrEqual(entered === 1 ? 0 : (cuts[entered - 2] ?? 0));
        if (time <= 40) expect(time).toBeLessThanOrEqual(cuts[entered - 1] ?? 0);
        expect(hadEvent).toBe(isEvent && time <= 40);
      }),
    );
  });
});
