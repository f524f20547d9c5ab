import { describe, expect, test } from "vitest";
import { epsilonOfEvents } from "../accountant/convert.ts";
import { plannedCharges, plannedEvents } from "./charges.ts";
import { StudyDocument } from "./document.ts";
import { lineDocument, placeOf, referenceRounds, referenceStudy } from "./modelLines.ts";
import { gridOfStudy } from "./network.ts";
import { plannedEpsilons } from "./noise.ts";
import { divisorOf, lastAffordableRound, roundAfter, type ScheduledRound, scheduleOf } from "./schedule.ts";

const references = { models: 2, rounds: 3, noiseMultiplier: 1.5, samplingRate: 0.4 };

function input(changes: object = {}, audit: object = {}, data: object = {}) {
  return {
    apiVersion: "consilium/v1",
    kind: "Study",
    name: "heart",
    purpose: "Predict heart disease",
    data: {
      columns: [{ name: "age", type: "number", min: 20, max: 90 }],
      label: { name: "disease", values: [0, 1] },
      shares: { train: 0.5, validation: 0.1, audit: 0.2, reference: 0.2 },
      ...data,
    },
    model: { preset: "logistic" },
    privacy: { epsilon: 8, delta: 1e-4, clippingNorm: 1, noiseMultiplier: 2, samplingRate: 0.1 },
    training: {
      ...{ rounds: 4, answerAfterMs: 250, deadlineMs: 1000, minSites: 2, initialSeed: 7 },
      optimizer: { name: "sgd", learningRate: 0.5 },
    },
    evaluation: { everyRounds: 2, metrics: ["auc"], epsilon: 0.5 },
    audit: {
      attacks: ["loss", "relative-membership"],
      ...{ epsilon: { members: 1, nonMembers: 1 }, bins: 10, gates: { maxAttackAucUpper: 0.6 }, references },
      ...audit,
    },
    release: {},
    sites: [
      { name: "aachen", patients: 100 },
      { name: "basel", patients: 300 },
    ],
    ...changes,
  };
}
const study = StudyDocument.parse(input());
const text = (rounds: readonly ScheduledRound[]) =>
  rounds.map(({ purpose, round }) => `${purpose[0]}${round}`).join(" ");

describe("[REF2] steps of reference models are rounds like any, before the study's own", () => {
  test("scheduled model after model, each round after the one before", () => {
    expect(text(scheduleOf(study))).toBe("r1 r2 r3 r4 r5 r6 t1 t2 e2 t3 t4 e4 a4");
    const walked: ScheduledRound[] = [];
    for (let next = roundAfter(study, null); next !== null; next = roundAfter(study, next)) walked.push(next);
    expect(walked).toEqual(scheduleOf(study));
    const normalised = StudyDocument.parse(input({ normalisation: { by: "mean-and-deviation", noiseMultiplier: 10 } }));
    expect(text(scheduleOf(normalised)).startsWith("n0 r1 ")).toBe(true);
    expect(roundAfter(normalised, { purpose: "normalise", round: 0 })).toEqual({ purpose: "reference", round: 1 });
  });

  test("charged to the reference part, of which each patient pays for all models, and to nobody else", () => {
    expect(plannedCharges(study, "reference")).toMatchObject([
      { part: "reference", event: { kind: "poisson-gaussian", samplingRate: 0.4, noiseMultiplier: 1.5, count: 1 } },
    ]);
    const planned = plannedEvents(study).filter(({ part }) => part === "reference");
    expect(planned).toMatchObject([{ event: { count: referenceRounds(study) } }]);
    const { references: _, ...plainAudit } = study.audit;
    const plain = StudyDocument.parse({ ...study, audit: { ...plainAudit, attacks: ["loss", "entropy"] } });
    expect(plannedEpsilons(study)).toEqual({
      ...plannedEpsilons(plain),
      reference: epsilonOfEvents(
        planned.map(({ event }) => event),
        1e-4,
      ),
    });
  });

  test("a cap that they alone pass affords no round", () => {
    const { reference } = plannedEpsilons(study);
    expect(reference).toBeGreaterThan(plannedEpsilons(study).train);
    expect(lastAffordableRound(study, reference, 1e-4)).toBe(4);
    expect(lastAffordableRound(study, reference - 1e-6, 1e-4)).toBe(0);
  });

  test("local steps are as many events", () => {
    const training = { ...study.training, localSteps: 3, local: { learningRate: 0.1 } };
    const local = StudyDocument.parse({ ...study, training });
    expect(plannedCharges(local, "reference")).toMatchObject([{ event: { count: 3 } }]);
  });
});

