import { digestOf } from "@consilium/shared/encoding/digest";
import { assert, Failure, type Refusal, toRefusal } from "@consilium/shared/failure/failure";
import type { LedgerHead } from "@consilium/shared/ledger/entry";
import type { SignedSanitizing } from "@consilium/shared/ledger/sanitizingTold";
import type { BlobReference, RoundKey, SignedHead, SiteMessage } from "@consilium/shared/protocol/messages";
import type { Ready } from "@consilium/shared/protocol/ready";
import { chargeId, type PlannedCharge } from "@consilium/shared/study/charges";
import type { SiteName } from "@consilium/shared/units/identity";

declare const accountedFor: unique symbol;
declare const isCharged: unique symbol;
declare const saysNothing: unique symbol;

/**
 * A message that may leave this site: the link takes no other. Each of its fields is public, charged, or signed for by
 * the steward, as `fields.ts` says field by field; made by the functions below alone, each of which asks for what it is
 * allowed to say.
 */
export type Outgoing<Message extends SiteMessage | Ready = SiteMessage> = Message & { readonly [accountedFor]: true };

/** Bytes in a file that the engine wrote, which writes nothing but what a mechanism made (`writeDurably`). */
export type ChargedContent = BlobReference & { readonly [isCharged]: true };

/** Bytes that may ride in a message: a contribution, held against its digest, or a part of this site's own ledger. */
export type OutgoingBytes = Uint8Array & { readonly [accountedFor]: true };

/** Why a site doesn't do what it was asked: a text of signed documents, ledgers and public words alone. */
export type PublicRefusal = Refusal & { readonly [saysNothing]: true };

/** For `round/contribute.ts` alone: a contribution whose events are the planned ones, or that an earlier process kept. */
export function asCharged(content: BlobReference): ChargedContent {
  return content as ChargedContent;
}

/** What stands in a contribution's file, where it is still what was charged. */
export function chargedBytesOf(bytes: Uint8Array, { digest }: ChargedContent): OutgoingBytes {
  assert(digestOf(bytes) === digest, "a contribution's file holds what the engine wrote");
  return bytes as OutgoingBytes;
}

/** For `ledger/restore.ts` alone: charges, caps, signed statements and heads, which hold no record's number. */
export function ledgerBytes(exported: Uint8Array): OutgoingBytes {
  return exported as OutgoingBytes;
}

/** A refusal in fixed words, or in words of the signed study, the ledgers and the caps: never of records. */
export function publicRefusal(code: string, what: string, remedy: string): PublicRefusal {
  return { code, kind: "refused", what, remedy } as PublicRefusal;
}

/** Areas whose failures tell of ledgers, caps and signed documents, which the coordinator knows as well. */
const PUBLIC_AREA = /^(budget|ledger|restore|study|approval)\//;

/** What of a failure may be told. Everything else, whatever it was, is one and the same text. */
export function publicPartOf(error: unknown): PublicRefusal {
  if (error instanceof Failure && PUBLIC_AREA.test(error.code)) return toRefusal(error) as PublicRefusal;
  return SITE_FAULT;
}

const SITE_FAULT = publicRefusal(
  "site/fault",
  "A fault at the site stopped this request.",
  "Look at the site's own log; it alone says what happened.",
);

/** Charged by the events beside it, which are those that both ledgers booked. */
export function contributionOf(
  key: RoundKey,
  content: ChargedContent,
  booked: { readonly site: SiteName; readonly charges: readonly PlannedCharge[] },
  heads: { readonly head: SignedHead; readonly countersigned?: SignedHead },
): Outgoing<Extract<SiteMessage, { type: "contribution" }>> {
  const charges = booked.charges.map(({ part, event }) => ({ charge: chargeId(key, booked.site, part), event }));
  return accounted({ type: "contribution", key, content, charges, ...heads });
}

/** Pass or fail: what lets a site fail may lie in its records, so the steward signs for it (`Approval.disclosures`). */
export function declined(key: RoundKey, refusal: PublicRefusal): Outgoing {
  return accounted({ type: "round-declined", key, refusal });
}

/** The steward's own signed word: an approval, or a refusal with a reason in the steward's words. */
export function decisionTold(message: Extract<SiteMessage, { type: "study-approved" | "study-rejected" }>): Outgoing {
  return accounted(message);
}

/** The site's own signed word on a release, over public bytes; a refusal's reason is in the steward's words. */
export function releaseAnswered(message: Extract<SiteMessage, { type: "release-answered" }>): Outgoing {
  return accounted(message);
}

/** What a sanitizer did to whole data sets, as the steward's statement has it: events and names, nothing of records. */
export function sanitizingsTold(charges: readonly SignedSanitizing[]): Outgoing {
  return accounted({ type: "sanitizings-told", charges: [...charges] });
}

/** A ledger head of the coordinator's, signed by this site: public. */
export function countersignedHead(head: SignedHead): Outgoing {
  return accounted({ type: "head-countersigned", ...head });
}

/** A request over a fresh key: public. */
export function certificateRequest(csr: string): Outgoing {
  return accounted({ type: "certificate-wanted", csr });
}

/** Where both ledgers stand: heads, which are digests of charges. */
export function readyWith(
  own: SignedHead,
  held: SignedHead | null,
  lost: { readonly forgone?: LedgerHead } = {},
): Outgoing<Ready> {
  return accounted({ type: "ready", own, held, ...lost });
}

/** After a restore: asks for the coordinator's ledger as far as it is of this site. */
export function ledgerWanted(): Outgoing {
  return accounted({ type: "ledger-wanted" });
}

/** After a restore: a part of this site's own ledger, whose entries are charges, caps, signed statements and heads. */
export function ledgerTold(part: number, parts: number): Outgoing {
  return accounted({ type: "ledger-told", part, parts });
}

function accounted<Message extends SiteMessage | Ready>(message: Message): Outgoing<Message> {
  return message as Outgoing<Message>;
}
