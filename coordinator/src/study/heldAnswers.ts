import { approvalOf } from "@consilium/shared/ledger/state";
import { HELD_ANSWERS_MAX } from "@consilium/shared/protocol/messages";
import type { SiteName } from "@consilium/shared/units/identity";
import { listStudies, newestApproval, repliesTo } from "../storage/studies.ts";
import { isEnded } from "./study.ts";
import type { StudyWorld } from "./world.ts";

/** Tells a site its own answers as they stand here: one that was put back from an older copy may have lost some. */
export function tellHeldAnswers({ sql, ledger, link, logger }: StudyWorld, site: SiteName): void {
  const newest = newestApproval(sql, site);
  const open = listStudies(sql).filter(({ standing }) => !isEnded(standing.state));
  const refused = open.flatMap(({ name: study, digest: studyDigest }) => {
    const reply = repliesTo(sql, study).find((one) => one.site === site);
    if (reply?.answer !== "rejected") return [];
    const number = approvalOf(ledger.state(), site, study)?.number ?? null;
    return [{ study, studyDigest, number, reason: reply.reason }];
  });
  if (newest === null && refused.length === 0) return;
  link.send(site, { type: "answers-held", newest, refused: refused.slice(0, HELD_ANSWERS_MAX) }).catch(() => {
    logger.warn("answers-not-told", { site });
  });
}