describe("[REF3] a reference model's numbers follow from the signed study alone", () => {
  test("its place, start, patients, divisor and grid", () => {
    expect([1, 3, 4, 6].map((round) => placeOf(study, { purpose: "reference", round }))).toEqual([
      { line: 1, stepsBefore: 0 },
      { line: 1, stepsBefore: 2 },
      { line: 2, stepsBefore: 0 },
      { line: 2, stepsBefore: 2 },
    ]);
    expect(placeOf(study, { purpose: "train", round: 3 })).toEqual({ line: 0, stepsBefore: 2 });
    expect(placeOf(study, { purpose: "normalise", round: 0 })).toEqual({ line: 1, stepsBefore: 0 });
    const [first, second] = [referenceStudy(study, 1), referenceStudy(study, 2)];
    expect([first, second].map(({ training }) => training.initialSeed)).toEqual([8, 9]);
    expect(first.sites.map(({ patients }) => patients)).toEqual([40, 120]);
    expect(
      divisorOf(
        first,
        study.sites.map(({ name }) => name),
      ),
    ).toBeCloseTo(0.4 * 160, 12);
    expect(gridOfStudy(first)).toMatchObject({ noiseMultiplier: 1.5 });
    expect(gridOfStudy(first)).toEqual(gridOfStudy(second));
    expect(lineDocument(study, 0)).toBe(study);
    expect(StudyDocument.parse(first)).toEqual(first);
  });

  test("its q is the study's where it names none", () => {
    const { samplingRate: _, ...plain } = references;
    const same = StudyDocument.parse(input({}, { references: plain }));
    expect(referenceStudy(same, 1).privacy.samplingRate).toBe(0.1);
  });
});

describe("[REF7] what can't be had with reference models is refused", () => {
  const { references: _, ...without } = input().audit;
  const sanitized = {
    ...{ mechanism: "sanitized", epsilon: 8, delta: 1e-4, clippingNorm: 1, samplingRate: 0.1 },
    sanitized: { promise: "record", epsilon: 20 },
  };
  const shares = { train: 0.6, validation: 0.2, audit: 0.2 };
  test.each<[string, unknown, string, RegExp]>([
    ["attacks without models", input({ audit: without }), "audit.references", /^is missing: relative-membership/],
    ["models without attacks", input({}, { attacks: ["loss"] }), "audit.references", /paid for nothing/],
    ["no part for them", input({}, {}, { shares }), "data.shares", /needs a share `reference`/],
    ["a split column", input({}, {}, { split: "half" }), "data.split", /knows no reference part/],
    [
      "sanitized records",
      input({ privacy: sanitized }, {}, { patient: "id" }),
      "audit.references",
      /no original record/,
    ],
  ])("%s", (_what, document, path, message) => {
    const { error } = StudyDocument.safeParse(document);
    expect(error?.issues.map((issue) => [issue.path.join("."), message.test(issue.message)])).toEqual([[path, true]]);
  });

  test("shares that don't add up, with the part or without", () => {
    for (const reference of [0.1, 0.3]) {
      const parsed = StudyDocument.safeParse(input({}, {}, { shares: { ...shares, reference } }));
      expect(parsed.error?.issues[0]?.message).toMatch(/must add up to 1/);
    }
    expect(() =>
      referenceStudy(StudyDocument.parse({ ...study, audit: { ...without, attacks: ["loss"] } }), 1),
    ).toThrow();
  });
});
