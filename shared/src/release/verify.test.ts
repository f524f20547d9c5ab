import { beforeAll, describe, expect, test } from "vitest";
import { digestOf, digestOfJson } from "../encoding/digest.ts";
import { GENESIS_HASH, type LedgerBody, LedgerEntry } from "../ledger/entry.ts";
import { modelDigest } from "../model/modelDigest.ts";
import { parameterCount } from "../model/spec.ts";
import { LEDGER_HEAD_DOMAIN, type RoundPurpose } from "../protocol/messages.ts";
import { signRoster } from "../protocol/roster.ts";
import { type Signer, signerOf, signStatement } from "../signing/ed25519.ts";
import { APPROVAL_DOMAIN, Approval } from "../study/approval.ts";
import { chargeId, plannedCharges } from "../study/charges.ts";
import { studyDigest } from "../study/digest.ts";
import { StudyDocument } from "../study/document.ts";
import { COORDINATOR, Signature, SiteName } from "../units/identity.ts";
import { SamplingRate } from "../units/privacy.ts";
import { buildRelease, type ReleaseInputs, studyAudit } from "./build.ts";
import { jsonBytes, RELEASE_PATHS, readJson, SignedManifest, signManifest, withSiteSignature } from "./manifest.ts";
import { modelSpecOfStudy } from "./model.ts";
import { privacyStatementOf } from "./statement.ts";
import { type Verification, verifyRelease } from "./verify.ts";

const seed = (value: number) => signerOf(new Uint8Array(32).fill(value));
const lead = seed(1);
const SITES = ["cleveland", "va"].map((name, index) => ({
  site: SiteName.parse(name),
  identity: seed(10 + index),
  steward: seed(20 + index),
}));

const document = StudyDocument.parse({
  apiVersion: "consilium/v1",
  kind: "Study",
  name: "heart",
  purpose: "Predict heart disease | from <clinical> features",
  data: {
    columns: [
      { name: "age", type: "number", min: 20, max: 90 },
      { name: "sex", type: "category", values: [0, 1] },
    ],
    label: { name: "disease", values: [0, 1] },
  },
  model: { preset: "logistic" },
  privacy: { epsilon: 4, delta: 1e-4, clippingNorm: 1, noiseMultiplier: 2.5, samplingRate: 0.2 },
  training: {
    rounds: 4,
    answerAfterMs: 10,
    deadlineMs: 1000,
    minSites: 2,
    optimizer: { name: "sgd", learningRate: 1 },
    initialSeed: 7,
  },
  evaluation: { everyRounds: 2, metrics: ["auc"], epsilon: 0.5 },
  audit: {
    attacks: ["loss", "confidence", "modified-entropy"],
    epsilon: { members: 0.3, nonMembers: 0.3 },
    bins: 10,
    gates: { maxAttackAucUpper: 0.8, maxTprAtFpr: { fpr: 0.02, tpr: 0.5, ifUnresolvable: "pass" } },
  },
  release: {},
  sites: [
    { name: "cleveland", patients: 400 },
    { name: "va", patients: 300 },
  ],
});
const digest = studyDigest(document);

const approvals = SITES.map(({ site, identity, steward }) => {
  const statement = {
    site,
    study: document.name,
    studyDigest: digest,
    dataset: `${site}-heart`,
    cap: { epsilon: 4, delta: 1e-4 },
    steward: "steward",
  };
  return Approval.parse({
    statement,
    stewardKey: steward.publicKey,
    stewardSignature: signStatement(steward, APPROVAL_DOMAIN, statement),
    siteSignature: signStatement(identity, APPROVAL_DOMAIN, statement),
  });
});

const roster = signRoster(
  {
    version: 2,
    sites: SITES.map(({ site, identity, steward }) => ({
      site,
      identityKey: identity.publicKey,
      stewardKey: steward.publicKey,
      state: "active" as const,
    })),
  },
  lead,
);

function chain(bodies: readonly LedgerBody[], writer: Signer): LedgerEntry[] {
  const entries: LedgerEntry[] = [];
  for (const body of bodies) {
    const content = {
      writer: COORDINATOR,
      sequence: entries.length + 1,
      previousHash: entries.at(-1)?.hash ?? GENESIS_HASH,
      at: "2026-01-01T00:00:00Z",
      body,
    };
    const hash = digestOfJson(content);
    entries.push(LedgerEntry.parse({ ...content, hash, signature: writer.sign(hash) }));
  }
  return entries;
}

