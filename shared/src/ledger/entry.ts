import { z } from "zod";
import { PrivacyEvent } from "../event/event.ts";
import { RecordEvent } from "../event/recordEvent.ts";
import { DatasetId, Digest, PartyName, PublicKey, Signature, SiteName, StudyName } from "../units/identity.ts";
import { Delta, Epsilon } from "../units/privacy.ts";
import { CapChange, Period } from "./cap.ts";

/**
 * Parts of a site's patients, split by a keyed hash; a patient is in exactly one, so charges never add across parts.
 * `reference` trains an audit's reference models and nothing else; most studies have none there.
 */
export const Part = z.enum(["train", "validation", "audit", "reference"]);
export type Part = z.infer<typeof Part>;

/** Something of each part. */
export function ofEachPart<T>(of: (part: Part) => T): Record<Part, T> {
  return { train: of("train"), validation: of("validation"), audit: of("audit"), reference: of("reference") };
}

/** One attempt of one thing done to one site's data set, for instance `heart/r12.1/train/cleveland`. */
export const ChargeId = z.string().min(1).max(200).brand<"ChargeId">();
export type ChargeId = z.infer<typeof ChargeId>;

/** Newest entry of a ledger: what the next one follows. */
export const ChainTip = z.strictObject({ writer: PartyName, sequence: z.number().int().nonnegative(), hash: Digest });
export type ChainTip = z.infer<typeof ChainTip>;

/**
 * A ledger of `sequence` entries as it is shown, signed: whoever holds it can tell any later rewriting of the past, and
 * has proofs of single entries without reading all others.
 */
export const LedgerHead = z.strictObject({
  ...ChainTip.shape,
  /** Merkle tree hash of RFC 9162 over the entries' hashes. */
  root: Digest,
});
export type LedgerHead = z.infer<typeof LedgerHead>;

/** Hashes of a path in a ledger's tree; 64 levels hold more entries than there will ever be. */
const MerklePath = z.array(Digest).max(64);

/** That a ledger of `from` entries is the beginning of the one whose head it is shown beside. */
export const ConsistencyProof = z.strictObject({ from: z.number().int().nonnegative(), path: MerklePath });
export type ConsistencyProof = z.infer<typeof ConsistencyProof>;

/** That a ledger of `size` entries holds a certain one in this place. */
export const InclusionProof = z.strictObject({
  sequence: z.number().int().positive(),
  size: z.number().int().positive(),
  path: MerklePath,
});
export type InclusionProof = z.infer<typeof InclusionProof>;

/** What is charged to whom, and for what. */
const charged = {
  charge: ChargeId,
  site: SiteName,
  dataset: DatasetId,
  part: Part,
  study: StudyName,
  round: z.number().int().nonnegative(),
  attempt: z.number().int().positive(),
  event: PrivacyEvent,
};

/** Of a move, in characters. A chain with a longer one would be refused as a whole, so whoever writes one cuts it. */
export const REASON_LENGTH_MAX = 500;

export const StewardName = z.string().trim().min(1).max(100);
export type StewardName = z.infer<typeof StewardName>;

/** What leaves a sanitized data set as it was, or without a figure for a record: never charged, signed for by two. */
export const UnprotectedDisclosure = z.strictObject({
  of: z
    .array(z.enum(["features", "labels"]))
    .min(1)
    .max(2),
  by: z.array(StewardName).length(2),
});
export type UnprotectedDisclosure = z.infer<typeof UnprotectedDisclosure>;

