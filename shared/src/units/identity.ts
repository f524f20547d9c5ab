import { z } from "zod";

/** Name of a site in its consortium: lower-case letters, digits and hyphens; the subject of its certificate. */
export const SiteName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, "1 to 40 lower-case letters, digits or hyphens, starting with a letter")
  .refine((name) => name !== "coordinator", "the name 'coordinator' is taken")
  .brand<"SiteName">();
export type SiteName = z.infer<typeof SiteName>;

/** The one party that is no site. */
export const COORDINATOR = "coordinator";

/** Whoever signs a message or a ledger: a site, or the coordinator. */
export const PartyName = z.union([z.literal(COORDINATOR), SiteName]);
export type PartyName = z.infer<typeof PartyName>;

/** Name of a study: unique in its consortium. */
export const StudyName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,59}$/, "1 to 60 lower-case letters, digits or hyphens, starting with a letter")
  .brand<"StudyName">();
export type StudyName = z.infer<typeof StudyName>;

/** A site's own name for one of its data sets; budgets are kept for each. */
export const DatasetId = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,59}$/, "1 to 60 lower-case letters, digits or hyphens, starting with a letter")
  .brand<"DatasetId">();
export type DatasetId = z.infer<typeof DatasetId>;

/** SHA-256 as 64 lower-case hexadecimal digits. */
export const Digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/, "a SHA-256 digest: 64 hexadecimal digits")
  .brand<"Digest">();
export type Digest = z.infer<typeof Digest>;

/** Ed25519 public key: 32 bytes in base64. */
export const PublicKey = z
  .string()
  .regex(/^[A-Za-z0-9+/]{43}=$/, "an Ed25519 public key: 32 bytes in base64")
  .brand<"PublicKey">();
export type PublicKey = z.infer<typeof PublicKey>;

/** Ed25519 signature: 64 bytes in base64. */
export const Signature = z
  .string()
  .regex(/^[A-Za-z0-9+/]{86}==$/, "an Ed25519 signature: 64 bytes in base64")
  .brand<"Signature">();
export type Signature = z.infer<typeof Signature>;
