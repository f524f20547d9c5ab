import { assert, Failure } from "../failure/failure.ts";
import type { PartyName, SiteName } from "../units/identity.ts";
import type { ChainTip, ChargeId, LedgerBody, LedgerEntry, LedgerHead } from "./entry.ts";
import { nameApart, sameCharge } from "./sameCharge.ts";
import {
  type CapSet,
  type Charge,
  capOf,
  headKey,
  type LedgerState,
  type PeriodCapSet,
  type RestoreAccepted,
  type Sanitizing,
  type StudyCapSet,
} from "./state.ts";

/** What a ledger says of charges: all of it, or as much as its writer told. */
export interface ToldCharges {
  readonly tip: Pick<ChainTip, "writer">;
  readonly charges: ReadonlyMap<ChargeId, Charge>;
  readonly sanitizings: ReadonlyMap<ChargeId, Pick<Sanitizing, "body">>;
}

/** Charges in some of a ledger's entries, in their order; what isn't in them counts for nothing. */
export function chargesIn(writer: PartyName, entries: readonly LedgerEntry[]): ToldCharges {
  const charges = new Map<ChargeId, Charge>();
  const sanitizings = new Map<ChargeId, Pick<Sanitizing, "body">>();
  for (const { body } of entries) {
    if (body.kind === "reserved") charges.set(body.charge, { body, state: "reserved" });
    else if (body.kind === "sanitizing") sanitizings.set(body.charge, { body });
    else if (body.kind === "recovered") charges.set(body.charge, { body, state: "acting" });
    else if (body.kind === "acting" || body.kind === "committed" || body.kind === "cancelled") {
      const known = charges.get(body.charge);
      if (known !== undefined) charges.set(body.charge, { ...known, state: body.kind });
    }
  }
  return { tip: { writer }, charges, sanitizings };
}

/**
 * What to append to our ledger after a restore, of either side, so that the union of both ledgers' charges counts:
 * whatever the other side counts as spent and we don't becomes spent here, cap or no cap. `site` limits it to one
 * site's charges (a site keeps only its own). What is merely reserved there was not acted upon and is not taken over.
 * A charge is its name and its event: where its name stands here for another event, both count (`nameApart`).
 */
export function chargesToRecover(own: LedgerState, other: ToldCharges, site?: SiteName): readonly LedgerBody[] {
  return notCounted(own, other, site).map((id): LedgerBody => {
    const whole = other.sanitizings.get(id);
    // With the site's signature, where it is known.
    if (whole !== undefined) return { ...whole.body, from: other.tip.writer };
    const told = other.charges.get(id);
    assert(told !== undefined, "what isn't counted here was told");
    const same = sameCharge(own.charges, id, told);
    if (same?.charge.state === "reserved") return { kind: "acting", charge: same.id };
    const known = own.charges.get(id)?.state ?? "cancelled";
    const charge = known === "cancelled" ? id : nameApart(id, told);
    // A body made from another `recovered` or `reserved` one has exactly its own fields.
    const { site: whose, dataset, part, study, round, attempt, event } = told.body;
    const what = { charge, site: whose, dataset, part, study, round, attempt, event };
    return { kind: "recovered", ...what, from: other.tip.writer };
  });
}

/** Charges that the other side counts as spent and this ledger doesn't; nobody's word spends another site's charge. */
export function notCounted(own: ToldCharges, other: ToldCharges, site?: SiteName): readonly ChargeId[] {
  const whole = [...other.sanitizings].flatMap(([id, { body }]) =>
    (site === undefined || body.site === site) && !own.sanitizings.has(id) && !own.charges.has(id) ? [id] : [],
  );
  const parts = [...other.charges]
    .filter(([id, charge]) => {
      const isAsked = site === undefined || charge.body.site === site;
      const ours = own.charges.get(id);
      const isWhose = ours === undefined || ours.body.site === charge.body.site;
      return isAsked && isWhose && isSpent(charge) && !isSpent(sameCharge(own.charges, id, charge)?.charge);
    })
    .map(([id]) => id);
  return [...parts, ...whole];
}

