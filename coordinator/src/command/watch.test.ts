import { expect, test } from "vitest";
import { type Look, lineOf } from "./watch.ts";

const look: Look = {
  study: "heart",
  state: "training",
  round: 20,
  rounds: 60,
  auc: null,
  metrics: null,
  epsilon: 1.2341,
  delta: 1e-5,
  reason: null,
  endedEarly: null,
};
const stopped = "Stopped early: the best auc was 0.700 after round 10; that after round 20 did not beat it.";
const resolved = { state: "resolved", low: 0.7, value: 0.7571, high: 0.8 } as const;
const hidden = { state: "not-resolvable", why: "too few patients for the noise" } as const;

test.each([
  [
    "before the first evaluation",
    {},
    "training | round 20/60 | ε 1.235 at δ = 0.00001, over all studies, at the site that spent most",
  ],
  [
    "with its interval",
    { metrics: { round: 20, auc: resolved, accuracy: hidden, concordance: null } },
    "training | round 20/60 | AUC 0.757 (0.700 to 0.800) | ε 1.235 at δ = 0.00001, over all studies, at the site that spent most",
  ],
  [
    "that noise hides",
    { metrics: { round: 20, auc: hidden, accuracy: resolved, concordance: null } },
    "training | round 20/60 | AUC hidden by noise | ε 1.235 at δ = 0.00001, over all studies, at the site that spent most",
  ],
  [
    "of times",
    { metrics: { round: 20, auc: null, accuracy: null, concordance: resolved } },
    "training | round 20/60 | c-index 0.757 (0.700 to 0.800) | ε 1.235 at δ = 0.00001, over all studies, at the site that spent most",
  ],
  [
    "of more than two classes",
    { metrics: { round: 20, auc: null, accuracy: resolved, concordance: null } },
    "training | round 20/60 | accuracy 0.757 (0.700 to 0.800) | ε 1.235 at δ = 0.00001, over all studies, at the site that spent most",
  ],
  [
    "whose reason to be audited is why it ended early: told once",
    { state: "auditing", reason: stopped, endedEarly: `${stopped} Signed rule: …` },
    `auditing | round 20/60 | ε 1.235 at δ = 0.00001, over all studies, at the site that spent most | ${stopped} Signed rule: …`,
  ],
  [
    "that was released, and ended early",
    { state: "released", reason: "the audit passed", endedEarly: stopped },
    `released | round 20/60 | ε 1.235 at δ = 0.00001, over all studies, at the site that spent most | the audit passed | ${stopped}`,
  ],
])("a study %s", (_, changes, line) => {
  expect(lineOf({ ...look, ...changes })).toBe(line);
});
