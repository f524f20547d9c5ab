import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { plannedCharges, plannedEvents } from "../study/charges.ts";
import { isDpSgd, type StudyDocument } from "../study/document.ts";
import { eventsOf, plannedEpsilons } from "../study/noise.ts";
import { InvalidStudy, resolveStudy } from "../study/resolve.ts";
import { roundAfter, scheduleOf } from "../study/schedule.ts";
import { normalisationLines } from "./lines.ts";
import { normalisedColumns } from "./rule.ts";

const HEART = new URL("../../studies/heart/", import.meta.url);
const written = readFileSync(new URL("study.yaml", HEART), "utf8");

/** The heart study with a normalisation, as its author would write it. */
function heart(normalisation: string, changes: readonly [RegExp, string][] = []) {
  const text = changes.reduce((now, [from, to]) => now.replace(from, to), written);
  return resolveStudy({
    file: "study.yaml",
    text: `${text}\nnormalisation: ${normalisation}\n`,
    readReference: (path) => readFileSync(new URL(path, HEART), "utf8"),
  });
}

function faultsOf(normalisation: string): string {
  try {
    heart(normalisation);
  } catch (error) {
    if (error instanceof InvalidStudy) return error.message;
    throw error;
  }
  return "none";
}

const QUANTILES = "{ by: quantiles, noiseMultiplier: 8, bins: 16, columns: [chol, age] }";

describe("[NOR7] a study's normalisation is signed with it, and refused where it can't be done", () => {
  test.each([
    ["an unknown column", "{ by: quantiles, noiseMultiplier: 4, columns: [age, weight] }", "'weight' is no column"],
    ["a category", "{ by: quantiles, noiseMultiplier: 4, columns: [sex] }", "'sex' is a category"],
    ["the label", "{ by: quantiles, noiseMultiplier: 4, columns: [label] }", "'label' is no column"],
    ["a column twice", "{ by: quantiles, noiseMultiplier: 4, columns: [age, age] }", "'age' is named twice"],
    ["no columns", "{ by: quantiles, noiseMultiplier: 4, columns: [] }", "at least 1 item"],
    ["no noise", "{ by: quantiles, noiseMultiplier: 0 }", "must be > 0"],
    ["another way", "{ by: rank, noiseMultiplier: 4 }", "normalisation.by"],
    ["bins of moments", "{ by: mean-and-deviation, noiseMultiplier: 4, bins: 9 }", "bins"],
  ])("%s", (_, normalisation, words) => {
    expect(faultsOf(normalisation)).toContain(words);
    expect(faultsOf(normalisation)).toMatch(/study\.yaml:\d+/);
  });

  test("the columns that are named, or every number column, in the contract's order", () => {
    const named = heart(QUANTILES).document;
    const all = heart("{ by: mean-and-deviation, noiseMultiplier: 8 }").document;
    const namesOf = ({ normalisation, data }: typeof all) =>
      normalisation === undefined ? [] : normalisedColumns(normalisation, data).map(({ name }) => name);
    expect(namesOf(named)).toEqual(["age", "chol"]);
    expect(namesOf(all)).toEqual(all.data.columns.filter(({ type }) => type === "number").map(({ name }) => name));
  });

  test("it comes first in the schedule, once, and its study has another digest", () => {
    const { document, digest } = heart(QUANTILES);
    expect(scheduleOf(document).slice(0, 2)).toEqual([
      { purpose: "normalise", round: 0 },
      { purpose: "train", round: 1 },
    ]);
    expect(scheduleOf(document).filter(({ purpose }) => purpose === "normalise")).toHaveLength(1);
    let done: Parameters<typeof roundAfter>[1] = null;
    for (const planned of scheduleOf(document)) {
      done = roundAfter(document, done);
      expect(done).toEqual(planned);
    }
    expect(digest).not.toBe(heart(QUANTILES.replace("8", "9")).digest);
  });
});

describe("[NOR8] its charge is one of the study's own", () => {
  const { document } = heart(QUANTILES);

  test("on the training patients, once, however many the rounds", () => {
    const [charge, ...others] = plannedCharges(document, "normalise");
    expect(others).toEqual([]);
    expect(charge?.part).toBe("train");
    expect(
      plannedEvents(document).filter(({ event }) => event === charge?.event || same(event, charge?.event)),
    ).toEqual([charge]);
    const plain = { ...document, normalisation: undefined };
    expect(plannedCharges(plain, "normalise")).toEqual([]);
    const [dear, cheap] = [plannedEpsilons(document), plannedEpsilons(plain)];
    expect(dear.train).toBeGreaterThan(cheap.train);
    expect([dear.validation, dear.audit]).toEqual([cheap.validation, cheap.audit]);
  });

  test("`noiseMultiplier: auto` leaves room for it", () => {
    const auto: [RegExp, string][] = [[/noiseMultiplier: [\d.]+/, "noiseMultiplier: auto"]];
    const without = resolveStudy({
      file: "study.yaml",
      text: written.replace(...(auto[0] ?? [/x/, "x"])),
      readReference: (path) => readFileSync(new URL(path, HEART), "utf8"),
    }).document;
    const { document: own } = heart(QUANTILES, auto);
    const { epsilon } = own.privacy;
    expect(noiseOf(own)).toBeGreaterThan(noiseOf(without));
    expect(plannedEpsilons(own).train).toBeLessThanOrEqual(epsilon);
    expect(plannedEpsilons(own).train).toBeGreaterThan(0.995 * epsilon);
    expect(eventsOf(own, "train")).toHaveLength(3);
  });

  test("what it costs and what its noise lets it see is said, and that it sees nothing is warned of", () => {
    const said = normalisationLines(document).join("\n");
    expect(said).toMatch(/quantiles from 16 public bins each of age, chol/);
    expect(said).toMatch(/σ = 8, by itself ε = 0\.\d+ at δ = /);
    expect(said).toMatch(/crowd into less than about \d+ %/);
    expect(heart(QUANTILES).warnings.filter(({ path }) => path.startsWith("normalisation"))).toEqual([]);
    const [warning] = heart("{ by: quantiles, noiseMultiplier: 900 }").warnings.filter(({ path }) =>
      path.startsWith("normalisation"),
    );
    expect(warning?.message).toMatch(/hides every bin of fewer than \d+ patients/);
    const [other] = heart("{ by: mean-and-deviation, noiseMultiplier: 50 }").warnings.filter(({ path }) =>
      path.startsWith("normalisation"),
    );
    expect(other?.message).toContain("hides any standard deviation");
    expect(normalisationLines({ ...document, normalisation: undefined })).toEqual([]);
  });
});

function noiseOf(document: StudyDocument): number {
  if (!isDpSgd(document)) throw new RangeError("a study whose steps are noised");
  return document.privacy.noiseMultiplier;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