/** What one entry says. Kinds only grow; a kind's meaning never changes. */
export const LedgerBody = z.discriminatedUnion("kind", [
  /** The steward's cap for a data set over all studies, for each part; `perStudy` bounds one study. */
  z.strictObject({
    kind: z.literal("cap-set"),
    site: SiteName,
    dataset: DatasetId,
    epsilon: Epsilon,
    delta: Delta,
    perStudy: Epsilon.optional(),
    /** Digest of the signed statement by which the steward(s) set it. */
    statement: Digest,
  }),
  /** The steward's cap for one study on a data set, at the δ of its cap over all studies; null lifts it. */
  z.strictObject({
    kind: z.literal("study-cap-set"),
    site: SiteName,
    dataset: DatasetId,
    study: StudyName,
    epsilon: Epsilon.nullable(),
    statement: Digest,
  }),
  /** The steward's cap for all charges of a period, at the same δ; null lifts it. The cap over all studies stays. */
  z.strictObject({
    kind: z.literal("period-cap-set"),
    site: SiteName,
    dataset: DatasetId,
    period: Period,
    epsilon: Epsilon.nullable(),
    statement: Digest,
  }),
  /** Whoever besides the first steward decides at a site, by whose word. */
  z.strictObject({
    kind: z.literal("steward-added"),
    site: SiteName,
    steward: StewardName,
    publicKey: PublicKey,
    by: StewardName,
    statement: Digest,
  }),
  /** One of several stewards asks that somebody else may decide too; nothing changes by it. */
  z.strictObject({
    kind: z.literal("steward-asked"),
    site: SiteName,
    steward: StewardName,
    publicKey: PublicKey,
    by: StewardName,
    reason: z.string().min(1).max(REASON_LENGTH_MAX),
    statement: Digest,
  }),
  /** Another of them agreed, and `steward-added` follows; or somebody refused it. `request`: statement that asked. */
  z.strictObject({
    kind: z.literal("steward-settled"),
    site: SiteName,
    request: Digest,
    isGranted: z.boolean(),
    by: StewardName,
    reason: z.string().min(1).max(REASON_LENGTH_MAX),
    statement: Digest,
  }),
  /** A steward asks that a cap be raised; nothing changes by it. */
  z.strictObject({
    kind: z.literal("raise-asked"),
    site: SiteName,
    dataset: DatasetId,
    change: CapChange,
    by: StewardName,
    reason: z.string().min(1).max(REASON_LENGTH_MAX),
    statement: Digest,
  }),
  /** Another steward agreed, and the cap's own entry follows; or somebody refused it. `request`: statement that asked. */
  z.strictObject({
    kind: z.literal("raise-settled"),
    site: SiteName,
    request: Digest,
    isGranted: z.boolean(),
    by: StewardName,
    reason: z.string().min(1).max(REASON_LENGTH_MAX),
    statement: Digest,
  }),
  /** A site's approval of exactly this study document, with the data set it will use. */
  z.strictObject({
    kind: z.literal("study-approved"),
    site: SiteName,
    dataset: DatasetId,
    study: StudyName,
    studyDigest: Digest,
    approval: Digest,
    /** Of the steward's decision, as signed; absent in entries from before it was asked for. */
    number: z.number().int().positive().optional(),
    /** Of a study on sanitized records: the charge that made those of this site. */
    sanitized: ChargeId.optional(),
  }),
  /** Budget set aside before anyone computes. */
  z.strictObject({ kind: z.literal("reserved"), ...charged }),
  /** Durable before a sample is drawn: from here on the charge is spent, whatever happens. */
  z.strictObject({ kind: z.literal("acting"), charge: ChargeId }),
  /** `result`: digest of what left the site (site's ledger) or of the aggregate it entered (coordinator's). */
  z.strictObject({ kind: z.literal("committed"), charge: ChargeId, result: Digest }),
  /** Only from reserved: nothing was drawn, nothing is spent. */
  z.strictObject({ kind: z.literal("cancelled"), charge: ChargeId, reason: z.string().max(200) }),
  /**
   * A charge that another party's ledger holds and ours lost or cancelled (after a restore): acting from here on,
   * whatever the cap, because it may have been spent.
   */
  z.strictObject({ kind: z.literal("recovered"), ...charged, from: PartyName }),
  /**
   * A whole data set, all parts, is noised record by record into one file: spent from here on, whatever happens, since
   * this is durable before any noise is drawn; `committed` follows with the file's digest. Belongs to no study.
   */
  z.strictObject({
    kind: z.literal("sanitizing"),
    charge: ChargeId,
    site: SiteName,
    dataset: DatasetId,
    /** Of one patient; none where nothing has a figure for a record. */
    events: z.array(RecordEvent).max(2),
    disclosure: UnprotectedDisclosure.optional(),
    /** Digest of the steward's signed statement. */
    statement: Digest,
    /** Whose ledger or word we have it from, where we didn't do it: then it counts whatever the cap. */
    from: PartyName.optional(),
    /** Its site's own over what it did (`SANITIZING_DOMAIN`), where that told it: to be shown to a site that lost it. */
    signature: Signature.optional(),
  }),
  /** Sanitized records left the site, without patients' keys, by its steward's signature. Costs nothing more. */
  z.strictObject({
    kind: z.literal("records-released"),
    site: SiteName,
    dataset: DatasetId,
    /** The sanitizer's charge that made them. */
    charge: ChargeId,
    /** Digest of the file that was handed out. */
    file: Digest,
    by: z.array(StewardName).min(1).max(2),
    reason: z.string().min(1).max(REASON_LENGTH_MAX),
    statement: Digest,
  }),
  /** Another party's head as it was shown to us, with its signature. */
  z.strictObject({ kind: z.literal("head-witnessed"), head: LedgerHead, signature: Signature }),
  /**
   * A ledger was put back from an older copy and both sides go on from it: `lost` is the newest head of it that the
   * other side holds and it lacks, `accepted` its head from which it goes on. In the ledger that lost entries and in
   * the other's, each by its own operator, between the coordinator and one site.
   */
  z.strictObject({
    kind: z.literal("restore-accepted"),
    site: SiteName,
    lost: LedgerHead,
    accepted: LedgerHead,
    by: z.string().min(1).max(100),
    reason: z.string().min(1).max(REASON_LENGTH_MAX),
  }),
  /** A study's change of state, with who and why; the audit log of the consortium. */
  z.strictObject({
    kind: z.literal("study-moved"),
    study: StudyName,
    from: z.string().max(40),
    to: z.string().max(40),
    by: z.string().max(100),
    reason: z.string().max(REASON_LENGTH_MAX),
  }),
  /** Anything refused that an auditor may want to see. */
  z.strictObject({
    kind: z.literal("refusal-noted"),
    party: z.string().max(100),
    code: z.string().max(100),
    detail: z.string().max(500),
  }),
  /** A site or an auditor signed a release, or refused to with a reason (`refusal`). */
  z.strictObject({
    kind: z.literal("release-answered"),
    study: StudyName,
    manifest: Digest,
    party: z.string().min(1).max(60),
    refusal: z.string().min(1).max(REASON_LENGTH_MAX).nullable(),
  }),
  /** An auditor whom the study names had a model released that the gate refused. `statement`: digest of that word. */
  z.strictObject({
    kind: z.literal("gate-overridden"),
    study: StudyName,
    by: z.string().min(1).max(60),
    reason: z.string().min(1).max(2000),
    statement: Digest,
  }),
  /** Nobody should use this release any more. */
  z.strictObject({
    kind: z.literal("release-revoked"),
    study: StudyName,
    manifest: Digest,
    by: z.string().min(1).max(100),
    reason: z.string().min(1).max(REASON_LENGTH_MAX),
  }),
  /** A release left the consortium. */
  z.strictObject({ kind: z.literal("released"), study: StudyName, manifest: Digest }),
]);
export type LedgerBody = z.infer<typeof LedgerBody>;

/**
 * One link of the chain. `at` is for people, and for caps on a period: what counts there is the latest day that any entry
 * up to then bears, so a clock that went back frees nothing. No other rule depends on a clock.
 */
export const LedgerEntry = z.strictObject({
  writer: PartyName,
  sequence: z.number().int().positive(),
  previousHash: Digest,
  at: z.iso.datetime(),
  body: LedgerBody,
  /** SHA-256 of the canonical JSON of all but `hash` and `signature`. */
  hash: Digest,
  /** The writer's, over `hash`, which is of all that comes before too: at the last of the entries written together. */
  signature: Signature.optional(),
  /** Of each other entry, and in what its hash is of: number of that last one. */
  signedWith: z.number().int().positive().optional(),
});
export type LedgerEntry = z.infer<typeof LedgerEntry>;

/** Previous hash of a ledger's first entry. */
export const GENESIS_HASH = Digest.parse("0".repeat(64));
