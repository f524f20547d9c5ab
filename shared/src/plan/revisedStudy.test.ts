import { describe, expect, test } from "vitest";
import { StudyDocument } from "../study/document.ts";
import { StudyName } from "../units/identity.ts";
import { planStudy } from "./planStudy.ts";
import { nextName, revisedStudy } from "./revisedStudy.ts";
import { requireDpSgd } from "./variant.ts";

const document = StudyDocument.parse({
  apiVersion: "consilium/v1",
  kind: "Study",
  name: "heart",
  purpose: "test",
  data: { columns: [{ name: "age", type: "number", min: 20, max: 90 }], label: { name: "sick", values: [0, 1] } },
  model: { preset: "logistic" },
  privacy: { epsilon: 4, delta: 1e-4, clippingNorm: 1, noiseMultiplier: 2.2, samplingRate: 0.2 },
  training: {
    rounds: 60,
    answerAfterMs: 20,
    deadlineMs: 2000,
    minSites: 1,
    optimizer: { name: "sgd", learningRate: 1 },
    initialSeed: 7,
  },
  evaluation: { everyRounds: 20, metrics: ["auc"], epsilon: 0.2 },
  audit: { attacks: ["loss"], epsilon: { members: 0.3, nonMembers: 0.8 }, bins: 10, gates: { maxAttackAucUpper: 0.6 } },
  release: {},
  sites: [{ name: "basel", patients: 200 }],
});

describe("[STU51] a study that adopts an offer", () => {
  test.each([{ epsilon: 2 }, { epsilon: 2, rounds: 30 }, { epsilon: 6 }])("%j: the least σ that fits", (revision) => {
    const revised = revisedStudy(document, { ...revision, name: "heart-2" });
    const plan = planStudy(revised, { noiseWasAuto: true });
    expect(revised).toMatchObject({ name: "heart-2", training: { rounds: revision.rounds ?? 60 } });
    expect(plan.fits).toBe(true);
    const { noiseMultiplier } = requireDpSgd(revised).privacy;
    const less = { ...revised, privacy: { ...revised.privacy, noiseMultiplier: noiseMultiplier - 2e-4 } };
    expect(planStudy(StudyDocument.parse(less), { noiseWasAuto: false }).fits).toBe(false);
  });

  test("an ε that its audit alone passes is refused", () => {
    expect(() => revisedStudy(document, { epsilon: 0.5 })).toThrow(
      expect.objectContaining({ code: "study/offer-too-small" }),
    );
  });

  test("[ACC17] sites that share patients are planned for together, where the study lists them", () => {
    const sites = ["basel", "como"].map((name) => ({ name, patients: 200 }));
    const shared = { ...document, sites, overlap: [{ sites: ["basel", "como"] }] };
    const plan = planStudy(StudyDocument.parse(shared), { noiseWasAuto: false });
    expect(plan.overlap).toMatchObject([{ sites: ["basel", "como"] }]);
    expect(plan.overlap[0]?.epsilon).toBeGreaterThan(plan.epsilon.train ?? Infinity);
    const said = (changes: object): unknown =>
      StudyDocument.safeParse({ ...shared, ...changes }).error?.issues.map(({ message }) => message);
    expect(said({ overlap: [{ sites: ["basel", "bern"] }] })).toEqual(["names bern, which is no site of this study"]);
    expect(said({ overlap: [{ sites: ["basel", "basel"] }] })).toEqual(["names basel twice"]);
    expect(said({ privacy: { ...document.privacy, trust: "distributed" } })).toContain(
      "can't be counted under trust: distributed in this version: use trust: local",
    );
  });

  test.each([
    ["heart", "heart-2"],
    ["heart-2", "heart-3"],
    ["lung-7-9", "lung-7-10"],
  ])("after %s comes %s", (name, next) => expect(nextName(StudyName.parse(name))).toBe(next));
});
