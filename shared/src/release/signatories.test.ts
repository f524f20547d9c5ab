import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { document, inputs, lead, SITES, seed } from "../../../test/support/releaseFixture.ts";
import type { GateResult } from "../audit/report.ts";
import { digestOf, digestOfJson } from "../encoding/digest.ts";
import { studyDigest } from "../study/digest.ts";
import { StudyDocument } from "../study/document.ts";
import { AuditorName } from "../study/releaseRule.ts";
import { buildRelease } from "./build.ts";
import { RELEASE_PATHS, readJson, SignedManifest } from "./manifest.ts";
import { brokenOf, OverrideStatement, overrideProblem, signOverride } from "./override.ts";
import { signerProblems, wrongSigners } from "./releasedBy.ts";
import { signRevocation } from "./revocation.ts";
import { answerHolds, canComplete, isComplete, missingOf, refusedAnswer, signedAnswer } from "./signatories.ts";
import { auditorSignatory, Signatory } from "./signatory.ts";
import { verifyRelease } from "./verify.ts";

const koch = seed(40);
const roth = seed(41);
const auditors = [
  { name: "koch", key: koch.publicKey },
  { name: "roth", key: roth.publicKey },
];
const ruled = (rule: object) => StudyDocument.parse({ ...document, release: { signatures: { auditors, ...rule } } });
const files = buildRelease(inputs, lead);
const signed = readJson(files.get(RELEASE_PATHS.manifest) ?? new Uint8Array(), SignedManifest);
if (signed === null) throw new Error("a release has a manifest");
const { manifest } = signed;
const digest = digestOfJson(manifest);
const [cleveland, va] = SITES;
if (cleveland === undefined || va === undefined) throw new Error("there are two sites");
const auditor = (name: string) => auditorSignatory(AuditorName.parse(name));

describe("[REL12] whose signatures a release needs", () => {
  test("so many sites and auditors as the study asks for, each counted once; strangers count for nothing", () => {
    const study = ruled({ sites: 2, fromAuditors: 1 });
    const stranger = Signatory.parse("basel");
    expect(missingOf(study, [])).toEqual({ sites: 2, auditors: 1 });
    expect(missingOf(study, [cleveland.site, stranger, auditor("weiss")])).toEqual({ sites: 1, auditors: 1 });
    expect(isComplete(missingOf(study, [cleveland.site, va.site, auditor("roth")]))).toBe(true);
    expect(isComplete(missingOf(document, []))).toBe(true);
  });

  test("it can be reached as long as enough haven't refused, and never once they have", () => {
    const parties = [cleveland.site, va.site, auditor("koch"), auditor("roth")];
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: 0, max: 2 }),
        fc.subarray(parties),
        (sites, fromAuditors, refused) => {
          const willing = parties.filter((party) => !refused.includes(party));
          const reachable =
            willing.filter((party) => !party.startsWith("auditor:")).length >= sites &&
            willing.filter((party) => party.startsWith("auditor:")).length >= fromAuditors;
          expect(canComplete(ruled({ sites, fromAuditors }), refused)).toBe(reachable);
        },
      ),
    );
  });

  test.each([
    [{ sites: 3 }, "release.signatures.sites: must be ≤ 2"],
    [{ fromAuditors: 3 }, "release.signatures.fromAuditors: must be ≤ 2"],
    [{ auditors: [auditors[0], { name: "roth", key: koch.publicKey }] }, "one person signs once"],
    [{ auditors: [auditors[0], { name: "koch", key: roth.publicKey }] }, "auditor koch is listed twice"],
  ])("%j is no study", (rule, message) => {
    const parsed = StudyDocument.safeParse({ ...document, release: { signatures: { auditors, ...rule } } });
    const found = parsed.error?.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("\n");
    expect(found).toContain(message);
  });
});

describe("[REL16] nobody counts twice under a release, and whose signatures are missing is told by name", () => {
  const { signatures } = signed;
  const { publicKey: siteKey } = cleveland.identity;
  const { publicKey: stewardKey } = va.steward;
  test.each([
    ["the coordinator's", lead.publicKey, "auditor koch has the key of coordinator"],
    ["a site's", siteKey, "auditor koch has the key of cleveland"],
    ["a steward's", stewardKey, "auditor koch has the key of the steward of va"],
  ])("an auditor with %s key: the release doesn't hold, whoever signed", (_whose, key, problem) => {
    const study = ruled({ auditors: [{ name: "koch", key }] });
    expect(signerProblems({ manifest, signatures, document: study })).toEqual([
      `${problem}: one holder would count twice`,
    ]);
  });

  test("who may still sign, and whose signature is wrong", () => {
    const study = ruled({ sites: 2, fromAuditors: 1 });
    const { signature } = signedAnswer({ manifest, digest, party: va.site, signer: va.identity });
    const withVa = { manifest, signatures: [...signatures, { party: va.site, signature }], document: study };
    expect(signerProblems(withVa)).toEqual([
      "signatures of 1 site and 1 auditor are missing: 1 of cleveland; 1 of auditor:koch, auditor:roth must still sign",
    ]);
    const wrong = { ...withVa, signatures: [...signatures, { party: cleveland.site, signature }] };
    expect(signerProblems(wrong)[0]).toBe("cleveland's signature doesn't hold");
    expect(wrongSigners(wrong)).toEqual(["cleveland's signature doesn't hold"]);
    expect(wrongSigners(withVa)).toEqual([]);
    expect(signerProblems({ manifest, signatures, document })).toEqual([]);
  });
});

