/** Who signed a release, and whether that is enough: by the rule that every site signed with the study. */
import { z } from "zod";
import type { RosterSite } from "../protocol/roster.ts";
import { type Signer, signStatement, verifyStatement } from "../signing/ed25519.ts";
import type { StudyDocument } from "../study/document.ts";
import { COORDINATOR, Digest, Signature, StudyName } from "../units/identity.ts";
import { RELEASE_DOMAIN, type ReleaseManifest } from "./manifest.ts";
import { auditorOf, auditorSignatory, Signatory } from "./signatory.ts";

/** Reason of whoever won't sign. */
const reason = z.string().trim().min(1).max(500);

export const Refusal = z.strictObject({ study: StudyName, manifest: Digest, party: Signatory, reason });
export type Refusal = z.infer<typeof Refusal>;
const REFUSAL_DOMAIN = "release-refusal";

/** What a signatory hands in, as a file: a signature over the manifest, or over a refusal with its reason. */
export const SignatoryAnswer = z.discriminatedUnion("answer", [
  z.strictObject({
    kind: z.literal("consilium-release-answer"),
    answer: z.literal("signed"),
    study: StudyName,
    manifest: Digest,
    party: Signatory,
    signature: Signature,
  }),
  z.strictObject({
    kind: z.literal("consilium-release-answer"),
    answer: z.literal("refused"),
    ...Refusal.shape,
    signature: Signature,
  }),
]);
export type SignatoryAnswer = z.infer<typeof SignatoryAnswer>;

export interface AnswerOf {
  readonly manifest: ReleaseManifest;
  readonly digest: Digest;
  readonly party: Signatory;
  readonly signer: Signer;
}

export function signedAnswer({ manifest, digest, party, signer }: AnswerOf): SignatoryAnswer {
  const signature = signStatement(signer, RELEASE_DOMAIN, manifest);
  return {
    ...{ kind: "consilium-release-answer", answer: "signed" },
    ...{ study: manifest.study, manifest: digest, party, signature },
  };
}

export function refusedAnswer({ manifest, digest, party, signer }: AnswerOf, why: string): SignatoryAnswer {
  const refusal = Refusal.parse({ study: manifest.study, manifest: digest, party, reason: why });
  const signature = signStatement(signer, REFUSAL_DOMAIN, refusal);
  return { kind: "consilium-release-answer", answer: "refused", ...refusal, signature };
}

/** Key by which a party's signature is held; undefined for one that this study and roster don't name. */
export function keyOf(document: StudyDocument, manifest: ReleaseManifest, party: Signatory): string | undefined {
  if (party === COORDINATOR) return manifest.coordinatorKey;
  const auditor = auditorOf(party);
  if (auditor !== null) return document.release.signatures?.auditors.find(({ name }) => name === auditor)?.key;
  const isOfStudy = document.sites.some((site) => site.name === party);
  return isOfStudy ? manifest.roster.roster.sites.find(({ site }) => site === party)?.identityKey : undefined;
}

/** Whether an answer is its party's own, over this very manifest. */
export function answerHolds(
  document: StudyDocument,
  manifest: ReleaseManifest,
  digest: Digest,
  answer: SignatoryAnswer,
): boolean {
  const { party, signature } = answer;
  const key = keyOf(document, manifest, party);
  if (key === undefined || party === COORDINATOR || answer.manifest !== digest || answer.study !== manifest.study)
    return false;
  if (answer.answer === "signed") return verifyStatement(key, RELEASE_DOMAIN, manifest, signature);
  const { study, reason: why } = answer;
  return verifyStatement(key, REFUSAL_DOMAIN, { study, manifest: digest, party, reason: why }, signature);
}

/** How many more signatures a release needs, of which kind. */
export interface Missing {
  readonly sites: number;
  readonly auditors: number;
}

/** Of parties whose signatures hold; those who refused sign no more. */
export function missingOf({ release, sites }: StudyDocument, signed: readonly Signatory[]): Missing {
  const rule = release.signatures;
  const ofSites = sites.filter(({ name }) => signed.includes(name)).length;
  const ofAuditors = (rule?.auditors ?? []).filter(({ name }) => signed.includes(auditorSignatory(name))).length;
  return {
    sites: Math.max(0, (rule?.sites ?? 0) - ofSites),
    auditors: Math.max(0, (rule?.fromAuditors ?? 0) - ofAuditors),
  };
}

export function isComplete({ sites, auditors }: Missing): boolean {
  return sites === 0 && auditors === 0;
}

/** Whether enough are left who may still sign, once these have refused. */
export function canComplete(document: StudyDocument, refused: readonly Signatory[]): boolean {
  const { sites, release } = document;
  const willing = [
    ...sites.map(({ name }): Signatory => name),
    ...(release.signatures?.auditors ?? []).map(({ name }) => auditorSignatory(name)),
  ].filter((party) => !refused.includes(party));
  return isComplete(missingOf(document, willing));
}

/** An auditor whose key is another party's too, and whose. */
export interface SharedKey {
  readonly auditor: string;
  readonly holder: string;
}

/** Auditors' keys that are the coordinator's or a site's: whoever holds one would count twice. */
export function sharedKeys(
  { release }: StudyDocument,
  coordinatorKey: string,
  sites: readonly RosterSite[],
): readonly SharedKey[] {
  return (release.signatures?.auditors ?? []).flatMap(({ name: auditor, key }) => [
    ...(key === coordinatorKey ? [{ auditor, holder: COORDINATOR }] : []),
    ...sites.flatMap(({ site, identityKey, stewardKey }) => [
      ...(key === identityKey ? [{ auditor, holder: site }] : []),
      ...(key === stewardKey ? [{ auditor, holder: `the steward of ${site}` }] : []),
    ]),
  ]);
}

/** Who may still sign, where signatures of their kind are missing: `1 of cleveland, va`. */
export function whoMaySign(document: StudyDocument, signed: readonly Signatory[]): readonly string[] {
  const missing = missingOf(document, signed);
  const sites: Signatory[] = document.sites.map(({ name }) => name);
  const auditors = (document.release.signatures?.auditors ?? []).map(({ name }) => auditorSignatory(name));
  const among = (count: number, parties: readonly Signatory[]): string[] =>
    count === 0 ? [] : [`${count} of ${parties.filter((party) => !signed.includes(party)).join(", ")}`];
  return [...among(missing.sites, sites), ...among(missing.auditors, auditors)];
}

/** For people: `signatures of 1 site and 1 auditor are missing`. */
export function missingText({ sites, auditors }: Missing): string {
  const counted = (count: number, what: string): string[] =>
    count === 0 ? [] : [`${count} ${count === 1 ? what : `${what}s`}`];
  const all = [...counted(sites, "site"), ...counted(auditors, "auditor")];
  return all.length === 0 ? "nobody's signature is missing" : `signatures of ${all.join(" and ")} are missing`;
}
