import { digestOfJson } from "@consilium/shared/encoding/digest";
import { ChargeId } from "@consilium/shared/ledger/entry";
import { LabelRule, SanitizerMethod } from "@consilium/shared/sanitizer/method";
import type { SanitizerStatement } from "@consilium/shared/sanitizer/statement";
import { type Signer, signStatement } from "@consilium/shared/signing/ed25519";
import type { DataContract } from "@consilium/shared/study/contract";
import { DatasetId, Digest, Signature, SiteName } from "@consilium/shared/units/identity";
import { z } from "zod";
import type { SanitizeWords } from "../steward/statement.ts";
import type { Plan } from "./sanitizePlan.ts";

/** Domain of the site's signature over a manifest. */
export const MANIFEST_DOMAIN = "sanitized-manifest";

/** What must hold of a manifest for a study to train on its file; the rest is for people. */
export const SignedManifest = z.object({
  manifest: z.looseObject({
    kind: z.literal("consilium-sanitized"),
    formatVersion: z.literal(1),
    site: SiteName,
    dataset: DatasetId,
    charge: ChargeId,
    file: Digest,
    method: SanitizerMethod,
    labels: LabelRule,
    recordsPerPatient: z.number().int().positive(),
    disclosed: z.array(z.enum(["features", "labels"])),
    columns: z.strictObject({ patient: z.string().nullable(), split: z.string().nullable(), label: z.string() }),
    statement: z.looseObject({ sentences: z.array(z.string()) }),
  }),
  signature: Signature,
});

export type SignedManifest = z.infer<typeof SignedManifest>;

export interface Written {
  readonly site: SiteName;
  readonly words: SanitizeWords;
  readonly contract: DataContract;
  /** Of the file with the columns' public order; null: as the schema has them. */
  readonly order: Digest | null;
  readonly plan: Plan;
  readonly statement: SanitizerStatement;
  readonly file: Digest;
  readonly records: number;
}

/**
 * What says of a sanitized file how it was made and what it promises: signed by the site, for whoever holds it. No
 * digest of the source: without noise, it would tell whoever knows all records but one which of two the last one is.
 */
export function manifestText(
  { site, words, contract, order, plan, statement, file, records }: Written,
  identity: Signer,
) {
  const { charge, dataset, method, labels, recordsPerPatient, disclosed } = words;
  const manifest = {
    kind: "consilium-sanitized",
    formatVersion: 1,
    site,
    dataset,
    charge,
    file,
    records,
    contract: digestOfJson(contract),
    columns: { patient: contract.patient ?? null, split: contract.split ?? null, label: contract.label.name },
    method,
    order,
    labels,
    recordsPerPatient,
    events: plan.all,
    charged: plan.events,
    disclosed,
    neighbours: "one patient replaced by another with as many records; under caps, replaced by nothing (zero-out)",
    statement,
  };
  const signature = signStatement(identity, MANIFEST_DOMAIN, manifest);
  const signed = { manifest, signature, publicKey: identity.publicKey };
  return { signed, text: JSON.stringify(signed, null, 2) };
}
