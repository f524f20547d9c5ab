import { Failure } from "@consilium/shared/failure/failure";
import type { StewardName } from "@consilium/shared/ledger/entry";
import type { LedgerState } from "@consilium/shared/ledger/state";
import { verifyStatement } from "@consilium/shared/signing/ed25519";
import type { Digest, SiteName } from "@consilium/shared/units/identity";
import type { DatasetRecord } from "../storage/records.ts";
import type { Effect } from "./effect.ts";
import { requireThawed } from "./sanitizeDecision.ts";
import { type KnownSteward, RECORDS_DOMAIN, type StewardAction } from "./statement.ts";

type Release = Extract<StewardAction, { action: "release-records" }>;

interface Site {
  readonly site: SiteName;
  readonly records: { stewards(): readonly KnownSteward[] };
  readonly ledger: { readonly state: LedgerState };
}

/**
 * Sanitized records leave the site: a decision for ever, which costs nothing more. Where the charge that made them has
 * no figure for features or labels, two stewards sign, as they did for the charge. The ledger itself holds the charge
 * against the data set.
 */
export function recordsEffect(
  { words, signature, second }: Release,
  record: DatasetRecord,
  { site, records, ledger }: Site,
  { by, statement }: { readonly by: StewardName; readonly statement: Digest },
): Effect {
  const { dataset, charge, file, reason } = words;
  requireThawed(record);
  const isSigned = (name: StewardName | undefined, signed: Release["signature"] | undefined): boolean => {
    const steward = records.stewards().find((one) => one.name === name);
    return (
      steward !== undefined && signed !== undefined && verifyStatement(steward.publicKey, RECORDS_DOMAIN, words, signed)
    );
  };
  if (words.site !== site || !isSigned(by, signature)) throw notSigned();
  const isDisclosure = ledger.state.sanitizings.get(charge)?.body.disclosure !== undefined;
  if (isDisclosure && (second?.steward === by || !isSigned(second?.steward, second?.signature))) throw secondMissing();
  const signers = isDisclosure && second !== undefined ? [by, second.steward] : [by];
  const nothing = (): void => {};
  return {
    bodies: [{ kind: "records-released", site, dataset, charge, file, by: signers, reason, statement }],
    check: nothing,
    also: nothing,
  };
}

function notSigned(): Failure {
  return new Failure({
    code: "steward/signature-invalid",
    kind: "refused",
    what: "The words that would stand beside the records are not signed by this site's steward.",
    remedy: "Have the steward release them: consilium-site data release FILE --out FOLDER --reason WHY",
  });
}

function secondMissing(): Failure {
  return new Failure({
    code: "steward/second-missing",
    kind: "refused",
    what: "These records have no figure for features or labels: an unprotected disclosure, for which two stewards sign.",
    remedy: "Name another steward with --second NAME.",
  });
}
