import { digestOf } from "@consilium/shared/encoding/digest";
import { Failure } from "@consilium/shared/failure/failure";
import { INLINE_BYTES_MAX } from "@consilium/shared/protocol/limits";
import {
  LEDGER_HEAD_DOMAIN,
  type ReplyBody,
  type SignedHead,
  type SiteMessage,
} from "@consilium/shared/protocol/messages";
import { activeSite } from "@consilium/shared/protocol/roster";
import { verifyStatement } from "@consilium/shared/signing/ed25519";
import type { StudyDocument } from "@consilium/shared/study/document";
import type { SiteName } from "@consilium/shared/units/identity";
import { chargesAgree } from "../ledger/bookings.ts";
import type { RoundRefusal } from "../round/state.ts";
import type { OpenedRound } from "./run.ts";
import type { StudyWorld } from "./world.ts";

export type ContributionMessage = Extract<SiteMessage, { type: "contribution" }>;

export const ACCEPTED: ReplyBody = { type: "accepted" };

/** Checks a contribution against its round and takes it in, or throws the `Failure` that refuses it. */
export function takeContribution(
  world: StudyWorld,
  document: StudyDocument,
  opened: OpenedRound,
  site: SiteName,
  message: ContributionMessage,
  attachment: Uint8Array | undefined,
): void {
  const { key, content, charges, head } = message;
  checkHead(world, site, head);
  if (!chargesAgree(document, key, site, charges)) {
    throw refused("round/charges-differ", "was charged otherwise than the study plans");
  }
  if (!opened.collector.fits(content.bytes)) {
    throw refused("contribution/malformed", "has not the size that the study fixes");
  }
  if (content.bytes <= INLINE_BYTES_MAX && attachment === undefined) {
    throw refused("contribution/attachment-missing", "is small enough to ride in its message and did not");
  }
  if (attachment !== undefined && (attachment.length !== content.bytes || digestOf(attachment) !== content.digest)) {
    throw refused("message/altered", "is not the bytes that its message names");
  }
  check(opened.run.offer(site, key, content));
  opened.heads.set(site, head);
  if (attachment === undefined) opened.uploads.expect(opened.run, site, key, content);
  else check(opened.run.receive(site, key, content.digest, { bytes: attachment }));
}

/** A site's own ledger must go on where it last stood: a lost or rewritten past is told here first. */
function checkHead(world: StudyWorld, site: SiteName, { head, signature }: SignedHead): void {
  const entry = activeSite(world.roster().roster, site);
  const isGenuine =
    entry !== undefined &&
    head.writer === site &&
    verifyStatement(entry.identityKey, LEDGER_HEAD_DOMAIN, head, signature);
  if (!isGenuine) throw refused("ledger/head-not-signed", "shows a ledger head that its site did not sign");
  const known = world.ledger.witnessed(site);
  if (known === undefined || head.sequence > known.sequence || head.hash === known.hash) return;
  throw new Failure({
    code: "ledger/head-disagrees",
    kind: "refused",
    what: `${site} shows entry ${head.sequence} as its ledger's head, but had shown entry ${known.sequence} before.`,
    remedy: "Its ledger lost entries: re-sync it with the coordinator's charges before any round goes on.",
    fields: { site, sequence: head.sequence, known: known.sequence },
  });
}

function check(refusal: RoundRefusal | null): void {
  if (refusal !== null) throw roundRefused(refusal);
}

const WHY: Record<RoundRefusal, string> = {
  "round/not-in-cohort": "The site is not in this round's cohort.",
  "round/wrong-attempt": "Another attempt of the round is open.",
  "round/not-announced": "The round is not announced yet.",
  "round/duplicate": "The site's contribution of this round is in already.",
  "round/not-identical": "Within an attempt a site sends one contribution, always the same bytes.",
  "round/not-offered": "These bytes were not offered.",
  "round/declined": "The site declined this round.",
  "round/too-many-failures": "The site's bytes failed too often in this attempt.",
  "round/late": "The round is closed; late is late for everyone.",
};

export function roundRefused(code: RoundRefusal): Failure {
  return new Failure({
    code,
    kind: "refused",
    what: WHY[code],
    remedy: "Nothing: the next round is announced to all.",
  });
}

function refused(code: string, how: string): Failure {
  return new Failure({
    code,
    kind: "refused",
    what: `The contribution ${how}.`,
    remedy: "Check that both sides hold the same study and the same version.",
  });
}