/** Spent, whatever came of it. */
export function isSpent(charge: Charge | undefined): boolean {
  return charge?.state === "acting" || charge?.state === "committed";
}

type AnyCap = CapSet | StudyCapSet | PeriodCapSet;

/**
 * Caps of a site's data sets, of every kind, that the other side knows to be tighter than ours, hence set after the
 * copy was made, or raised since. Ours stands where neither is the tighter one in all that it bounds.
 */
export function tighterCaps(own: LedgerState, told: readonly LedgerEntry[], site: SiteName): readonly AnyCap[] {
  const newest = new Map<string, AnyCap>();
  for (const { body } of told) {
    if (isCap(body) && body.site === site) newest.set(`${body.kind}/${placeOf(body)}`, body);
  }
  return [...newest.values()].filter((theirs) => isTighter(own, theirs));
}

function isCap(body: LedgerBody): body is AnyCap {
  return body.kind === "cap-set" || body.kind === "study-cap-set" || body.kind === "period-cap-set";
}

/** As the state keeps it. */
function placeOf(cap: AnyCap): string {
  const on = `${cap.site}/${cap.dataset}`;
  if (cap.kind === "cap-set") return on;
  return `${on}/${cap.kind === "study-cap-set" ? cap.study : cap.period}`;
}

function isTighter(own: LedgerState, theirs: AnyCap): boolean {
  if (theirs.kind !== "cap-set") {
    const known = theirs.kind === "study-cap-set" ? own.studyCaps : own.periodCaps;
    return bound(theirs.epsilon) < bound(known.get(placeOf(theirs))?.epsilon);
  }
  const ours = capOf(own, theirs.site, theirs.dataset);
  if (ours === undefined) return true;
  const [before, now] = [bound(ours.perStudy), bound(theirs.perStudy)];
  const isWithin = theirs.delta <= ours.delta && theirs.epsilon <= ours.epsilon && now <= before;
  return isWithin && (theirs.delta < ours.delta || theirs.epsilon < ours.epsilon || now < before);
}

/** A cap that isn't there, or was lifted, bounds nothing. */
function bound(epsilon: number | null | undefined): number {
  return epsilon ?? Number.POSITIVE_INFINITY;
}

/** Whether a ledger once was, or is, the one that this head is of. */
export function holdsHead({ tip, tree }: Pick<LedgerState, "tip" | "tree">, { sequence, root }: LedgerHead): boolean {
  return sequence <= tip.sequence && tree.root(sequence) === root;
}

/** The other side's word, in its ledger, that it goes on though this head of ours, or of its own, is lost. */
export function acceptedRestore(entries: readonly LedgerEntry[], lost: LedgerHead): RestoreAccepted | undefined {
  const { writer } = lost;
  for (const { body } of entries.toReversed()) {
    if (body.kind !== "restore-accepted" || body.lost.writer !== writer) continue;
    if (headKey(body.lost) === headKey(lost)) return body;
  }
  return undefined;
}

/**
 * Throws `ledger/behind` when our ledger has lost entries that it once showed (a head of ours that another party holds,
 * or that we countersigned), `ledger/forked` when it says something else in their place; not where our operator
 * accepted that loss.
 */
export function checkHoldsHead(own: LedgerState, shown: LedgerHead): void {
  const { writer, sequence } = own.tip;
  if (own.forgone.has(headKey(shown))) return;
  if (sequence < shown.sequence) {
    throw new Failure({
      code: "ledger/behind",
      kind: "refused",
      what:
        `This ledger ends at entry ${sequence}, but had reached entry ${shown.sequence}: ` +
        "it was restored from an older copy.",
      remedy: "Put the newest copy of the ledger back; without one: budget accept-restore (docs/budgets.md).",
      fields: { writer, sequence, shown: shown.sequence },
    });
  }
  if (!holdsHead(own, shown)) {
    throw new Failure({
      code: "ledger/forked",
      kind: "fault",
      what: `Entry ${shown.sequence} of ${writer}'s ledger is not the one once shown: its past was rewritten.`,
      remedy: "Find out whether an older copy was put back (then: budget accept-restore) or somebody changed it.",
      fields: { writer, sequence: shown.sequence },
    });
  }
}
