/** What this site says when it doesn't act: never a word of its records. */
import { ATTEMPT_LOST_CODE } from "@consilium/shared/protocol/messages";
import { publicRefusal as refusal } from "../disclosure/outgoing.ts";

const NEW_ATTEMPT = "Announce the round again as a new attempt.";

/** One text for every reason, so that it can't depend on a record. */
export const ATTEMPT_LOST = refusal(ATTEMPT_LOST_CODE, "This site has no contribution for this attempt.", NEW_ATTEMPT);
/** Also one text: opening a study reads prepared records, and why that failed may lie in them. */
export const MODEL_MISSING = refusal(
  "round/model-missing",
  "This site could not get the round's model and data ready.",
  "Look at the site's own log; then announce the round again as a new attempt.",
);
export const ATTEMPT_UNKNOWN = refusal(
  "round/attempt-unknown",
  "This site doesn't take part in this attempt.",
  NEW_ATTEMPT,
);
export const ATTEMPT_CLOSED = refusal("round/attempt-closed", "This site saw this attempt closed.", NEW_ATTEMPT);
export const NOT_NEW = refusal("round/not-new", "This site has seen this attempt, or a later one.", NEW_ATTEMPT);
export const ALREADY_COMMITTED = refusal(
  "round/already-committed",
  "This site saw this round, or a later one, committed.",
  "Go on with the round after the newest that was committed.",
);
