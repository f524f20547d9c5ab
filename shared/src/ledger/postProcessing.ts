import { Failure } from "../failure/failure.ts";
import { promiseFault } from "../sanitizer/promise.ts";
import type { ApprovalStatement } from "../study/approval.ts";
import type { StudyDocument } from "../study/document.ts";
import {
  approvalOf,
  chargedDataset,
  type LedgerState,
  type RecordsReleased,
  type ReservedBody,
  type SanitizingBody,
  type StudyApproved,
} from "./state.ts";

/**
 * Throws `ledger/not-sanitized` for a charge that claims to cost nothing, unless its site approved the study with a
 * sanitizer's charge of this very data set that the ledger holds: what that one made is all that training reads. That
 * its file was finished the site's own ledger knows.
 */
export function requireSanitized(state: LedgerState, { charge, site, dataset, part, study }: ReservedBody): void {
  const named = approvalOf(state, site, study)?.sanitized;
  const made = named === undefined ? undefined : state.sanitizings.get(named);
  // Of what another ledger told nobody here closed the file; that site's own ledger did, or has its signature.
  const isWhole = made?.state === "committed" || made?.body.from !== undefined;
  if (part === "train" && isWhole && made?.body.site === site && made.body.dataset === dataset) return;
  throw new Failure({
    code: "ledger/not-sanitized",
    kind: "refused",
    what: `Charge ${charge} would cost nothing, and no sanitizer's charge of ${dataset} stands behind it.`,
    remedy: `Approve study ${study} with the sanitized file: consilium-site study approve ${study} --sanitized FILE`,
    fields: { charge, site, dataset, study },
  });
}

/**
 * Throws `ledger/sanitized-changed` where a study that has charges is approved with records of another charge than
 * before: its model would hang on both, and what is stated of it counts one.
 */
export function requireSameSanitized(state: LedgerState, { site, study, sanitized }: StudyApproved): void {
  const before = approvalOf(state, site, study);
  if (before === undefined || before.sanitized === sanitized) return;
  if (chargedDataset(state, site, study) === undefined) return;
  throw new Failure({
    code: "ledger/sanitized-changed",
    kind: "refused",
    what: `Study ${study} trains at ${site} on what ${before.sanitized ?? "no sanitizer"} made, and was charged so.`,
    remedy: "Approve it with the same sanitized file again, or have the lead propose a new study for the other one.",
    fields: { site, study },
  });
}

/** Throws `ledger/not-sanitized` unless the records that left were made by a charge of this data set whose file was closed. */
export function requireMade(state: LedgerState, { charge, site, dataset }: RecordsReleased): void {
  const made = state.sanitizings.get(charge);
  if (made?.state === "committed" && made.body.site === site && made.body.dataset === dataset) return;
  throw new Failure({
    code: "ledger/not-sanitized",
    kind: "refused",
    what: `No finished file of ${dataset} was made by the charge ${charge}: none of it may leave.`,
    remedy: "See what was made: consilium-site budget show",
    fields: { charge, site, dataset },
  });
}

/** The sanitizer's charge that an approval names, as the ledger has it. */
export function sanitizingOf(
  state: LedgerState,
  { site, dataset, sanitized }: Pick<ApprovalStatement, "site" | "dataset" | "sanitized">,
): SanitizingBody | undefined {
  const made = sanitized === undefined ? undefined : state.sanitizings.get(sanitized)?.body;
  return made?.site === site && made.dataset === dataset ? made : undefined;
}

/**
 * Throws unless an approval names sanitized records exactly where the study trains on such, and theirs promise what the
 * study asks for, by the events in the ledger.
 */
export function requirePromised(state: LedgerState, document: StudyDocument, statement: ApprovalStatement): void {
  const fault = promiseMissed(state, document, statement);
  if (fault === null) return;
  throw new Failure({
    code: "approval/not-sanitized",
    kind: "refused",
    what: `${statement.site} can't approve study ${document.name} so: ${fault}.`,
    remedy:
      document.privacy.mechanism === "sanitized"
        ? "Sanitize the data set as the study asks (consilium-site sanitize), and name the file with --sanitized."
        : "Leave --sanitized out.",
    fields: { site: statement.site, study: document.name },
  });
}

/** Why not; null where it is as the study asks. */
export function promiseMissed(
  state: LedgerState,
  { privacy }: StudyDocument,
  statement: Pick<ApprovalStatement, "site" | "dataset" | "sanitized">,
): string | null {
  if (privacy.mechanism !== "sanitized")
    return statement.sanitized === undefined ? null : "it trains on the records themselves, not on sanitized ones";
  const made = sanitizingOf(state, statement);
  return made === undefined
    ? `no sanitizer's charge of ${statement.dataset} is named`
    : promiseFault(privacy.sanitized, made, privacy.delta);
}