function charged(purpose: RoundPurpose, round: number): LedgerBody[] {
  return approvals.flatMap(({ statement: { site, dataset } }) =>
    plannedCharges(document, purpose).flatMap(({ part, event }): LedgerBody[] => {
      const key = { study: document.name, purpose, round, attempt: 1 };
      const charge = chargeId(key, site, part);
      return [
        { kind: "reserved", charge, site, dataset, part, study: document.name, round, attempt: 1, event },
        { kind: "acting", charge },
        { kind: "committed", charge, result: digest },
      ];
    }),
  );
}

const bodies = [
  ...charged("train", 1),
  ...charged("train", 2),
  ...charged("evaluate", 2),
  ...charged("train", 3),
  ...charged("audit", 3),
];
const ledger = chain(bodies, lead);

const parameters = new Float32Array(parameterCount(modelSpecOfStudy(document))).fill(0.125);
const model = { digest: modelDigest(parameters), round: 3 };
const even = (total: number, epsilon: number) => ({
  classes: 1,
  bins: 10,
  counts: new Array<number>(10).fill(total / 10),
  scale: 1 / epsilon,
});
const audit = studyAudit(
  document,
  model,
  SITES.flatMap(({ site }) =>
    document.audit.attacks.map((attack) => ({ site, attack, members: even(400, 0.3), nonMembers: even(150, 0.3) })),
  ),
);
const last = ledger.at(-1);
if (last === undefined) throw new Error("no entries");
const head = { writer: COORDINATOR, sequence: last.sequence, hash: last.hash } as const;

const inputs: ReleaseInputs = {
  document,
  parameters,
  round: 3,
  approvals,
  roster,
  ledger,
  witnessedHeads: SITES.map(({ site, identity }) => ({
    party: site,
    head,
    signature: Signature.parse(signStatement(identity, LEDGER_HEAD_DOMAIN, head)),
  })),
  audit,
  createdAt: "2026-01-02T00:00:00Z",
  softwareVersion: "0.1.0",
};

function verify(files: ReadonlyMap<string, Uint8Array>, key = lead.publicKey): Verification {
  return verifyRelease((path) => files.get(path) ?? null, [...files.keys()], key);
}

/** Names of the checks that failed. */
function failed(files: ReadonlyMap<string, Uint8Array>): string[] {
  return verify(files)
    .checks.filter(({ passed }) => !passed)
    .map(({ name }) => name);
}

let release: ReadonlyMap<string, Uint8Array>;
beforeAll(() => {
  release = buildRelease(inputs, lead);
});

describe("[REL1] a release as it was built", () => {
  test("verifies with the consortium's public key alone, every check passed", () => {
    const { verified, checks } = verify(release);
    expect(checks.filter(({ passed }) => !passed)).toEqual([]);
    expect(verified).toBe(true);
    expect(checks.length).toBe(14);
  });

  test("holds exactly the files of the format, the same from the same inputs", () => {
    expect([...release.keys()].sort()).toEqual(Object.values(RELEASE_PATHS).sort());
    expect(buildRelease(inputs, lead)).toEqual(release);
  });

  test("says what was done against what was signed", () => {
    const privacy = privacyStatementOf(document, ledger, approvals);
    expect(privacy.consortium.disjointEpsilon).toBeLessThan(privacy.signedMaximumEpsilon);
    expect(privacy.consortium.twoSitesEpsilon ?? 0).toBeGreaterThan(privacy.consortium.disjointEpsilon);
    const training = privacy.sites[0]?.parts.find(({ part }) => part === "train")?.events;
    expect(training?.map(({ kind, count }) => [kind, count])).toEqual([
      ["poisson-gaussian", 3],
      ["discrete-laplace", 3],
    ]);
    const text = new TextDecoder().decode(release.get(RELEASE_PATHS.privacyText));
    expect(text).toContain("Unprotected disclosures: none.");
  });

  test("a site's signature may be added, and must hold", () => {
    const signed = readJson(release.get(RELEASE_PATHS.manifest) ?? new Uint8Array(), SignedManifest);
    const [site] = SITES;
    if (signed === null || site === undefined) throw new Error("no manifest");
    const manifest = (value: unknown) => new Map(release).set(RELEASE_PATHS.manifest, jsonBytes(value));
    expect(verify(manifest(withSiteSignature(signed, site.site, site.identity))).verified).toBe(true);
    expect(failed(manifest(withSiteSignature(signed, site.site, site.steward)))).toEqual(["signatures"]);
    expect(failed(manifest({ ...signed, signatures: [...signed.signatures, ...signed.signatures] }))).toEqual([
      "signatures",
    ]);
  });
});

