import { digestOf } from "@consilium/shared/encoding/digest";
import { RoundKey, type RoundSpec } from "@consilium/shared/protocol/messages";
import { studyDigest } from "@consilium/shared/study/digest";
import { StudyDocument } from "@consilium/shared/study/document";
import { DatasetId, SiteName } from "@consilium/shared/units/identity";
import { ClippingNorm } from "@consilium/shared/units/privacy";
import { describe, expect, test } from "vitest";
import { heartStudy } from "../ledger/study.test-support.ts";
import { announcementRefusal, type StudyStanding } from "./announcement.ts";

const site = SiteName.parse("basel");
const stop = {
  metric: "auc" as const,
  best: { round: 10, value: 0.7 },
  since: [
    { round: 20, value: 0.69 },
    { round: 30, value: 0.71 },
  ],
};

function standingOf(earlyStop?: unknown, clipping?: unknown): StudyStanding {
  const { training, privacy, ...rest } = heartStudy();
  const document = StudyDocument.parse({
    ...rest,
    privacy: { ...privacy, clipping },
    training: { ...training, earlyStop },
  });
  return {
    document,
    digest: studyDigest(document),
    state: "approved",
    dataset: DatasetId.parse("heart"),
    frozen: null,
    parameterCount: 3,
    charges: { normalise: [], reference: [], train: [], evaluate: [], shadow: [], choose: [], audit: [] },
  };
}

function refusalOf(standing: StudyStanding, changes: Partial<RoundSpec>): string | undefined {
  const { document, digest } = standing;
  const spec: RoundSpec = {
    key: RoundKey.parse({ study: document.name, purpose: "audit", round: 30, attempt: 1 }),
    studyDigest: digest,
    cohort: document.sites.map(({ name }) => name),
    model: { digest: digestOf("model"), bytes: 12 },
    answerAfterMs: document.training.answerAfterMs,
    deadlineMs: document.training.deadlineMs,
    ...changes,
  };
  return announcementRefusal(spec, standing, site)?.code;
}

describe("[STU40] a site checks an early stop by its own copy of the study", () => {
  const patient = standingOf({ metric: "auc", patience: 2, minDelta: 0.02 });

  test("a reason that the study's rule gives, or none: a budget may have ended training too", () => {
    expect(refusalOf(patient, { stop })).toBeUndefined();
    expect(refusalOf(patient, {})).toBeUndefined();
  });

  test.each([
    { why: "figures that rose", standing: standingOf({ metric: "auc", patience: 2 }), changes: {} },
    { why: "too few evaluations", standing: standingOf({ metric: "auc", patience: 3, minDelta: 0.02 }), changes: {} },
    { why: "a study without the rule", standing: standingOf(), changes: {} },
    { why: "another round", standing: patient, changes: { round: 40 } },
    { why: "a round of training", standing: patient, changes: { purpose: "train" as const } },
  ])("$why: round/stop-unfounded", ({ standing, changes }) => {
    const key = RoundKey.parse({ study: "heart", purpose: "audit", round: 30, attempt: 1, ...changes });
    expect(refusalOf(standing, { stop, key })).toBe("round/stop-unfounded");
  });
});

test("[CLP4] a site takes no norm that the study's rounds can't come to: 2^10 times the signed one, or a part of it", () => {
  const standing = standingOf(undefined, { mode: "adaptive" });
  const { clippingNorm } = standing.document.privacy;
  const key = RoundKey.parse({ study: "heart", purpose: "train", round: 1, attempt: 1 });
  const refused = (times: number) => refusalOf(standing, { key, roundNorm: ClippingNorm.parse(clippingNorm * times) });
  for (const times of [1 / 1024, 1, 1024]) expect(refused(times)).toBeUndefined();
  for (const times of [1e-40, 1 / 1025, 1025]) expect(refused(times)).toBe("round/norm-out-of-reach");
});

test("[NOR6] a site takes scales of the study's own columns, after its normalisation, and nowhere else", () => {
  const plain = standingOf();
  const [name] = plain.document.data.columns.flatMap((column) => (column.type === "number" ? [column.name] : []));
  const normalisation = { by: "quantiles", noiseMultiplier: 4, columns: [name] };
  const standing = { ...plain, document: StudyDocument.parse({ ...plain.document, normalisation }) };
  const own = [{ column: name ?? "", centre: 0.5, spread: 0.25, from: "statistics" as const }];
  const other = own.map((scale) => ({ ...scale, column: "weight" }));
  const key = (purpose: "normalise" | "train", round: number) =>
    RoundKey.parse({ study: "heart", purpose, round, attempt: 1 });
  const [before, first] = [key("normalise", 0), key("train", 1)];
  expect(refusalOf(standing, { key: before })).toBeUndefined();
  expect(refusalOf(standing, { key: first, scales: own })).toBeUndefined();
  expect(refusalOf(plain, { key: first })).toBeUndefined();
  const refused: readonly (readonly [StudyStanding, Partial<RoundSpec>])[] = [
    [standing, { key: before, scales: own }],
    [standing, { key: first }],
    [standing, { key: first, scales: other }],
    [standing, { key: first, scales: [...own, ...own] }],
    [plain, { key: first, scales: own }],
  ];
  for (const [of, changes] of refused) expect(refusalOf(of, changes)).toBe("round/scales-not-planned");
  expect(refusalOf(plain, { key: before })).toBe("round/not-planned");
  expect(refusalOf(standing, { key: key("normalise", 1) })).toBe("round/not-planned");
});

test("[REF5] a site acts in as many steps of reference models as the study plans, and takes so many in its audit", () => {
  const plain = standingOf();
  const { data, audit } = plain.document;
  const document = StudyDocument.parse({
    ...plain.document,
    data: { ...data, shares: { train: 0.5, validation: 0.1, audit: 0.2, reference: 0.2 } },
    audit: {
      ...audit,
      attacks: ["loss", "relative-membership"],
      references: { models: 2, rounds: 3, noiseMultiplier: 2 },
    },
  });
  const standing = { ...plain, document };
  const key = (purpose: RoundKey["purpose"], round: number) =>
    RoundKey.parse({ study: "heart", purpose, round, attempt: 1 });
  const reference = (name: string, bytes = 12) => ({ digest: digestOf(name), bytes });
  const both = [reference("one"), reference("two")];
  for (const round of [1, 6]) expect(refusalOf(standing, { key: key("reference", round) })).toBeUndefined();
  for (const round of [0, 7]) expect(refusalOf(standing, { key: key("reference", round) })).toBe("round/not-planned");
  expect(refusalOf(plain, { key: key("reference", 1) })).toBe("round/not-planned");
  expect(refusalOf(standing, { references: both })).toBeUndefined();
  const refused: readonly (readonly [StudyStanding, Partial<RoundSpec>])[] = [
    [standing, {}],
    [standing, { references: both.slice(1) }],
    [standing, { references: [...both, reference("three")] }],
    [standing, { references: [reference("one"), reference("two", 16)] }],
    [standing, { references: both, key: key("train", 1) }],
    [plain, { references: both }],
  ];
  for (const [of, changes] of refused) expect(refusalOf(of, changes)).toBe("round/references-not-planned");
});
