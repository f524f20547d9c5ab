import { unreachable } from "@consilium/shared/failure/failure";
import type { CoordinatorMessage, ReplyBody } from "@consilium/shared/protocol/messages";
import type { Logger } from "@consilium/shared/system/logger";
import { takeHeldAnswers } from "../approval/heldAnswers.ts";
import { requireGenuine } from "../approval/proposals.ts";
import type { Restore } from "../ledger/restore.ts";
import { takeHeldSanitizings } from "../ledger/sanitizings.ts";
import { takeRevocation, takeWaiting } from "../release/taking.ts";
import type { Rounds } from "../round/run.ts";
import type { Site } from "./site.ts";

/** Whom the coordinator's messages are for, beside the site's database. */
export interface Listeners {
  readonly rounds: Rounds;
  readonly restore: Restore;
  readonly logger: Logger;
  /** Called when a release waits for this site's word: its files are to be had. */
  readonly fetchReleases: () => void;
}

const ACCEPTED: ReplyBody = { type: "accepted" };

/** One message of the coordinator; a `Failure` thrown is this site's refusal. */
export async function takeMessage(
  site: Site,
  { rounds, restore, logger, fetchReleases }: Listeners,
  message: CoordinatorMessage,
  attachment: Uint8Array | undefined,
): Promise<ReplyBody> {
  const { config, records, book, now } = site;
  switch (message.type) {
    case "study-proposed":
      requireGenuine(message, config.name, config.coordinator.key);
      records.insertProposal(message.document, message.digest, message.proposal, now().toISOString());
      book.forget();
      logger.info("study-proposed", { study: message.document.name, digest: message.digest });
      return ACCEPTED;
    case "study-moved":
      records.setProgress(message.study, message.state);
      return ACCEPTED;
    case "round-announced":
      return rounds.onAnnounced(message, attachment);
    case "contribution-wanted":
      return rounds.onWanted(message.key);
    case "round-closed":
      return rounds.onClosed(message);
    case "release-published":
      records.setProgress(message.study, "released");
      logger.info("release-published", { study: message.study, manifest: message.manifest });
      return ACCEPTED;
    case "release-waits":
      takeWaiting(records, message, config.coordinator.key, now().toISOString());
      records.setProgress(message.study, "signing");
      logger.info("release-waits", { study: message.study, manifest: message.manifest });
      fetchReleases();
      return ACCEPTED;
    case "release-revoked":
      takeRevocation(records, message, config.coordinator.key, now().toISOString());
      return ACCEPTED;
    case "answers-held":
      takeHeldAnswers(records, config.name, message).map((study) => logger.warn("refusal-restored", { study }));
      book.forget();
      return ACCEPTED;
    case "sanitizings-held":
      takeHeldSanitizings(site, message.charges, logger);
      return ACCEPTED;
    case "ledgers-differ":
    case "ledger-wanted":
    case "ledger-told":
      restore.onMessage(message, attachment);
      return ACCEPTED;
    default:
      return unreachable(message);
  }
}
