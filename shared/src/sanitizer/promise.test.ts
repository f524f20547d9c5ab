import { describe, expect, test } from "vitest";
import { RecordEvent } from "../event/recordEvent.ts";
import { StewardName } from "../ledger/entry.ts";
import { SanitizedPromise } from "../study/sanitizedPromise.ts";
import { promiseFault, type SanitizedWords } from "./promise.ts";

/** ε = 1 for a record, √4 / (1000 · 0.01) = 0.2 for a unit of distance. */
const laplace = RecordEvent.parse({
  ...{
    kind: "record-laplace",
    adjacency: "replace",
    coordinates: 4,
    diameter: 1000,
    scale: 1000,
    step: 0.01,
    count: 3,
  },
});
/** ε = 0.5. */
const answers = RecordEvent.parse({
  ...{ kind: "randomised-response", adjacency: "replace", values: 2, odds: Math.exp(0.5), count: 3 },
});
const by = [StewardName.parse("first"), StewardName.parse("second")];
const noised: SanitizedWords = { events: [laplace, answers] };
const publicLabels: SanitizedWords = { events: [laplace], disclosure: { of: ["labels"], by } };
const pixels: SanitizedWords = { events: [answers], disclosure: { of: ["features"], by } };
const allPublic: SanitizedWords = { events: [], disclosure: { of: ["features", "labels"], by } };

const record = (epsilon: number, labels?: "public") => ({ promise: "record", epsilon, ...(labels && { labels }) });
const metric = (epsilonPerDistance: number) => ({ promise: "metric", epsilonPerDistance, labels: "public" });

describe("[STU52] what a study asks of sanitized records is held against the events of their charge", () => {
  test.each<[string, object, SanitizedWords]>([
    ["both of a record's figures together", record(1.5), noised],
    ["features alone, where the study takes labels as they are", record(1, "public"), publicLabels],
    ["labels that were noised where they needn't be", record(1.5, "public"), noised],
    ["a unit of distance", metric(0.2), publicLabels],
    ["more than was asked", { promise: "unprotected" }, noised],
    ["nothing proven, where the study asks for nothing", { promise: "unprotected" }, pixels],
    ["nothing at all", { promise: "unprotected", labels: "public" }, allPublic],
  ])("kept: %s", (_, asked, made) => {
    expect(promiseFault(SanitizedPromise.parse(asked), made, 1e-5)).toBeNull();
  });

  test.each<[string, object, SanitizedWords, RegExp]>([
    ["labels count", record(1.2), noised, /two records apart by up to ε = 1\.5.*allows 1\.2/],
    ["a little less than was made", record(1.499), noised, /apart by up to/],
    ["a unit of distance", metric(0.19), publicLabels, /distance 1 apart by up to ε = 0\.2/],
    ["labels as they were", record(9), publicLabels, /labels left as they were/],
    ["no figure for a record", record(1e9), pixels, /no figure for a record holds/],
    ["no figure for a distance", metric(1e9), allPublic, /no figure for a record holds/],
    ["labels left as they were, without features' figure", { promise: "unprotected" }, allPublic, /labels left as/],
    ["no labels", { promise: "unprotected", labels: "public" }, { events: [laplace] }, /have no labels/],
  ])("missed: %s", (_, asked, made, why) => {
    expect(promiseFault(SanitizedPromise.parse(asked), made, 1e-5)).toMatch(why);
  });
});
