import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "@consilium/shared/encoding/digest";
import { chargedDataset } from "@consilium/shared/ledger/state";
import { signerOf, signStatement } from "@consilium/shared/signing/ed25519";
import { APPROVAL_DOMAIN, Disclosure } from "@consilium/shared/study/approval";
import { studyDigest } from "@consilium/shared/study/digest";
import { StudyDocument } from "@consilium/shared/study/document";
import { ReferenceRule } from "@consilium/shared/study/references";
import { DatasetId, StudyName } from "@consilium/shared/units/identity";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { brokenRules } from "../approval/policy.ts";
import { capOn } from "../ledger/budget.ts";
import {
  announcement,
  dataset,
  document,
  identity,
  SiteBench,
  site,
  steward,
  World,
} from "../round/siteBench.test-support.ts";
import { decide } from "./decide.ts";
import { Cap, type StewardAction, signDecision } from "./statement.ts";

let bench: SiteBench;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-steward-"));
  bench = await SiteBench.proposed(new World(folder));
});
afterEach(async () => {
  bench.close();
  await rm(folder, { recursive: true });
});

const operator = signerOf(new Uint8Array(32).fill(7));
const capTo = (epsilon: number): StewardAction => ({
  action: "set-cap",
  dataset,
  cap: Cap.parse({ epsilon, delta: 1e-4 }),
});

function cap(): number | undefined {
  return capOn(bench.ledger.state, site, dataset)?.epsilon;
}

/** Lets a statement take effect that was made elsewhere. */
function submit(number: number, signer = steward, name = "Dr. Bell", isPrepared = true): void {
  const signed = signDecision(signer, { site, steward: name, number, decision: capTo(2) });
  const { records, ledger } = bench;
  const now = (): Date => new Date();
  decide({ site, identity, policy: {}, records, ledger, now, isPrepared: () => isPrepared }, signed);
}

