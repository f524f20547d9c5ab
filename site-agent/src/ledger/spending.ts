import { epsilonOfEvents } from "@consilium/shared/accountant/convert";
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import type { PrivacyEvent } from "@consilium/shared/event/event";
import { assert, Failure } from "@consilium/shared/failure/failure";
import type { ChargeId } from "@consilium/shared/ledger/entry";
import { type LedgerBody, Part } from "@consilium/shared/ledger/entry";
import type { PlannedCharge } from "@consilium/shared/study/charges";
import type { StudyDocument } from "@consilium/shared/study/document";
import type { DatasetId, StudyName } from "@consilium/shared/units/identity";
import type { Cap } from "../steward/statement.ts";

export const PARTS = Part.options;

interface Charge {
  readonly dataset: DatasetId;
  readonly study: StudyName;
  readonly part: Part;
  readonly event: PrivacyEvent;
  state: "reserved" | "acting" | "committed" | "cancelled";
}

/** Equal events of one part, added up: the sum of a thousand rounds is computed as the planner computes it. */
type EventCounts = Map<string, PrivacyEvent>;

/**
 * What a ledger's entries, read in order, say of caps and charges. Everything that was reserved and not cancelled
 * counts as spent, in all studies on a data set.
 */
export class Spending {
  readonly #caps = new Map<DatasetId, Cap>();
  readonly #charges = new Map<ChargeId, Charge>();
  readonly #events = new Map<string, EventCounts>();

  /** Takes one entry more. */
  apply(body: LedgerBody): void {
    switch (body.kind) {
      case "cap-set": {
        const { epsilon, delta, perStudy } = body;
        this.#caps.set(body.dataset, { epsilon, delta, ...(perStudy === undefined ? {} : { perStudy }) });
        return;
      }
      case "reserved": {
        const { charge, dataset, study, part, event } = body;
        assert(!this.#charges.has(charge), `charge ${charge} is reserved once`);
        this.#charges.set(charge, { dataset, study, part, event, state: "reserved" });
        this.#count(dataset, study, part, event, event.count);
        return;
      }
      case "acting":
        this.#move(body.charge, ["reserved"], "acting");
        return;
      case "committed":
        this.#move(body.charge, ["acting"], "committed");
        return;
      case "cancelled": {
        const { dataset, study, part, event } = this.#move(body.charge, ["reserved"], "cancelled");
        this.#count(dataset, study, part, event, -event.count);
        return;
      }
      default:
    }
  }

  cap(dataset: DatasetId): Cap | null {
    return this.#caps.get(dataset) ?? null;
  }

  /** How far a charge has gone; null when it was never reserved. */
  stateOf(charge: ChargeId): Charge["state"] | null {
    return this.#charges.get(charge)?.state ?? null;
  }

  /** Events on one part of a data set: of one study, or of all. */
  events(dataset: DatasetId, part: Part, study: StudyName | null = null): readonly PrivacyEvent[] {
    const counts = this.#events.get(slot(dataset, part, study));
    return counts === undefined ? [] : [...counts.values()].filter((event) => event.count > 0);
  }

  /** ε at δ of everything done to a data set so far, or by one study: a patient is in one part, so the largest counts. */
  epsilon(dataset: DatasetId, delta: number, study: StudyName | null = null): number {
    return Math.max(...PARTS.map((part) => epsilonOfEvents(this.events(dataset, part, study), delta)));
  }

  /** Studies with charges on a data set, in the order of their first. */
  studies(dataset: DatasetId): readonly StudyName[] {
    const charges = [...this.#charges.values()].filter((charge) => charge.dataset === dataset);
    return [...new Set(charges.map((charge) => charge.study))];
  }

  #move(charge: ChargeId, from: readonly Charge["state"][], to: Charge["state"]): Charge {
    const known = this.#charges.get(charge);
    assert(known !== undefined && from.includes(known.state), `charge ${charge} may become ${to}`);
    known.state = to;
    return known;
  }

  #count(dataset: DatasetId, study: StudyName, part: Part, event: PrivacyEvent, times: number): void {
    for (const key of [slot(dataset, part, study), slot(dataset, part, null)]) {
      const counts = this.#events.get(key) ?? new Map<string, PrivacyEvent>();
      this.#events.set(key, addEvent(counts, event, times));
    }
  }
}

