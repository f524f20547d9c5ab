/** This site's own word on a release: made once, by a steward's signature, and told until the coordinator has replied. */
import { Failure } from "@consilium/shared/failure/failure";
import { refusedAnswer, signedAnswer } from "@consilium/shared/release/signatories";
import type { Signer } from "@consilium/shared/signing/ed25519";
import type { Digest, SiteName, StudyName } from "@consilium/shared/units/identity";
import { ENDED } from "../approval/proposals.ts";
import { type Outgoing, releaseAnswered } from "../disclosure/outgoing.ts";
import type { Effect } from "../steward/effect.ts";
import type { Records } from "../storage/records.ts";
import type { ReleaseRecord } from "../storage/releases.ts";

/** Releases that this site has not answered, of studies that wait for it. */
export function releasesWaiting(records: Records): readonly ReleaseRecord[] {
  return records.releases.all().filter(({ study, signed, answer, revocation }) => {
    const progress = records.proposal(study)?.progress ?? null;
    return signed !== null && answer === null && revocation === null && !ENDED.has(progress ?? "");
  });
}

interface AnswerOptions {
  readonly site: SiteName;
  readonly identity: Signer;
  readonly records: Records;
}

/** `refusal`: why this site won't sign; null where it does. */
export interface AnswerWords {
  readonly study: StudyName;
  readonly manifest: Digest;
  readonly refusal: string | null;
}

/** What a steward's word on a release does: the site's own signature, kept before it is told. */
export function answerEffect({ site, identity, records }: AnswerOptions, words: AnswerWords): Effect {
  const { study, manifest: digest, refusal } = words;
  const record = records.releases.find(digest);
  if (record === null || record.signed === null || record.study !== study) throw unknown(study);
  if (record.answer !== null) throw answered(study, record.answer.answer);
  if (record.revocation !== null) throw revoked(study, record.revocation.statement.reason);
  const of = { manifest: record.signed.manifest, digest, party: site, signer: identity };
  const answer = refusal === null ? signedAnswer(of) : refusedAnswer(of, refusal);
  return { bodies: [], check: () => undefined, also: () => records.releases.saveAnswer(answer) };
}

/** What the coordinator doesn't know yet: the very bytes that were signed, however often. */
export function answerMessage({ answer, told }: ReleaseRecord): Outgoing | null {
  if (answer === null || told) return null;
  const { study, manifest, signature } = answer;
  const refusal = answer.answer === "refused" ? answer.reason : null;
  return releaseAnswered({ type: "release-answered", study, manifest, refusal, signature });
}

/** Codes by which the coordinator refuses an answer for good; by any other it may take it yet. */
export function isFinal(code: string): boolean {
  return code.startsWith("release/");
}

function unknown(study: StudyName): Failure {
  return new Failure({
    code: "release/unknown",
    kind: "refused",
    what: `No such release of study ${study} waits for this site's signature.`,
    remedy: "See what waits: consilium-site release list",
  });
}

function answered(study: StudyName, before: "signed" | "refused"): Failure {
  return new Failure({
    code: "release/answered",
    kind: "refused",
    what: `This site has ${before} the release of ${study} already.`,
    remedy: "An answer stays. Ask the lead to revoke a release that nobody should use.",
  });
}

function revoked(study: StudyName, reason: string): Failure {
  return new Failure({
    code: "release/revoked",
    kind: "refused",
    what: `The release of ${study} was revoked: ${reason}`.slice(0, 1000),
    remedy: "Nothing: nobody should use it any more.",
  });
}
