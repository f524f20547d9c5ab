import { z } from "zod";
import { type Signer, signStatement, verifyStatement } from "../signing/ed25519.ts";
import { Digest, type PublicKey, Signature, StudyName } from "../units/identity.ts";

/** A release that nobody should use any more, by its manifest's digest. */
export const RevocationStatement = z.strictObject({
  study: StudyName,
  manifest: Digest,
  reason: z.string().trim().min(1).max(500),
  /** For people: a notice holds from when one has it. */
  at: z.iso.datetime(),
});
export type RevocationStatement = z.infer<typeof RevocationStatement>;

/** Signed by the coordinator, as the release was. */
export const Revocation = z.strictObject({
  kind: z.literal("consilium-revocation"),
  statement: RevocationStatement,
  signature: Signature,
});
export type Revocation = z.infer<typeof Revocation>;

/** All that a consortium published, in one file. */
export const RevocationList = z.strictObject({
  kind: z.literal("consilium-revocations"),
  revocations: z.array(Revocation),
});
export type RevocationList = z.infer<typeof RevocationList>;

const REVOCATION_DOMAIN = "release-revocation";

export function signRevocation(statement: RevocationStatement, coordinator: Signer): Revocation {
  const signature = signStatement(coordinator, REVOCATION_DOMAIN, statement);
  return { kind: "consilium-revocation", statement, signature };
}

/** Whether it is the trusted coordinator's own. */
export function revocationHolds({ statement, signature }: Revocation, trustedKey: PublicKey): boolean {
  return verifyStatement(trustedKey, REVOCATION_DOMAIN, statement, signature);
}
