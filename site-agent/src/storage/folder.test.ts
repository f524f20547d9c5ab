import { basename, dirname } from "node:path";
import { ChargeId } from "@consilium/shared/ledger/entry";
import { DatasetId, Digest } from "@consilium/shared/units/identity";
import { describe, expect, test } from "vitest";
import { dataFolder, sanitizedFile } from "./folder.ts";

const folder = dataFolder("/site");
const digest = Digest.parse("ab".repeat(32));
const ofCharge = (charge: string, dataset = "heart"): string =>
  sanitizedFile(folder, digest, DatasetId.parse(dataset), ChargeId.parse(charge));

describe("[STU52] a study's sanitized records are those of the charge that its approval names", () => {
  test("another charge's are another file, in the folder of prepared ones", () => {
    const files = ["sanitize/heart/01", "sanitize/heart/02", "sanitize-heart-01"].map((charge) => ofCharge(charge));
    expect(new Set(files).size).toBe(3);
    expect(new Set(files.map(dirname))).toEqual(new Set([folder.prepared]));
  });

  test("the longest name, and that of its writing, is one that file systems take", () => {
    const longest = "d".repeat(60);
    const file = ofCharge(`sanitize/${longest}/${"f".repeat(16)}`, longest);
    expect(basename(`${file}.4194304.tmp`).length).toBeLessThanOrEqual(255);
  });
});
