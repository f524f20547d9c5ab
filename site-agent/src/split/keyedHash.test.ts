import { ofEachPart, Part } from "@consilium/shared/ledger/entry";
import { DataContract } from "@consilium/shared/study/contract";
import { describe, expect, test } from "vitest";
import { hashPatientKey } from "../deidentification/patientKey.ts";
import { partOf, splitRule } from "./keyedHash.ts";

const secret = new Uint8Array(32).fill(3);
const shares = { train: 0.6, validation: 0.3, audit: 0.1 };
const withReference = { train: 0.5, validation: 0.1, audit: 0.15, reference: 0.25 };
const keys = Array.from({ length: 4000 }, (_, i) => hashPatientKey(secret, `p${i}`));

describe("[DAT9] a patient's part follows from its key and the site's secret alone", () => {
  test.each([{ shares: { ...shares, reference: undefined } }, { shares: withReference }])(
    "$shares are met",
    (given) => {
      const counts = ofEachPart(() => 0);
      for (const key of keys) counts[partOf(secret, key, null, given.shares)] += 1;
      // Five standard deviations of a binomial each: a false alarm in less than 1e-5 of secrets, and this one is fixed.
      for (const part of Part.options) {
        const share = given.shares[part] ?? 0;
        expect(Math.abs(counts[part] - 4000 * share)).toBeLessThanOrEqual(5 * Math.sqrt(4000 * share * (1 - share)));
      }
    },
  );

  test("test patients are halved, train patients are train", () => {
    const test = keys.filter((key) => partOf(secret, key, "test", shares) === "validation").length;
    expect(Math.abs(test - 2000)).toBeLessThan(5 * Math.sqrt(1000));
    expect(keys.every((key) => partOf(secret, key, "test", shares) !== "train")).toBe(true);
    expect(keys.every((key) => partOf(secret, key, "train", shares) === "train")).toBe(true);
  });

  test("another secret draws other parts", () => {
    const other = new Uint8Array(32).fill(4);
    const moved = keys.filter((key) => partOf(secret, key, null, shares) !== partOf(other, key, null, shares)).length;
    expect(moved).toBeGreaterThan(1000);
  });
});

describe("[DAT10] every study on a data set must split it by the same rule", () => {
  const contract = DataContract.parse({
    columns: [{ name: "x", type: "number", min: 0, max: 1 }],
    label: { name: "y", values: [0, 1] },
  });
  test("the rule changes with patient, split and shares, and with nothing else", () => {
    const rule = splitRule(contract);
    expect(splitRule({ ...contract, maxRecordsPerPatient: 5 })).toBe(rule);
    expect(splitRule({ ...contract, shares })).not.toBe(rule);
    expect(splitRule({ ...contract, patient: "pid" })).not.toBe(rule);
    expect(splitRule({ ...contract, split: "part" })).not.toBe(rule);
    expect(splitRule({ ...contract, split: "part", shares })).toBe(splitRule({ ...contract, split: "part" }));
  });
});
