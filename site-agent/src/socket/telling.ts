import { type Refusal, toRefusal } from "@consilium/shared/failure/failure";
import type { Logger } from "@consilium/shared/system/logger";
import { decisionMessage } from "../approval/proposals.ts";
import type { Outgoing } from "../disclosure/outgoing.ts";
import { type SanitizingSite, sanitizingMessages } from "../ledger/sanitizings.ts";
import { answerMessage, isFinal } from "../release/answer.ts";
import type { RoundLink } from "../round/ports.ts";
import type { Records } from "../storage/records.ts";

interface Telling extends SanitizingSite {
  readonly records: Records;
  readonly link: Pick<RoundLink, "send">;
  readonly logger: Logger;
}

/**
 * Whatever the coordinator may not know of this site, when a link begins and after each decision: approvals and
 * refusals of studies and answers to releases that it has not acknowledged, and what was done to whole data sets, which
 * it takes no second time.
 */
export function tellAll(site: Telling): void {
  const { records } = site;
  for (const proposal of records.proposals().filter(({ told }) => !told)) {
    const message = decisionMessage(proposal);
    if (message !== null) tell(site, "decision", message, () => records.markTold(proposal.digest));
  }
  const { releases } = records;
  for (const release of releases.all()) {
    const message = answerMessage(release);
    if (message === null) continue;
    tell(
      site,
      "release-answer",
      message,
      () => releases.markTold(release.manifest, null),
      (refusal) => isFinal(refusal.code) && releases.markTold(release.manifest, refusal),
    );
  }
  for (const message of sanitizingMessages(site)) tell(site, "sanitizing", message, () => undefined);
}

function tell(
  { link, logger }: Telling,
  what: string,
  message: Outgoing,
  onAccepted: () => void,
  onRefused: (refusal: Refusal) => void = () => undefined,
): void {
  link.send(message).then(
    (reply) => {
      if (reply.type === "accepted") return onAccepted();
      logger.warn(`${what}-refused`, { code: reply.refusal.code });
      onRefused(reply.refusal);
    },
    (error: unknown) => logger.warn(`${what}-not-told`, { code: toRefusal(error).code }),
  );
}
