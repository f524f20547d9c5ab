/** What `consilium-site sanitize` says where it stops: before anything is spent, and after. */
import { Failure } from "@consilium/shared/failure/failure";
import type { ChargeId } from "@consilium/shared/ledger/entry";
import type { DatasetRecord } from "../storage/records.ts";

export function noOut(): Failure {
  return new Failure({
    code: "sanitizer/no-out",
    kind: "usage",
    what: "Without --out there is no file to write.",
    remedy: "Name a new one with --out FILE, or only look, with --dry-run.",
  });
}

export function secondMissing(disclosed: readonly string[]): Failure {
  return new Failure({
    code: "steward/second-missing",
    kind: "usage",
    what: `The ${disclosed.join(" and ")} would leave without a figure for a record: an unprotected disclosure.`,
    remedy: "Two stewards sign for that: name the other one with --second NAME. Nothing was spent.",
  });
}

export function changed({ dataset }: DatasetRecord): Failure {
  return new Failure({
    code: "data/changed",
    kind: "config",
    what: `The file of ${dataset} is not the one that was registered.`,
    remedy: "Put the registered file back: what is charged once is charged for those very records.",
  });
}

export function notNamed(out: string, charge: ChargeId, cause: unknown): Failure {
  return new Failure({
    code: "sanitizer/not-named",
    kind: cause instanceof Failure ? cause.kind : "fault",
    what: `${whyOf(cause)} The charge ${charge} is spent; its file is whole, without its name yet (${out}.partial).`,
    remedy: "Mend what was amiss and run it again with the same --out: a file that was paid for gets its name first.",
    cause,
  });
}

function whyOf(cause: unknown): string {
  return cause instanceof Failure ? cause.message : String(cause);
}

export function spentInVain(charge: ChargeId, cause: unknown): Failure {
  return new Failure({
    code: "sanitizer/not-written",
    kind: cause instanceof Failure ? cause.kind : "fault",
    what: `${whyOf(cause)} The charge ${charge} is spent, and no file was finished for it.`,
    remedy: "Mend what was amiss and run it again: that is a new charge.",
    cause,
  });
}