/** Limits that a charge must stay within, each over one part of the data set. */
export interface Limits {
  readonly document: StudyDocument;
  readonly dataset: DatasetId;
}

/**
 * Throws where the charges would pass the data set's cap over all studies, the steward's cap for one study, or the
 * study's own signed ε. RDP sums are a filter: adding charges one by one, in any order, is sound
 * (Feldman & Zrnic 2021, arXiv:2008.11193).
 */
export function requireAffordable(spending: Spending, limits: Limits, charges: readonly PlannedCharge[]): void {
  const { document, dataset } = limits;
  const cap = spending.cap(dataset);
  if (cap === null) throw noCap(dataset);
  const after = (part: Part, study: StudyName | null, delta: number): number =>
    epsilonOfEvents(merge([...spending.events(dataset, part, study), ...added(charges, part)]), delta);
  for (const part of PARTS.filter((one) => charges.some((charge) => charge.part === one))) {
    const total = after(part, null, cap.delta);
    if (total > cap.epsilon) throw exceeded("budget/cap-exceeded", `data set ${dataset}`, total, cap.epsilon);
    const ofStudy = after(part, document.name, cap.delta);
    if (cap.perStudy !== undefined && ofStudy > cap.perStudy) {
      throw exceeded("budget/study-cap-exceeded", `study ${document.name} on ${dataset}`, ofStudy, cap.perStudy);
    }
    const { epsilon, delta } = document.privacy;
    const signed = after(part, document.name, delta);
    if (signed > epsilon) throw exceeded("budget/study-exceeded", `study ${document.name}`, signed, epsilon);
  }
}

/** ε at the cap's δ before and after these charges, the largest over the parts. */
export function epsilonAfter(
  spending: Spending,
  dataset: DatasetId,
  delta: number,
  charges: readonly PlannedCharge[],
): number {
  const of = (part: Part): number =>
    epsilonOfEvents(merge([...spending.events(dataset, part), ...added(charges, part)]), delta);
  return Math.max(...PARTS.map(of));
}

function added(charges: readonly PlannedCharge[], part: Part): readonly PrivacyEvent[] {
  return charges.filter((charge) => charge.part === part).map(({ event }) => event);
}

function merge(events: readonly PrivacyEvent[]): readonly PrivacyEvent[] {
  const counts: EventCounts = new Map();
  for (const event of events) addEvent(counts, event, event.count);
  return [...counts.values()];
}

function addEvent(counts: EventCounts, event: PrivacyEvent, times: number): EventCounts {
  const key = canonicalJson({ ...event, count: 1 });
  const count = (counts.get(key)?.count ?? 0) + times;
  return counts.set(key, { ...event, count });
}

function slot(dataset: DatasetId, part: Part, study: StudyName | null): string {
  return `${dataset}/${part}/${study ?? ""}`;
}

function noCap(dataset: DatasetId): Failure {
  return new Failure({
    code: "budget/no-cap",
    kind: "refused",
    what: `Data set ${dataset} has no cap yet: nothing may be charged to it.`,
    remedy: `Have the steward set one: consilium-site budget cap ${dataset} --epsilon E --delta D`,
  });
}

function exceeded(code: string, what: string, wouldSpend: number, limit: number): Failure {
  return new Failure({
    code,
    kind: "refused",
    what: `With this, ${what} would reach ε = ${wouldSpend.toFixed(3)}; the limit is ${limit}.`,
    remedy: "Stop the study and keep its model so far, or have the steward decide on a higher cap.",
    fields: { limit },
  });
}
