/** Releases that this site was asked to sign, what it said to them, and notices of those that were revoked. */
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { Refusal } from "@consilium/shared/failure/failure";
import { SignedManifest } from "@consilium/shared/release/manifest";
import { Revocation } from "@consilium/shared/release/revocation";
import { SignatoryAnswer } from "@consilium/shared/release/signatories";
import { Digest, StudyName } from "@consilium/shared/units/identity";
import type { Connection } from "@consilium/storage/database";
import { z } from "zod";

export interface ReleaseRecord {
  readonly study: StudyName;
  readonly manifest: Digest;
  /** When this site first heard of it. */
  readonly at: string;
  /** `manifest.json` as it came; null of a release that was only revoked. */
  readonly signed: SignedManifest | null;
  /** Once given it stays: what is sent again is the same bytes. */
  readonly answer: SignatoryAnswer | null;
  readonly told: boolean;
  /** Why the coordinator did not take the answer. */
  readonly refusal: Refusal | null;
  readonly revocation: Revocation | null;
}

export class ReleaseRecords {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Newest first. */
  all(): readonly ReleaseRecord[] {
    return this.#connection.prepare("select * from release order by at desc, manifest").all().map(recordOf);
  }

  find(manifest: Digest): ReleaseRecord | null {
    const row = this.#connection.prepare("select * from release where manifest = ?").get(manifest);
    return row === undefined ? null : recordOf(row);
  }

  /** Keeps what is known of a release that is asked for again. */
  insertWaiting(manifest: Digest, signed: SignedManifest, at: string): void {
    this.#connection
      .prepare(
        `insert into release (manifest, study, at, signed) values (?, ?, ?, ?)
         on conflict (manifest) do update set signed = coalesce(signed, excluded.signed)`,
      )
      .run(manifest, signed.manifest.study, at, canonicalJson(signed));
  }

  saveAnswer(answer: SignatoryAnswer): void {
    this.#connection
      .prepare("update release set answer = ?, told = 0, refusal = null where manifest = ? and answer is null")
      .run(canonicalJson(answer), answer.manifest);
  }

  /** The coordinator replied; with why, where it did not take the answer. */
  markTold(manifest: Digest, refusal: Refusal | null): void {
    this.#connection
      .prepare("update release set told = 1, refusal = ? where manifest = ?")
      .run(refusal === null ? null : canonicalJson(refusal), manifest);
  }

  /** The first notice stays. */
  saveRevocation(revocation: Revocation, at: string): void {
    const { manifest, study } = revocation.statement;
    this.#connection
      .prepare(
        `insert into release (manifest, study, at, revocation) values (?, ?, ?, ?)
         on conflict (manifest) do update set revocation = coalesce(revocation, excluded.revocation)`,
      )
      .run(manifest, study, at, canonicalJson(revocation));
  }
}

const Row = z.object({
  manifest: Digest,
  study: StudyName,
  at: z.string(),
  signed: z.string().nullable(),
  answer: z.string().nullable(),
  told: z.number(),
  refusal: z.string().nullable(),
  revocation: z.string().nullable(),
});

function recordOf(row: unknown): ReleaseRecord {
  const { signed, answer, told, refusal, revocation, ...rest } = Row.parse(row);
  return {
    ...rest,
    signed: parsed(signed, SignedManifest),
    answer: parsed(answer, SignatoryAnswer),
    told: told === 1,
    refusal: parsed(refusal, Refusal),
    revocation: parsed(revocation, Revocation),
  };
}

function parsed<Value>(text: string | null, schema: z.ZodType<Value>): Value | null {
  return text === null ? null : schema.parse(JSON.parse(text));
}