describe("[STU30] a cap moves and a study is approved only by the steward's own, fresh signature", () => {
  test("the operator can't raise a cap", () => {
    bench.setCap(4);
    expect(() => submit(2, operator)).toThrow(expect.objectContaining({ code: "steward/signature-invalid" }));
    expect(() => submit(2, operator, "operator")).toThrow(
      expect.objectContaining({ code: "steward/signature-invalid" }),
    );
    expect(cap()).toBe(4);
  });

  test("a decision takes effect once, and none is skipped", () => {
    bench.setCap(4);
    for (const number of [1, 3]) {
      expect(() => submit(number)).toThrow(expect.objectContaining({ code: "steward/number-not-fresh" }));
    }
    expect(cap()).toBe(4);
    submit(2);
    expect(cap()).toBe(2);
  });

  test("the ledger names the statement that set a cap", () => {
    bench.setCap(4);
    const [entry] = bench.ledger.entries();
    expect(entry?.body).toMatchObject({
      kind: "cap-set",
      epsilon: 4,
      statement: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test("an approval needs its own signature by the steward, in the steward's name", () => {
    bench.setCap(4);
    const approval = {
      site,
      study: document.name,
      studyDigest: studyDigest(document),
      dataset,
      cap: Cap.parse({ epsilon: 4, delta: 1e-4 }),
      steward: "Dr. Bell",
      number: 2,
      disclosures: Disclosure.options,
    };
    const forged = {
      action: "approve",
      approval,
      signature: signStatement(operator, APPROVAL_DOMAIN, approval),
    } as const;
    expect(() => bench.decide(forged)).toThrow(expect.objectContaining({ code: "steward/signature-invalid" }));
    const other = { ...approval, steward: "operator" };
    const renamed = {
      action: "approve",
      approval: other,
      signature: signStatement(steward, APPROVAL_DOMAIN, other),
    } as const;
    expect(() => bench.decide(renamed)).toThrow(expect.objectContaining({ code: "steward/signature-invalid" }));
    const silent = { ...approval, disclosures: ["late-answer" as const] };
    const unaware = {
      action: "approve",
      approval: silent,
      signature: signStatement(steward, APPROVAL_DOMAIN, silent),
    } as const;
    expect(() => bench.decide(unaware)).toThrow(expect.objectContaining({ code: "approval/disclosures-missing" }));
    // [LED34] One that ran ahead would make every later approval, with the lower caps in it, look older.
    for (const number of [1, 3, undefined]) {
      const { number: _, ...bare } = approval;
      const misnumbered = number === undefined ? bare : { ...bare, number };
      const signature = signStatement(steward, APPROVAL_DOMAIN, misnumbered);
      const code = "approval/number-differs";
      expect(() => bench.decide({ action: "approve", approval: misnumbered, signature })).toThrow(
        expect.objectContaining({ code }),
      );
    }
    expect(bench.records.proposal(document.name)?.state).toBe("proposed");
  });
});

describe("[STU31] a study is approved only where policy, cap and split allow it", () => {
  test("without a cap, over the cap, and with a cap that the steward didn't see", () => {
    expect(() => bench.approve(4)).toThrow(expect.objectContaining({ code: "budget/cap-moved" }));
    const ward = DatasetId.parse("ward");
    bench.register(ward);
    bench.setCap(2, ward);
    expect(() => bench.approve(2, {}, ward)).toThrow(expect.objectContaining({ code: "budget/cap-exceeded" }));
    bench.setCap(4);
    expect(() => bench.approve(5)).toThrow(expect.objectContaining({ code: "budget/cap-moved" }));
    bench.approve(4);
    expect(bench.records.proposal(document.name)?.state).toBe("approved");
  });

  test.each([
    { policy: { minNoiseMultiplier: 3 }, code: "policy/noise-multiplier" },
    { policy: { maxEpsilonPerStudy: 1 }, code: "policy/epsilon-per-study" },
    { policy: { purposes: ["*cancer*"] }, code: "policy/purpose" },
    { policy: { models: ["preset:mlp"] }, code: "policy/model" },
  ])("policy $policy", ({ policy, code }) => {
    bench.setCap(4);
    expect(() => bench.approve(4, policy)).toThrow(expect.objectContaining({ code }));
    expect(bench.ledger.entries().map(({ body }) => body.kind)).toEqual(["cap-set"]);
  });

  test("[REF2] the policy's least σ is of reference models' steps too", () => {
    const references = ReferenceRule.parse({ models: 2, rounds: 3, noiseMultiplier: 1.5 });
    const weak = { ...document, audit: { ...document.audit, references } };
    expect(brokenRules({ minNoiseMultiplier: 2.2 }, weak)).toMatchObject([
      { rule: "minNoiseMultiplier", asked: "σ = 1.5" },
    ]);
    expect(brokenRules({ minNoiseMultiplier: 1.5 }, weak)).toEqual([]);
  });

  test("patterns fit whatever the case", () => {
    bench.setCap(4);
    bench.approve(4, { purposes: ["*HEART*"], models: ["preset:*"], mechanisms: ["dp-sgd"], minNoiseMultiplier: 2.2 });
  });

  describe("[DAT10] every study on a data set splits it alike", () => {
    const shares = { train: 0.5, validation: 0.25, audit: 0.25 };
    const name = StudyName.parse("other");
    const other = StudyDocument.parse({ ...document, name, data: { ...document.data, shares } });

    function approveOther(): void {
      const proposal = signStatement(steward, APPROVAL_DOMAIN, {});
      bench.records.insertProposal(other, studyDigest(other), proposal, "2026-01-02T00:00:00Z");
      const limit = Cap.parse({ epsilon: 100, delta: 1e-4 });
      const of = { site, study: name, studyDigest: studyDigest(other), dataset, cap: limit, steward: "Dr. Bell" };
      const approval = { ...of, number: bench.records.lastStatementNumber() + 1, disclosures: Disclosure.options };
      const signature = signStatement(steward, APPROVAL_DOMAIN, approval);
      bench.decide({ action: "approve", approval, signature });
    }

    test("another study on the same data set must split its patients the same way", () => {
      bench.setCap(100);
      bench.approve(100);
      expect(approveOther).toThrow(expect.objectContaining({ code: "data/split-differs" }));
    });

    test("also after the first study was withdrawn, or approved again on other data", () => {
      const ward = DatasetId.parse("ward");
      bench.register(ward);
      bench.setCap(100);
      bench.setCap(100, ward);
      bench.approve(100);
      bench.decide({ action: "veto", study: document.name, studyDigest: studyDigest(document), reason: "other data" });
      bench.approve(100, {}, ward);
      expect(approveOther).toThrow(expect.objectContaining({ code: "data/split-differs" }));
    });
  });
});

describe("[STU53] a study's name means one document for ever", () => {
  test("another one by the name of one that was approved is not, though it was withdrawn and nothing was charged", () => {
    bench.setCap(100);
    bench.approve(100);
    bench.decide({ action: "veto", study: document.name, studyDigest: studyDigest(document), reason: "no" });
    const other = StudyDocument.parse({ ...document, purpose: "something else" });
    const digest = studyDigest(other);
    bench.records.insertProposal(other, digest, signStatement(operator, "any", other), "2026-02-01T00:00:00Z");
    const cap = Cap.parse({ epsilon: 100, delta: 1e-4 });
    const of = { site, study: other.name, studyDigest: digest, dataset, cap, steward: "Dr. Bell" };
    const approval = { ...of, number: bench.records.lastStatementNumber() + 1, disclosures: Disclosure.options };
    const signature = signStatement(steward, APPROVAL_DOMAIN, approval);
    expect(() => bench.decide({ action: "approve", approval, signature })).toThrow(
      expect.objectContaining({ code: "approval/another-document" }),
    );
    bench.approve(100);
  });
});

describe("[STU35] a study stays with the data set that it was charged to", () => {
  const ward = DatasetId.parse("ward");
  const veto = (): StewardAction => {
    return { action: "veto", study: document.name, studyDigest: studyDigest(document), reason: "other data" };
  };

  test("approved again after a veto: the same data set may, another may not", async () => {
    bench.register(ward);
    bench.setCap(100);
    bench.setCap(100, ward);
    bench.approve(100);
    await bench.announce(announcement(1));
    expect(chargedDataset(bench.ledger.state, site, document.name)).toBe(dataset);
    bench.decide(veto());
    const entries = bench.ledger.entries().length;
    expect(() => bench.approve(100, {}, ward)).toThrow(expect.objectContaining({ code: "approval/dataset-changed" }));
    expect(bench.ledger.entries()).toHaveLength(entries);
    bench.approve(100);
    expect(bench.records.proposal(document.name)?.dataset).toBe(dataset);
  });
});

describe("[DAT14] the same data have one name and one budget", () => {
  const register = (name: string, path: string, text: string) =>
    bench.records.registerDataset(
      { dataset: DatasetId.parse(name), path, content: digestOf(text), files: [digestOf(text)] },
      "2026-01-01",
    );

  test("neither the same file nor the same bytes elsewhere get a second name", () => {
    const already = expect.objectContaining({ code: "data/registered-already" });
    register("ward", "/data/ward.csv", "patients of the ward");
    expect(() => register("again", "/data/ward.csv", "patients of the ward, one more")).toThrow(already);
    expect(() => register("copy", "/elsewhere/ward.csv", "patients of the ward")).toThrow(already);
    expect(bench.records.datasets()).toHaveLength(2);
  });

  test("nor a file that lies behind another data set, whatever else that is made of", () => {
    const pair = { dataset: DatasetId.parse("pair"), path: "/data/pair.yaml", content: digestOf("both") };
    bench.records.registerDataset({ ...pair, files: [digestOf("first"), digestOf("second")] }, "2026-01-01");
    expect(() => register("alone", "/data/second.csv", "second")).toThrow(
      expect.objectContaining({ code: "data/registered-already" }),
    );
    expect(register("third", "/data/third.csv", "third").dataset).toBe("third");
  });

  test("databases, of which no bytes are known, are told apart by their files' paths alone", () => {
    for (const name of ["one", "two"]) {
      const database = { dataset: DatasetId.parse(name), path: `/data/${name}.yaml`, content: null, files: [] };
      expect(bench.records.registerDataset(database, "2026-01-01").content).toBeNull();
    }
  });

  test("a name keeps its data; registering it again changes nothing", () => {
    const first = register("ward", "/data/ward.csv", "patients of the ward");
    expect(register("ward", "/data/ward.csv", "patients of the ward, one more")).toEqual(first);
    expect(() => register("ward", "/data/other.csv", "others")).toThrow(
      expect.objectContaining({ code: "data/name-taken" }),
    );
  });
});
