import { StudyDocument } from "@consilium/shared/study/document";

/** A small study of the real one's shape: 60 rounds at q = 0.2, σ = 2.2 on two numbers. */
export function heartStudy(
  changes: { rounds?: number; noiseMultiplier?: number; epsilon?: number } = {},
): StudyDocument {
  return StudyDocument.parse({
    apiVersion: "consilium/v1",
    kind: "Study",
    name: "heart",
    purpose: "Predict heart disease",
    data: {
      columns: [
        { name: "age", type: "number", min: 20, max: 90 },
        { name: "chol", type: "number", min: 80, max: 500 },
      ],
      label: { name: "disease", values: [0, 1] },
    },
    model: { preset: "logistic" },
    privacy: {
      epsilon: changes.epsilon ?? 4,
      delta: 1e-4,
      clippingNorm: 1,
      noiseMultiplier: changes.noiseMultiplier ?? 2.2,
      samplingRate: 0.2,
    },
    training: {
      rounds: changes.rounds ?? 60,
      answerAfterMs: 20,
      deadlineMs: 2000,
      minSites: 1,
      optimizer: { name: "sgd", learningRate: 1, momentum: 0.9 },
      initialSeed: 7,
    },
    evaluation: { everyRounds: 10, metrics: ["auc"], epsilon: 0.1 },
    audit: { attacks: ["loss"], epsilon: { members: 0.3, nonMembers: 1 }, bins: 10, gates: { maxAttackAucUpper: 0.6 } },
    release: {},
    sites: [
      { name: "basel", patients: 212 },
      { name: "zurich", patients: 206 },
    ],
  });
}