describe("[REL13] an answer to a release is its party's own, over this very manifest", () => {
  const study = ruled({ sites: 1, fromAuditors: 1 });
  const ofSite = { manifest, digest, party: cleveland.site, signer: cleveland.identity };
  const ofAuditor = { manifest, digest, party: auditor("koch"), signer: koch };

  test("signed or refused, by a site of the study or an auditor whom it names", () => {
    for (const of of [ofSite, ofAuditor]) {
      expect(answerHolds(study, manifest, digest, signedAnswer(of))).toBe(true);
      expect(answerHolds(study, manifest, digest, refusedAnswer(of, "too few patients"))).toBe(true);
    }
  });

  test.each([
    ["another key", { ...ofAuditor, signer: roth }],
    ["a steward's key in its site's name", { ...ofSite, signer: cleveland.steward }],
    ["an auditor whom the study doesn't name", { ...ofAuditor, party: auditor("weiss") }],
    ["the coordinator's own", { ...ofSite, party: Signatory.parse("coordinator"), signer: lead }],
    ["another manifest", { ...ofSite, manifest: { ...manifest, createdAt: "2027-01-01T00:00:00Z" } }],
  ])("%s: it isn't", (_name, of) => {
    expect(answerHolds(study, manifest, digest, signedAnswer(of))).toBe(false);
  });

  test("a refusal's reason can't be changed, nor turned into a signature", () => {
    const refusal = refusedAnswer(ofAuditor, "too few patients");
    const { signature } = refusal;
    expect(answerHolds(study, manifest, digest, { ...refusal, reason: "none" } as typeof refusal)).toBe(false);
    expect(answerHolds(study, manifest, digest, { ...signedAnswer(ofAuditor), signature })).toBe(false);
  });
});

describe("[REL14] a named auditor may override the gate, never the proof", () => {
  const study = ruled({});
  const rule = (name: string, passed: boolean) => ({ rule: name, required: "r", found: "f", passed, why: "w" });
  const refusing: GateResult = { passed: false, rules: [rule("max-attack-auc-upper", false), rule("other", true)] };
  const of = { document: study, studyDigest: studyDigest(study), modelDigest: digestOf("model"), gate: refusing };
  const statement = OverrideStatement.parse({
    ...{ study: study.name, studyDigest: of.studyDigest, modelDigest: of.modelDigest, auditor: "koch" },
    ...{ broken: brokenOf(refusing), reason: "The hold-out is small; the bound, not the leak, is above the limit." },
  });

  test("signed by the key that the study names, over every rule that refused", () => {
    expect(overrideProblem(of, signOverride(statement, koch))).toBeNull();
    expect(statement.broken).toEqual([{ rule: "max-attack-auc-upper", required: "r", found: "f" }]);
  });

  test.each([
    ["another auditor's key", statement, roth, "not signed by koch's key"],
    ["nobody whom the study names", { ...statement, auditor: AuditorName.parse("weiss") }, koch, "names no auditor"],
    ["another model", { ...statement, modelDigest: digestOf("other") }, koch, "another study, model or refusal"],
    ["fewer rules than refused", { ...statement, broken: [{ rule: "x", required: "r", found: "f" }] }, koch, "another"],
  ])("%s: refused", (_name, words, signer, why) => {
    expect(overrideProblem(of, signOverride(words, signer))).toContain(why);
  });

  test.each(["epsilon-within-cap", "empirical-epsilon", "sites-audited"])("%s is never overridden", (name) => {
    const gate = { passed: false, rules: [...refusing.rules, rule(name, false)] };
    const words = { ...statement, broken: brokenOf(gate) };
    expect(overrideProblem({ ...of, gate }, signOverride(words, koch))).toContain(`rule ${name} is never overridden`);
  });

  test("where the gate passed there is nothing to override, and a release can't claim one", () => {
    expect(overrideProblem({ ...of, gate: { ...refusing, passed: true } }, signOverride(statement, koch))).toContain(
      "nothing to override",
    );
    const claim = () => buildRelease({ ...inputs, override: signOverride(statement, koch) }, lead);
    expect(claim).toThrow(expect.objectContaining({ code: "release/override-invalid" }));
  });
});

describe("[REL15] a revoked release is refused by whoever has the notice", () => {
  const notice = signRevocation(
    { study: document.name, manifest: digest, reason: "a site's data were wrong", at: "2027-01-01T00:00:00Z" },
    lead,
  );
  const verified = (...notices: (typeof notice)[]) =>
    verifyRelease((path) => files.get(path) ?? null, [...files.keys()], lead.publicKey, notices);

  test("with its reason and day; other releases stand", () => {
    const { verified: holds, checks } = verified(notice);
    expect(holds).toBe(false);
    expect(checks.find(({ name }) => name === "revocation")).toMatchObject({
      passed: false,
      problems: ["revoked on 2027-01-01: a site's data were wrong"],
    });
    const other = signRevocation({ ...notice.statement, manifest: digestOf("another") }, lead);
    expect(verified(other).verified).toBe(true);
  });

  test("a notice that another key signed, or that was changed, says nothing", () => {
    const forged = signRevocation(notice.statement, koch);
    const changed = { ...notice, statement: { ...notice.statement, reason: "x" } };
    expect(verified(forged, changed).verified).toBe(true);
  });
});
