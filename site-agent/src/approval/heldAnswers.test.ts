import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signerOf, signStatement } from "@consilium/shared/signing/ed25519";
import { APPROVAL_DOMAIN, type Approval } from "@consilium/shared/study/approval";
import { studyDigest } from "@consilium/shared/study/digest";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { document, SiteBench, site, World } from "../round/siteBench.test-support.ts";
import { takeHeldAnswers } from "./heldAnswers.ts";

let bench: SiteBench;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-held-"));
  bench = await SiteBench.proposed(new World(folder));
  bench.setCap(4);
});
afterEach(async () => {
  bench.close();
  await rm(folder, { recursive: true });
});

const digest = studyDigest(document);
const refusal = (number: number | null) => {
  return { study: document.name, studyDigest: digest, number, reason: "withdrawn in May" };
};
const held = (newest: Approval | null, number: number | null = null, isRefused = true) => {
  return { type: "answers-held", newest, refused: isRefused ? [refusal(number)] : [] } as const;
};
const state = () => bench.records.proposal(document.name)?.state;

/** This site's approval, as the coordinator holds it. */
function approval(): Approval {
  const known = bench.records.proposal(document.name)?.approval;
  if (known == null) throw new Error("the study is approved");
  return known;
}

describe("[LED37] a site that was put back hears its own refusals again", () => {
  test("a veto that it lost holds again, with its reason, and is not told anew", () => {
    bench.approve(4);
    const { number } = approval().statement;
    expect(takeHeldAnswers(bench.records, site, held(approval(), number ?? null))).toEqual([document.name]);
    expect(bench.records.proposal(document.name)).toMatchObject({
      state: "vetoed",
      reason: "withdrawn in May",
      told: true,
    });
  });

  test("a refusal of what is merely proposed here holds too", () => {
    expect(takeHeldAnswers(bench.records, site, held(null))).toEqual([document.name]);
    expect(state()).toBe("rejected");
  });

  test("what the steward approved after that refusal stands", () => {
    bench.approve(4);
    const number = approval().statement.number ?? 0;
    expect(takeHeldAnswers(bench.records, site, held(null, number - 1))).toEqual([]);
    expect(takeHeldAnswers(bench.records, site, held(null, null))).toEqual([]);
    expect(state()).toBe("approved");
  });

  test("the next decision is numbered above the newest approval that the coordinator holds", () => {
    bench.approve(4);
    const { statement } = approval();
    const steward = signerOf(new Uint8Array(32).fill(2));
    const later = { ...statement, number: 40 };
    const signed = {
      ...approval(),
      statement: later,
      stewardSignature: signStatement(steward, APPROVAL_DOMAIN, later),
    };
    takeHeldAnswers(bench.records, site, held(signed, null, false));
    expect(bench.records.lastStatementNumber()).toBe(40);
    bench.approve(4);
    expect(approval().statement.number).toBe(41);
  });

  test("a number that no steward of this site signed moves nothing", () => {
    bench.approve(4);
    const before = bench.records.lastStatementNumber();
    const forged = { ...approval(), statement: { ...approval().statement, number: 1_000_000 } };
    takeHeldAnswers(bench.records, site, held(forged, null, false));
    const stranger = signerOf(new Uint8Array(32).fill(9));
    const { statement } = forged;
    const signed = {
      ...forged,
      stewardKey: stranger.publicKey,
      stewardSignature: signStatement(stranger, APPROVAL_DOMAIN, statement),
    };
    takeHeldAnswers(bench.records, site, held(signed, null, false));
    expect(bench.records.lastStatementNumber()).toBe(before);
  });
});
