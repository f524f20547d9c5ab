import { Failure } from "../failure/failure.ts";
import { type ChargeId, LedgerBody, type LedgerEntry } from "./entry.ts";

/** Which entries are wanted; what is left out lets all through. An entry of a charge belongs to whom it charges. */
export interface LedgerFilter {
  readonly site?: string | undefined;
  readonly dataset?: string | undefined;
  readonly study?: string | undefined;
  readonly kind?: string | undefined;
  readonly charge?: string | undefined;
}

/** Kinds that an entry may be of. */
export const LEDGER_KINDS: readonly string[] = LedgerBody.options.map(({ shape }) => shape.kind.value);

/** Those of a whole ledger's entries that fit. */
export function filterEntries(entries: readonly LedgerEntry[], wanted: LedgerFilter): readonly LedgerEntry[] {
  const charges = new Map<ChargeId, LedgerFilter>();
  return entries.filter(({ body }) => {
    const named = namesIn(body);
    if (body.kind === "reserved" || body.kind === "recovered" || body.kind === "sanitizing")
      charges.set(body.charge, named);
    const charged = "charge" in body ? charges.get(body.charge) : undefined;
    return FIELDS.every((field) => wanted[field] === undefined || wanted[field] === (named[field] ?? charged?.[field]));
  });
}

const FIELDS = ["site", "dataset", "study", "kind", "charge"] as const;

function namesIn(body: LedgerBody): LedgerFilter {
  return {
    site: "site" in body ? body.site : undefined,
    dataset: "dataset" in body ? body.dataset : undefined,
    study: "study" in body ? body.study : undefined,
    kind: body.kind,
    charge: "charge" in body ? body.charge : undefined,
  };
}

/** Names that somebody may rightly ask for, though no entry bears them yet. */
export type KnownNames = { readonly [Field in "site" | "dataset" | "study"]?: readonly string[] };

/**
 * Throws `ledger/unknown-name` for a filter by a name that is nobody's here: nothing fits it, and nothing looks like an
 * answer.
 */
export function requireKnownNames(entries: readonly LedgerEntry[], wanted: LedgerFilter, known: KnownNames = {}): void {
  if (wanted.kind !== undefined && !LEDGER_KINDS.includes(wanted.kind))
    throw unknown("kind", wanted.kind, LEDGER_KINDS);
  for (const field of ["site", "dataset", "study", "charge"] as const) {
    const name = wanted[field];
    if (name === undefined) continue;
    const inEntries = entries.flatMap(({ body }) => namesIn(body)[field] ?? []);
    const names = new Set([...(field === "charge" ? [] : (known[field] ?? [])), ...inEntries]);
    if (!names.has(name)) throw unknown(field, name, [...names].sort());
  }
}

const WORD = { site: "site", dataset: "data set", study: "study", kind: "kind of entry", charge: "charge" } as const;

/** More names than these are a list that nobody reads. */
const NAMES_TOLD_MAX = { site: 30, dataset: 30, study: 30, kind: 30, charge: 3 } as const;

function unknown(field: keyof typeof WORD, name: string, names: readonly string[]): Failure {
  const most = NAMES_TOLD_MAX[field];
  const told = `${names.slice(0, most).join(", ")}${names.length > most ? `, … (${names.length} in all)` : ""}`;
  return new Failure({
    code: "ledger/unknown-name",
    kind: "usage",
    what: `This ledger knows no ${WORD[field]} ${name}.`,
    remedy: names.length === 0 ? "It names none at all yet." : `Ask for one of: ${told}`,
    fields: { [field]: name },
  });
}
