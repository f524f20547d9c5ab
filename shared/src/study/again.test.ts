import { describe, expect, test } from "vitest";
import { trialDocument } from "../../../test/support/trialStudy.ts";
import { StudyName } from "../units/identity.ts";
import { Epsilon } from "../units/privacy.ts";
import { againDocument } from "./again.ts";
import type { AttackName } from "./audit.ts";
import { plannedCharges, plannedEvents } from "./charges.ts";
import { studyDigest } from "./digest.ts";
import { StudyDocument } from "./document.ts";
import { roundAfter, scheduleOf } from "./schedule.ts";

const { generator: _, ...trial } = trialDocument();
const first = StudyDocument.parse({
  ...trial,
  model: { preset: "logistic" },
  audit: { ...trial.audit, attacks: ["loss"], canaries: { count: 4, guesses: 4 } },
  training: { ...trial.training, earlyStop: { metric: "auc", patience: 2, minDelta: 0 } },
});
const rule = {
  ...{ study: first.name, studyDigest: studyDigest(first), manifest: studyDigest(first) },
  ...{ model: { digest: studyDigest(first), round: 40 }, reason: "an attack of next year" },
};
const ask = (attacks: AttackName[]) => ({
  ...{ name: StudyName.parse("trial-again"), attacks, bins: 10, classes: "pooled" as const, rule },
  epsilon: { members: Epsilon.parse(0.3), nonMembers: Epsilon.parse(0.5) },
});
const again = StudyDocument.parse(againDocument(first, ask(["entropy", "loss"])));

describe("[REA1] a second audit is a study of one round on the first one's split", () => {
  test("whose schedule and charges are that audit alone", () => {
    const only = { purpose: "audit", round: 40 } as const;
    expect(scheduleOf(again)).toEqual([only]);
    expect(roundAfter(again, null)).toEqual(only);
    expect(roundAfter(again, only)).toBeNull();
    expect(plannedEvents(again)).toEqual(plannedCharges(again, "audit"));
    expect(plannedEvents(again).map(({ part, event }) => [part, event.count])).toEqual([
      ["train", 2],
      ["audit", 2],
    ]);
    expect(again.privacy.epsilon).toBe(1);
  });

  test("splits patients, shapes histograms and is gated as the first one was", () => {
    expect(again.data).toEqual(first.data);
    expect(again.audit.gates).toEqual(first.audit.gates);
    expect(again.audit.canaries).toBeUndefined();
    expect(again.training.earlyStop).toBeUndefined();
  });

  test.each(["closest-record", "likelihood-ratio", "learned"] as const)("%s needs more than the model", (attack) => {
    expect(() => againDocument(first, ask([attack]))).toThrow(
      expect.objectContaining({ code: "audit/attack-not-again" }),
    );
  });

  test.each<[string, object, string]>([
    ["under the first one's name", { name: first.name }, "name"],
    ["of a round that never was", { again: { ...rule, model: { ...rule.model, round: 999 } } }, "again.model.round"],
    ["with canaries", { audit: { ...again.audit, canaries: { count: 4, guesses: 4 } } }, "audit.canaries"],
  ])("refused: %s", (_what, change, place) => {
    const { error } = StudyDocument.safeParse({ ...again, ...change });
    expect(error?.issues.map(({ path }) => path.join("."))).toContain(place);
  });
});
