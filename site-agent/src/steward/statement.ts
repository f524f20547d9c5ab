import { digestOfJson } from "@consilium/shared/encoding/digest";
import { Failure } from "@consilium/shared/failure/failure";
import { type Signer, signStatement, verifyStatement } from "@consilium/shared/signing/ed25519";
import { ApprovalStatement } from "@consilium/shared/study/approval";
import { DatasetId, Digest, PublicKey, Signature, SiteName, StudyName } from "@consilium/shared/units/identity";
import { Delta, Epsilon } from "@consilium/shared/units/privacy";
import { z } from "zod";

/** A data set's limits over all studies, and for each single study. */
export const Cap = z.strictObject({ epsilon: Epsilon, delta: Delta, perStudy: Epsilon.optional() });
export type Cap = z.infer<typeof Cap>;

const reason = z.string().trim().min(1).max(500);

/** What a steward can decide; nobody else at the hospital can. */
export const StewardAction = z.discriminatedUnion("action", [
  /** `signature`: the steward's over `approval` alone, as it goes to the coordinator. */
  z.strictObject({ action: z.literal("approve"), approval: ApprovalStatement, signature: Signature }),
  z.strictObject({ action: z.literal("reject"), study: StudyName, studyDigest: Digest, reason }),
  z.strictObject({ action: z.literal("set-cap"), dataset: DatasetId, cap: Cap }),
  /** A frozen data set takes part in nothing until the steward unfreezes it. */
  z.strictObject({ action: z.literal("freeze"), dataset: DatasetId, frozen: z.boolean(), reason }),
  /** Withdraws an approval: from now on the site declines the study's rounds. */
  z.strictObject({ action: z.literal("veto"), study: StudyName, studyDigest: Digest, reason }),
]);
export type StewardAction = z.infer<typeof StewardAction>;

/** One decision. `number` is one more than the site's last: a statement that took effect once never does again. */
export const StewardStatement = z.strictObject({
  site: SiteName,
  steward: z.string().min(1).max(100),
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
export const KnownSteward = z.strictObject({ name: z.string().min(1).max(100), publicKey: PublicKey });
export type KnownSteward = z.infer<typeof KnownSteward>;

/** The statement's digest, once it is shown to be this site's steward's and the next one. Throws otherwise. */
export function verifyDecision(
  signed: SignedStatement,
  site: SiteName,
  steward: KnownSteward,
  lastNumber: number,
): Digest {
  const { statement, signature } = signed;
  const isSteward = statement.steward === steward.name && statement.site === site;
  if (!isSteward || !verifyStatement(steward.publicKey, STEWARD_DOMAIN, statement, signature)) {
    throw new Failure({
      code: "steward/signature-invalid",
      kind: "refused",
      what: "This decision is not signed by this site's steward.",
      remedy: "Only the steward, with the steward's password, decides: see consilium-site status for the name.",
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