describe("[REL3] one altered bit anywhere is refused", () => {
  test("every byte of the small files, sampled bytes of the large", () => {
    for (const [path, content] of release) {
      const step = content.length <= 3000 ? 1 : Math.floor(content.length / 250);
      for (let position = 0; position < content.length; position += step) {
        const altered = content.slice();
        altered[position] = (altered[position] ?? 0) ^ (1 << (position % 8));
        const { verified } = verify(new Map(release).set(path, altered));
        if (verified) expect.fail(`${path}, byte ${position}: an altered bit was accepted`);
      }
    }
  });

  test("every bit of the manifest's signature", () => {
    const content = release.get(RELEASE_PATHS.manifest) ?? new Uint8Array();
    const start = Buffer.from(content).lastIndexOf('"signature":"');
    for (let bit = start * 8; bit < content.length * 8; bit++) {
      const altered = content.slice();
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(verify(new Map(release).set(RELEASE_PATHS.manifest, altered)).verified).toBe(false);
    }
  });

  test("files missing, added, emptied, swapped; another key", () => {
    for (const path of release.keys()) {
      const without = new Map(release);
      without.delete(path);
      expect(verify(without).verified).toBe(false);
      expect(verify(new Map(release).set(path, new Uint8Array())).verified).toBe(false);
    }
    expect(failed(new Map(release).set("model/more.bin", new Uint8Array()))).toEqual(["files"]);
    const privacy = release.get(RELEASE_PATHS.privacy) ?? new Uint8Array();
    expect(failed(new Map(release).set(RELEASE_PATHS.study, privacy))).toEqual(["files"]);
    expect(verify(release, seed(2).publicKey).verified).toBe(false);
  });
});

