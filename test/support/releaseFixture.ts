/** A small release of two sites with everything that `verify` looks at, signed with fixed keys. */

import { digestOf } from "@consilium/shared/encoding/digest";
import { emptyTip, nextEntry, tipOf } from "@consilium/shared/ledger/chain";
import type { LedgerBody, LedgerEntry } from "@consilium/shared/ledger/entry";
import { replay } from "@consilium/shared/ledger/replay";
import { headOf } from "@consilium/shared/ledger/state";
import { modelDigest } from "@consilium/shared/model/modelDigest";
import { parameterCount } from "@consilium/shared/model/spec";
import { LEDGER_HEAD_DOMAIN, type RoundPurpose } from "@consilium/shared/protocol/messages";
import { signRoster } from "@consilium/shared/protocol/roster";
import { type ReleaseInputs, studyAudit } from "@consilium/shared/release/build";
import { sbomOf } from "@consilium/shared/release/sbom";
import { type Verification, verifyRelease } from "@consilium/shared/release/verify";
import { type Signer, signerOf, signStatement } from "@consilium/shared/signing/ed25519";
import { APPROVAL_DOMAIN, Approval } from "@consilium/shared/study/approval";
import { chargeId, plannedCharges } from "@consilium/shared/study/charges";
import { studyDigest } from "@consilium/shared/study/digest";
import { StudyDocument } from "@consilium/shared/study/document";
import { modelSpecOfStudy } from "@consilium/shared/study/network";
import { COORDINATOR, Signature, SiteName } from "@consilium/shared/units/identity";

export const seed = (value: number) => signerOf(new Uint8Array(32).fill(value));
export const lead = seed(1);
export const SITES = ["cleveland", "va"].map((name, index) => ({
  site: SiteName.parse(name),
  identity: seed(10 + index),
  steward: seed(20 + index),
}));

export const document = StudyDocument.parse({
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

export const approvals = SITES.map(({ site, identity, steward }) => {
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

export const roster = signRoster(
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

export function chain(bodies: readonly LedgerBody[], writer: Signer): LedgerEntry[] {
  const entries: LedgerEntry[] = [];
  let tip = emptyTip(COORDINATOR);
  for (const body of bodies) {
    const entry = nextEntry(tip, "2026-01-01T00:00:00Z", body, writer);
    entries.push(entry);
    tip = tipOf(entry);
  }
  return entries;
}

export function charged(purpose: RoundPurpose, round: number): LedgerBody[] {
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

export const caps = approvals.map(
  ({ statement: { site, dataset, cap } }): LedgerBody => ({
    kind: "cap-set",
    site,
    dataset,
    epsilon: cap.epsilon,
    delta: cap.delta,
    statement: digest,
  }),
);
export const bodies = [
  ...caps,
  ...charged("train", 1),
  ...charged("train", 2),
  ...charged("evaluate", 2),
  ...charged("train", 3),
  ...charged("audit", 3),
];
export const ledger = chain(bodies, lead);

export const parameters = new Float32Array(parameterCount(modelSpecOfStudy(document))).fill(0.125);
const model = { digest: modelDigest(parameters), round: 3 };
const even = (total: number, epsilon: number) => ({
  classes: 1,
  bins: 10,
  counts: new Array<number>(10).fill(total / 10),
  scale: 1 / epsilon,
});
const audit = studyAudit(document, model, {
  histograms: SITES.flatMap(({ site }) =>
    document.audit.attacks.map((attack) => ({ site, attack, members: even(400, 0.3), nonMembers: even(150, 0.3) })),
  ),
});
const head = headOf(replay(COORDINATOR, ledger));

/** Heads of the sites' own ledgers: signed, and silent about the coordinator's. */
export const ownHeads = SITES.map(({ site, identity }) => {
  const own = { writer: site, sequence: 9, hash: digestOf(`${site}'s ledger`), root: digestOf(`${site}'s tree`) };
  return { party: site, head: own, signature: Signature.parse(signStatement(identity, LEDGER_HEAD_DOMAIN, own)) };
});

export const inputs: ReleaseInputs = {
  document,
  parameters,
  frozen: new Float32Array(0),
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
  sbom: sbomOf({ name: "coordinator", version: "0.1.0", license: "Apache-2.0", isOwn: true, runsWith: [] }, []),
};

export function verify(files: ReadonlyMap<string, Uint8Array>, key = lead.publicKey): Verification {
  return verifyRelease((path) => files.get(path) ?? null, [...files.keys()], key);
}

/** Names of the checks that failed. */
export function failed(files: ReadonlyMap<string, Uint8Array>): string[] {
  return verify(files)
    .checks.filter(({ passed }) => !passed)
    .map(({ name }) => name);
}
