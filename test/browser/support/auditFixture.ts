import { AuditView } from "@consilium/coordinator/http/views";
import { ALL_EPSILON, at, digest, SITES } from "./consortiumFixture.ts";

function resolved(value: number, half: number) {
  const spread = { samplingStdDev: half / 4, noiseStdDev: half / 3, halfBin: half / 10 };
  return { state: "resolved", low: value - half, value, high: value + half, ...spread };
}

/** The audit of the made-up study, as the coordinator tells of it. */
export function audit(endedEarly: string | null) {
  const roc = Array.from({ length: 11 }, (_, index) => ({ fpr: index / 10, tpr: (index / 10) ** 0.94 }));
  return AuditView.parse({
    auditedAt: at(130),
    endedEarly,
    report: {
      formatVersion: 1,
      study: "heart-disease",
      studyDigest: digest("a"),
      modelDigest: digest("f"),
      round: 60,
      modelClasses: 2,
      confidence: 0.95,
      limit: 0.6,
      sites: SITES,
      sitesMissing: [],
      histograms: [],
      orderings: [
        {
          attacks: ["loss", "confidence", "modified-entropy"],
          members: 741.2,
          nonMembers: 92.4,
          auc: resolved(0.512, 0.071),
          detectableAuc: 0.585,
          pooledAuc: resolved(0.521, 0.069),
          advantage: resolved(0.09, 0.08),
          tprAtFpr: [{ fpr: 0.01, tpr: { state: "not-resolvable", why: "fewer than 10 non-members below it" } }],
          perSite: SITES.map((site, index) => ({
            site,
            auc:
              site === "switzerland"
                ? { state: "not-resolvable", why: "too few records" }
                : resolved(0.48 + index / 50, 0.14),
          })),
          perClass: [],
          strata: [SITES],
          roc,
        },
      ],
      canaries: {
        sites: SITES.map((site) => ({ site, count: 25, guesses: 25, correct: 14 })),
        ...{ count: 25 * SITES.length, guesses: 25 * SITES.length, correct: 14 * SITES.length },
        ...{ delta: 1e-4, epsilon: 0.04, epsilonMax: 3.49 },
      },
      best: resolved(0.512, 0.071),
      verdict: {
        kind: "bounded",
        words: "No attack tells members from others with an AUC above 0.583 (95 %); the study allows 0.6.",
      },
      label: "not an ε bound",
    },
    gate: {
      passed: true,
      rules: [
        {
          rule: "sites-audited",
          required: "at least 3",
          found: "4 (none missing)",
          passed: true,
          why: "Enough sites held the model against their own patients.",
        },
        {
          rule: "max-attack-auc-upper",
          required: "upper bound ≤ 0.6",
          found: "0.583",
          passed: true,
          why: "The best attack stays under the limit.",
        },
      ],
    },
    claimedEpsilon: ALL_EPSILON,
    claimedBy: "spent",
    spentEpsilon: ALL_EPSILON,
    delta: 1e-4,
  });
}