describe("[REL4] a lie that the coordinator itself signed is refused", () => {
  const forge = (changes: Partial<ReleaseInputs>, path?: string, content?: (bytes: Uint8Array) => Uint8Array) => {
    const files = new Map(buildRelease({ ...inputs, ...changes }, lead));
    if (path === undefined || content === undefined) return files;
    return resign(files.set(path, content(files.get(path) ?? new Uint8Array())));
  };

  /** Signs the folder anew, as it now is. */
  function resign(
    files: Map<string, Uint8Array>,
    change: (manifest: SignedManifest["manifest"]) => object = () => ({}),
  ) {
    const signed = readJson(files.get(RELEASE_PATHS.manifest) ?? new Uint8Array(), SignedManifest);
    if (signed === null) throw new Error("no manifest");
    const { manifest } = signed;
    const listed = manifest.files.map(({ path }) => {
      const bytes = files.get(path) ?? new Uint8Array();
      return { path, bytes: bytes.length, sha256: digestOf(bytes) };
    });
    const next = { ...manifest, files: listed, ...change(manifest) };
    return files.set(RELEASE_PATHS.manifest, jsonBytes(signManifest(next, lead)));
  }

  const edit = (from: RegExp, to: string) => (bytes: Uint8Array) => {
    const text = new TextDecoder().decode(bytes);
    expect(text).toMatch(from);
    return new TextEncoder().encode(text.replace(from, to));
  };

  test("a smaller ε in the privacy statement", () => {
    const files = forge({}, RELEASE_PATHS.privacy, edit(/"disjointEpsilon":[\d.]+/, '"disjointEpsilon":0.5'));
    expect(failed(files)).toEqual(["privacy", "gate", "texts"]);
  });

  test("a smaller AUC in the audit report, or histograms that don't give it", () => {
    const shown = forge({}, RELEASE_PATHS.audit, edit(/"value":0\.5\b/, '"value":0.4'));
    expect(failed(shown)).toContain("audit");
    const histograms = forge({}, RELEASE_PATHS.audit, edit(/"counts":\[40,/, '"counts":[90,'));
    expect(failed(histograms)).toContain("audit");
  });

  test("a soothing text", () => {
    const files = forge({}, RELEASE_PATHS.card, edit(/Limits/, "No limits"));
    expect(failed(files)).toEqual(["texts"]);
  });

  test("a charge left out of the ledger, or an entry altered", () => {
    const cut = forge({}, RELEASE_PATHS.ledger, (bytes) => {
      const text = new TextDecoder().decode(bytes);
      return new TextEncoder().encode(text.slice(text.indexOf("\n") + 1));
    });
    expect(failed(cut)).toContain("ledger");
    const altered = forge({}, RELEASE_PATHS.ledger, edit(/"samplingRate":0\.2/, '"samplingRate":0.1'));
    expect(failed(altered)).toEqual(["ledger", "charges", "privacy"]);
  });

  test("a rewritten ledger that sites have countersigned otherwise", () => {
    expect(failed(forge({ ledger: chain(bodies.slice(6), lead) }))).toContain("ledger");
    expect(failed(forge({ ledger: chain(bodies, seed(3)) }))).toContain("ledger");
  });

  test("charges that the study doesn't plan", () => {
    const wider = bodies.map((body): LedgerBody => {
      if (body.kind !== "reserved" || body.event.kind !== "poisson-gaussian" || body.round !== 2) return body;
      return { ...body, event: { ...body.event, samplingRate: SamplingRate.parse(0.21) } };
    });
    expect(failed(forge({ ledger: chain(wider, lead), witnessedHeads: [] }))).toEqual(["charges"]);
  });

  test("an approval of another study, by another steward, or missing", () => {
    const [first, second] = approvals;
    if (first === undefined || second === undefined) throw new Error("no approvals");
    const other = { ...first, statement: { ...first.statement, studyDigest: modelDigest(parameters) } };
    expect(failed(forge({ approvals: [other, second] }))).toContain("approvals");
    const stranger = { ...first, stewardKey: lead.publicKey };
    expect(failed(forge({ approvals: [stranger, second] }))).toEqual(["approvals"]);
    expect(failed(forge({ approvals: [second] }))).toContain("approvals");
  });

  test("another model, a roster that isn't signed, a gate that didn't pass", () => {
    const flip = (bytes: Uint8Array) => bytes.with(-1, (bytes.at(-1) ?? 0) ^ 1);
    expect(failed(forge({}, RELEASE_PATHS.model, flip))).toEqual(["model"]);
    const unsigned = { ...roster, signature: lead.sign("another roster") };
    expect(failed(forge({ roster: unsigned }))).toEqual(["roster"]);
    const refused = resign(new Map(release), ({ gate }) => ({ gate: { ...gate, passed: false } }));
    expect(failed(refused)).toContain("gate");
  });
});

describe("[REL5] nothing is released before its time", () => {
  test("a refused gate stops the release", () => {
    const strict = StudyDocument.parse({
      ...document,
      audit: { ...document.audit, gates: { maxAttackAucUpper: 0.5 } },
    });
    expect(() => buildRelease({ ...inputs, document: strict }, lead)).toThrow(/gate refused.*max-attack-auc-upper/);
  });

  test("an open reservation, an audit of another model, or an empty ledger stop it", () => {
    const open = chain(
      bodies.filter(({ kind }) => kind !== "acting"),
      lead,
    );
    expect(() => buildRelease({ ...inputs, ledger: open }, lead)).toThrow(/reservations/);
    expect(() => buildRelease({ ...inputs, round: 2 }, lead)).toThrow(/another model/);
    expect(() => buildRelease({ ...inputs, ledger: [] }, lead)).toThrow(/empty/);
  });

  test("a cancelled charge is not spent; one that acted and was abandoned is", () => {
    const reserved = charged("train", 4);
    const cancelled = reserved.flatMap((body): LedgerBody[] =>
      body.kind === "reserved" ? [body, { kind: "cancelled", charge: body.charge, reason: "too few sites" }] : [],
    );
    const epsilonAfter = (more: readonly LedgerBody[]) =>
      privacyStatementOf(document, chain([...bodies, ...more], lead), approvals).consortium.disjointEpsilon;
    expect(epsilonAfter(cancelled)).toBe(epsilonAfter([]));
    expect(epsilonAfter(reserved.filter(({ kind }) => kind !== "committed"))).toBeGreaterThan(epsilonAfter([]));
  });
});
