import { Failure } from "@consilium/shared/failure/failure";
import { type CapChange, isRaise } from "@consilium/shared/ledger/cap";
import { capsInForce } from "@consilium/shared/ledger/capFilter";
import type { LedgerBody, LedgerEntry } from "@consilium/shared/ledger/entry";
import type { LedgerState, Raise } from "@consilium/shared/ledger/state";
import type { DatasetId, Digest, SiteName } from "@consilium/shared/units/identity";

/** What a changed cap becomes in the ledger. */
export function capBody(site: SiteName, dataset: DatasetId, change: CapChange, statement: Digest): LedgerBody {
  const on = { site, dataset, statement };
  switch (change.of) {
    case "data-set": {
      const { epsilon, delta, perStudy } = change;
      return { kind: "cap-set", ...on, epsilon, delta, ...(perStudy === undefined ? {} : { perStudy }) };
    }
    case "study":
      return { kind: "study-cap-set", ...on, study: change.study, epsilon: change.epsilon };
    case "period":
      return { kind: "period-cap-set", ...on, period: change.period, epsilon: change.epsilon };
  }
}

/** Throws for a change that lets more be spent: one person alone may only set the first cap, and lower. */
export function requireLowering(state: LedgerState, site: SiteName, dataset: DatasetId, change: CapChange): void {
  if (raises(state, site, dataset, change)) throw takesTwo(dataset);
}

/** Throws for a change that one person may make at once, and where nobody else could grant it. */
export function requireRaise(
  state: LedgerState,
  site: SiteName,
  dataset: DatasetId,
  change: CapChange,
  stewards: number,
): void {
  if (!raises(state, site, dataset, change)) throw isLowering(dataset);
  if (stewards < 2) throw secondMissing();
}

function raises(state: LedgerState, site: SiteName, dataset: DatasetId, change: CapChange): boolean {
  const known = capsInForce(state, site, dataset, change.of === "study" ? change.study : null);
  if (known !== undefined) return isRaise(known, change);
  if (change.of === "data-set") return false;
  throw new Failure({
    code: "budget/no-cap",
    kind: "refused",
    what: `Data set ${dataset} has no cap over all studies yet, beside which others stand.`,
    remedy: `Set it first: consilium-site budget cap ${dataset} --epsilon E --delta D`,
  });
}

/** What a raise was asked for, where it still waits. */
export function openRaise(state: LedgerState, request: Digest): Raise {
  const raise = state.raises.get(request);
  if (raise !== undefined && raise.settled === null) return raise;
  throw new Failure({
    code: "budget/raise-unknown",
    kind: "refused",
    what: raise === undefined ? "No such raise of a cap was asked for." : "This raise of a cap is settled already.",
    remedy: "See what waits: consilium-site budget show",
  });
}

/** Throws where the cap that a raise is of was set anew since: granted now, it would undo what nobody spoke of. */
export function requireStanding(entries: readonly LedgerEntry[], { asked }: Raise): void {
  const when = entries.findLastIndex(({ body }) => body.kind === "raise-asked" && body.statement === asked.statement);
  if (entries.slice(when + 1).some(({ body }) => sets(body, asked.dataset, asked.change))) throw overtaken();
}

function sets(body: LedgerBody, dataset: DatasetId, change: CapChange): boolean {
  if (!("dataset" in body) || body.dataset !== dataset) return false;
  switch (change.of) {
    case "data-set":
      return body.kind === "cap-set";
    case "study":
      return body.kind === "study-cap-set" && body.study === change.study;
    case "period":
      return body.kind === "period-cap-set" && body.period === change.period;
  }
}

function overtaken(): Failure {
  return new Failure({
    code: "budget/raise-overtaken",
    kind: "refused",
    what: "The cap was changed after this raise of it was asked for.",
    remedy: "Refuse it (consilium-site budget refuse N); whoever still wants it asks again, for the cap as it is now.",
  });
}

function takesTwo(dataset: DatasetId): Failure {
  return new Failure({
    code: "budget/raise-takes-two",
    kind: "refused",
    what: `This lets more be spent on ${dataset} than its caps do now: one steward asks for that, another grants it.`,
    remedy: `Ask for it: consilium-site budget raise ${dataset} --epsilon E --reason WHY`,
  });
}

function isLowering(dataset: DatasetId): Failure {
  return new Failure({
    code: "budget/no-raise",
    kind: "refused",
    what: `This lets no more be spent on ${dataset} than its caps do now: one steward may do it at once.`,
    remedy: `consilium-site budget lower ${dataset} --epsilon E`,
  });
}

function secondMissing(): Failure {
  return new Failure({
    code: "steward/second-missing",
    kind: "refused",
    what: "Raising a cap takes two people, and this site knows one steward.",
    remedy: "Add another, who types a password of their own: consilium-site steward add NAME",
  });
}
