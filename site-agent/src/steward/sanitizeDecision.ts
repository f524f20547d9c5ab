import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import type { RecordEvent } from "@consilium/shared/event/recordEvent";
import { Failure } from "@consilium/shared/failure/failure";
import type { LedgerBody, StewardName } from "@consilium/shared/ledger/entry";
import { plannedRelease } from "@consilium/shared/sanitizer/plannedRelease";
import { verifyStatement } from "@consilium/shared/signing/ed25519";
import type { Digest, SiteName } from "@consilium/shared/units/identity";
import type { DatasetRecord } from "../storage/records.ts";
import type { Effect } from "./effect.ts";
import { DISCLOSURE_DOMAIN, type KnownSteward, SanitizeWords, type StewardAction } from "./statement.ts";

type Sanitize = Extract<StewardAction, { action: "sanitize" }>;

/**
 * A data set's charge by a sanitizer, durable before any noise is drawn; the ledger's own caps let it through or not.
 * What has no figure for a record is charged nothing, and takes a second steward's signature.
 */
export function sanitizeEffect(
  decision: Sanitize,
  record: DatasetRecord,
  { site, stewards }: { readonly site: SiteName; readonly stewards: readonly KnownSteward[] },
  { by, statement }: { readonly by: StewardName; readonly statement: Digest },
): Effect {
  const { second, action: _, ...words } = decision;
  const { charge, dataset, content, events, disclosed } = words;
  requireThawed(record);
  if (record.content !== content) throw changed(dataset);
  requireOwnEvents(words);
  if (disclosed.length > 0) requireSecond(words, second, by, stewards);
  const signed = second === undefined ? [] : [by, second.steward];
  const body: LedgerBody = {
    kind: "sanitizing",
    charge,
    site,
    dataset,
    events,
    statement,
    ...(disclosed.length === 0 ? {} : { disclosure: { of: disclosed, by: signed } }),
  };
  const nothing = (): void => {};
  return { bodies: [body], check: nothing, also: nothing };
}

/** What is charged follows from the method alone: nobody signs for less than is done. */
function requireOwnEvents({ method, labels, recordsPerPatient, events, disclosed }: SanitizeWords): void {
  const columns = "coefficients" in method ? method.coefficients : 1;
  const planned = plannedRelease(method, labels, { columns, labelValues: labelsIn(events), recordsPerPatient });
  const isSame =
    canonicalJson(planned.events) === canonicalJson(events) &&
    canonicalJson(planned.disclosed) === canonicalJson(disclosed);
  if (isSame) return;
  throw new Failure({
    code: "sanitizer/events-differ",
    kind: "refused",
    what: "What is to be charged is not what this method does to a patient's records.",
    remedy: "Run consilium-site sanitize of this very version, and nothing else, to have data sanitized.",
  });
}

/** How many values the label has: its own event says so. */
function labelsIn(events: readonly RecordEvent[]): number {
  return events.flatMap((event) => (event.kind === "randomised-response" ? [event.values] : []))[0] ?? 2;
}

function requireSecond(
  words: SanitizeWords,
  second: Sanitize["second"],
  by: StewardName,
  stewards: readonly KnownSteward[],
): void {
  const known = stewards.find(({ name }) => name === second?.steward && name !== by);
  const isSigned =
    second !== undefined &&
    known !== undefined &&
    verifyStatement(known.publicKey, DISCLOSURE_DOMAIN, SanitizeWords.parse(words), second.signature);
  if (isSigned) return;
  throw new Failure({
    code: "steward/second-missing",
    kind: "refused",
    what: "Something leaves without a figure for a record: an unprotected disclosure, for which two stewards sign.",
    remedy: "Name another steward with --second NAME; let one in with: consilium-site steward add NAME",
  });
}

/** Nothing is made of a frozen data set, and nothing that was made of it leaves. */
export function requireThawed({ dataset, frozen }: Pick<DatasetRecord, "dataset" | "frozen">): void {
  if (!frozen) return;
  throw new Failure({
    code: "data/frozen",
    kind: "refused",
    what: `Data set ${dataset} is frozen: it takes part in nothing.`,
    remedy: `Have a steward end that: consilium-site budget freeze ${dataset} --off --reason WHY`,
  });
}

function changed(dataset: string): Failure {
  return new Failure({
    code: "data/changed",
    kind: "config",
    what: `The file of ${dataset} is not the one that was registered.`,
    remedy: "Put the registered file back: what is charged once is charged for those very records.",
  });
}
