import { type Signer, signStatement } from "@consilium/shared/signing/ed25519";
import { PublicKey, Signature } from "@consilium/shared/units/identity";
import { z } from "zod";
import { RecordsWords } from "../steward/statement.ts";

/** Files of a folder in which sanitized records leave. */
export const RECORDS_FILE = "records.csv";
export const RELEASE_FILE = "release.json";
export const CARD_FILE = "README.md";

const SignedBy = z.strictObject({ steward: z.string(), publicKey: PublicKey, signature: Signature });

/** What stands beside the records, for whoever is given them. */
export const RecordsRelease = z.strictObject({
  kind: z.literal("consilium-sanitized-records"),
  formatVersion: z.literal(1),
  words: RecordsWords,
  records: z.number().int().nonnegative(),
  method: z.unknown(),
  labels: z.unknown(),
  recordsPerPatient: z.number().int().positive(),
  disclosed: z.array(z.string()),
  /** What is promised, in words. */
  promises: z.array(z.string()),
  signedBy: z.array(SignedBy).min(1).max(2),
});
export type RecordsRelease = z.infer<typeof RecordsRelease>;

/** Domain of the site's own signature. */
export const RECORDS_SITE_DOMAIN = "sanitized-records";
export const SignedRelease = z.strictObject({
  release: RecordsRelease,
  site: z.strictObject({ publicKey: PublicKey, signature: Signature }),
});

export type SignedRelease = z.infer<typeof SignedRelease>;

export function signRelease(release: RecordsRelease, identity: Signer): SignedRelease {
  const signature = signStatement(identity, RECORDS_SITE_DOMAIN, release);
  return { release, site: { publicKey: identity.publicKey, signature } };
}

/** A data card for people: what the records are, what is promised, and what they are no good for. */
export function cardOf({
  words,
  records,
  method,
  promises,
  disclosed,
  signedBy,
  recordsPerPatient,
}: RecordsRelease): string {
  return [
    `# Sanitized records of ${words.site}, data set ${words.dataset}`,
    "",
    `${records} records, each noised by itself before anybody else saw it; at most ${recordsPerPatient} of one patient.`,
    "",
    "## What is promised",
    "",
    ...promises.map((promise) => `- ${promise}`),
    ...(disclosed.length === 0
      ? []
      : [`- **The ${disclosed.join(" and ")} have no figure for a record**: two stewards signed for that.`]),
    "- That a person is among the patients is not hidden: counts are public.",
    "",
    "## How they were made",
    "",
    "```json",
    JSON.stringify(method, null, 2),
    "```",
    "",
    `Charged once to the data set, as ${words.charge}. Whatever is computed from these records alone costs nothing more.`,
    "",
    "## What they are not",
    "",
    "- No patient's records: a value may be far from any that was measured, and outside its range.",
    "- No ground for a decision about a person.",
    "",
    `Released because: ${words.reason}. Signed by ${signedBy.map(({ steward }) => steward).join(" and ")}.`,
    "Check with `consilium-site data verify FOLDER --key KEY`, KEY being the site's public key.",
    "",
  ].join("\n");
}
