import { Failure } from "../failure/failure.ts";
import type { SiteName } from "../units/identity.ts";
import type { LedgerBody, LedgerHead } from "./entry.ts";
import type { LedgerState } from "./state.ts";

/**
 * What to append to our ledger after a restore, of either side, so that the union of both ledgers' charges counts:
 * whatever the other side saw act and we don't count as spent becomes spent here, cap or no cap. `site` limits it to
 * one site's charges (a site keeps only its own). What is merely reserved there was not acted upon and is not taken
 * over.
 */
export function chargesToRecover(own: LedgerState, other: LedgerState, site?: SiteName): readonly LedgerBody[] {
  const bodies: LedgerBody[] = [];
  for (const [id, { body, state }] of other.charges) {
    if (site !== undefined && body.site !== site) continue;
    if (state !== "acting" && state !== "committed") continue;
    const ours = own.charges.get(id)?.state;
    if (ours === "acting" || ours === "committed") continue;
    if (ours === "reserved") bodies.push({ kind: "acting", charge: id });
    else bodies.push({ ...body, kind: "recovered", from: other.tip.writer });
  }
  return bodies.map(withoutForeignFields);
}

/** A `recovered` body made from another `recovered` or `reserved` one has exactly its own fields. */
function withoutForeignFields(body: LedgerBody): LedgerBody {
  if (body.kind !== "recovered") return body;
  const { kind, charge, site, dataset, part, study, round, attempt, event, from } = body;
  return { kind, charge, site, dataset, part, study, round, attempt, event, from };
}

/** Whether a ledger once was, or is, the one that this head is of. */
export function holdsHead({ tip, tree }: Pick<LedgerState, "tip" | "tree">, { sequence, root }: LedgerHead): boolean {
  return sequence <= tip.sequence && tree.root(sequence) === root;
}

/**
 * Throws `ledger/behind` when our ledger has lost entries that it once showed (a head of ours that another party holds,
 * or that we countersigned), `ledger/forked` when it says something else in their place.
 */
export function checkHoldsHead(own: LedgerState, shown: LedgerHead): void {
  const { writer, sequence } = own.tip;
  if (sequence < shown.sequence) {
    throw new Failure({
      code: "ledger/behind",
      kind: "refused",
      what:
        `This ledger ends at entry ${sequence}, but had reached entry ${shown.sequence}: ` +
        "it was restored from an older copy.",
      remedy: "Put the newest copy of the ledger back; without one, see docs/budgets.md, After a restore.",
      fields: { writer, sequence, shown: shown.sequence },
    });
  }
  if (!holdsHead(own, shown)) {
    throw new Failure({
      code: "ledger/forked",
      kind: "fault",
      what: `Entry ${shown.sequence} of ${writer}'s ledger is not the one once shown: its past was rewritten.`,
      remedy: "Stop; keep both copies, and find out who changed the ledger before any round goes on.",
      fields: { writer, sequence: shown.sequence },
    });
  }
}
