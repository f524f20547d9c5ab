import { digestOfJson } from "@consilium/shared/encoding/digest";
import { RecordEvent } from "@consilium/shared/event/recordEvent";
import { Failure } from "@consilium/shared/failure/failure";
import { CapChange } from "@consilium/shared/ledger/cap";
import { ChargeId, StewardName } from "@consilium/shared/ledger/entry";
import { LabelRule, SanitizerMethod } from "@consilium/shared/sanitizer/method";
import { type Signer, signStatement, verifyStatement } from "@consilium/shared/signing/ed25519";
import { ApprovalStatement } from "@consilium/shared/study/approval";
import { CounterOffer } from "@consilium/shared/study/counterOffer";
import { DatasetId, Digest, PublicKey, Signature, SiteName, StudyName } from "@consilium/shared/units/identity";
import { Delta, Epsilon } from "@consilium/shared/units/privacy";
import { z } from "zod";

/** A data set's limits over all studies, and for each single study. */
export const Cap = z.strictObject({ epsilon: Epsilon, delta: Delta, perStudy: Epsilon.optional() });
export type Cap = z.infer<typeof Cap>;

const reason = z.string().trim().min(1).max(500);

/** What is to be done to a data set once: all that its figures follow from, and the bytes that it is done to. */
export const SanitizeWords = z.strictObject({
  charge: ChargeId,
  dataset: DatasetId,
  /** Digest of the registered data; null of a database. */
  content: Digest.nullable(),
  method: SanitizerMethod,
  labels: LabelRule,
  recordsPerPatient: z.number().int().positive(),
  /** What it does to a patient; none where nothing has a figure. */
  events: z.array(RecordEvent).max(2),
  /** What leaves without a figure for a record. */
  disclosed: z.array(z.enum(["features", "labels"])).max(2),
});
export type SanitizeWords = z.infer<typeof SanitizeWords>;

/** Another steward's over `SanitizeWords`, in the domain of disclosures. */
const SecondSignature = z.strictObject({ steward: StewardName, signature: Signature });
export const DISCLOSURE_DOMAIN = "unprotected-disclosure";

/** What stewards sign for when sanitized records leave: which, made by which charge, and why. */
export const RecordsWords = z.strictObject({
  site: SiteName,
  dataset: DatasetId,
  charge: ChargeId,
  /** Digest of the file that is handed out. */
  file: Digest,
  reason,
});
export type RecordsWords = z.infer<typeof RecordsWords>;
export const RECORDS_DOMAIN = "records-release";

/** What a steward can decide; nobody else at the hospital can. */
export const StewardAction = z.discriminatedUnion("action", [
  /** `signature`: the steward's over `approval` alone, as it goes to the coordinator. */
  z.strictObject({ action: z.literal("approve"), approval: ApprovalStatement, signature: Signature }),
  z.strictObject({ action: z.literal("reject"), study: StudyName, studyDigest: Digest, reason }),
  /** The first cap over all studies, or a lower one. */
  z.strictObject({ action: z.literal("set-cap"), dataset: DatasetId, cap: Cap }),
  /** Any cap, lower than before. */
  z.strictObject({ action: z.literal("lower-cap"), dataset: DatasetId, change: CapChange, reason }),
  /** Changes nothing until another steward grants it. */
  z.strictObject({ action: z.literal("ask-raise"), dataset: DatasetId, change: CapChange, reason }),
  /** `request`: digest of the statement that asked. */
  z.strictObject({ action: z.literal("settle-raise"), request: Digest, isGranted: z.boolean(), reason }),
  /** The second who may decide here; studies are approved by the first steward, whose key the consortium knows. */
  z.strictObject({ action: z.literal("add-steward"), name: StewardName, publicKey: PublicKey }),
  /** The same where two decide here already: nothing changes until another of them grants it. */
  z.strictObject({ action: z.literal("ask-steward"), name: StewardName, publicKey: PublicKey, reason }),
  z.strictObject({ action: z.literal("settle-steward"), request: Digest, isGranted: z.boolean(), reason }),
  /** A frozen data set takes part in nothing until the steward unfreezes it. */
  z.strictObject({ action: z.literal("freeze"), dataset: DatasetId, frozen: z.boolean(), reason }),
  /** A frozen study keeps its approval and takes part in nothing until it is unfrozen. */
  z.strictObject({
    action: z.literal("freeze-study"),
    study: StudyName,
    studyDigest: Digest,
    frozen: z.boolean(),
    reason,
  }),
  /** A refusal of this version that names the ε of one that would be granted, on that data set. */
  z.strictObject({
    action: z.literal("counter-offer"),
    study: StudyName,
    studyDigest: Digest,
    dataset: DatasetId,
    offer: CounterOffer,
    reason,
  }),
  /** A data set noised once; `charge` names it for ever. `second` where something leaves without a figure for a record. */
  z.strictObject({ action: z.literal("sanitize"), ...SanitizeWords.shape, second: SecondSignature.optional() }),
  /** Sanitized records leave the site; the signatures are over the words alone, as they stand beside the records. */
  z.strictObject({
    action: z.literal("release-records"),
    words: RecordsWords,
    signature: Signature,
    second: SecondSignature.optional(),
  }),
  /** This site signs a release, by its manifest's digest; or refuses to, and says why. */
  z.strictObject({
    action: z.literal("answer-release"),
    study: StudyName,
    manifest: Digest,
    refusal: reason.nullable(),
  }),
  /** Withdraws an approval: from now on the site declines the study's rounds. */
  z.strictObject({ action: z.literal("veto"), study: StudyName, studyDigest: Digest, reason }),
]);
export type StewardAction = z.infer<typeof StewardAction>;

/** One decision. `number` is one more than the site's last: a statement that took effect once never does again. */
export const StewardStatement = z.strictObject({
  site: SiteName,
  steward: StewardName,
  number: z.number().int().positive(),
  decision: StewardAction,
});
export type StewardStatement = z.infer<typeof StewardStatement>;

export const SignedStatement = z.strictObject({ statement: StewardStatement, signature: Signature });
export type SignedStatement = z.infer<typeof SignedStatement>;

const STEWARD_DOMAIN = "steward-statement";

export function signDecision(steward: Signer, statement: StewardStatement): SignedStatement {
  return { statement, signature: signStatement(steward, STEWARD_DOMAIN, statement) };
}

/** Whom the site knows as its steward. */
export const KnownSteward = z.strictObject({ name: StewardName, publicKey: PublicKey });
export type KnownSteward = z.infer<typeof KnownSteward>;

/** The statement's digest, once it is shown to be one of this site's stewards' and the next one. Throws otherwise. */
export function verifyDecision(
  signed: SignedStatement,
  site: SiteName,
  stewards: readonly KnownSteward[],
  lastNumber: number,
): Digest {
  const { statement, signature } = signed;
  const steward = stewards.find(({ name }) => name === statement.steward);
  if (
    steward === undefined ||
    statement.site !== site ||
    !verifyStatement(steward.publicKey, STEWARD_DOMAIN, statement, signature)
  ) {
    throw new Failure({
      code: "steward/signature-invalid",
      kind: "refused",
      what: "This decision is not signed by a steward of this site.",
      remedy: "Only a steward, with the steward's own password, decides: see consilium-site steward list.",
    });
  }
  if (statement.number !== lastNumber + 1) {
    throw new Failure({
      code: "steward/number-not-fresh",
      kind: "refused",
      what: `This decision bears number ${statement.number}; the next one is ${lastNumber + 1}.`,
      remedy: "Run the command again; if you did not run it twice, somebody replayed an old decision.",
    });
  }
  return digestOfJson(signed);
}
