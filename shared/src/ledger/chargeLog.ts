import type { LedgerEvent } from "../event/recordEvent.ts";
import type { DatasetId, SiteName, StudyName } from "../units/identity.ts";
import { type ChargeId, type LedgerEntry, Part } from "./entry.ts";
import type { CapSet, ReservedBody } from "./state.ts";

/** A charge where it was spent: at its `acting` entry, where it was recovered, or where its data set was sanitized. */
export interface SpentCharge {
  readonly sequence: number;
  readonly at: string;
  readonly part: Part;
  /** Null of a sanitizer's: it is no study's. */
  readonly study: StudyName | null;
  readonly events: readonly LedgerEvent[];
}

type Place = Pick<LedgerEntry, "sequence" | "at">;

/** A cap where it was set. */
export interface CapAt {
  readonly sequence: number;
  readonly at: string;
  readonly body: CapSet;
}

/**
 * A ledger as it went: what was spent when, and when caps were set, for pictures over time. A state tells only how it
 * ended. Entries come in order, of a chain that was verified before.
 */
export class ChargeLog {
  #sequence = 0;
  readonly #reserved = new Map<ChargeId, ReservedBody>();
  readonly #spent = new Map<string, SpentCharge[]>();
  readonly #caps = new Map<string, CapAt[]>();

  /** Of the last entry that it knows. */
  get sequence(): number {
    return this.#sequence;
  }

  take({ sequence, at, body }: Pick<LedgerEntry, "sequence" | "at" | "body">): void {
    this.#sequence = sequence;
    if (body.kind === "reserved") this.#reserved.set(body.charge, body);
    if (body.kind === "recovered") this.#spend({ sequence, at }, body);
    if (body.kind === "sanitizing") {
      const { site, dataset, events } = body;
      for (const part of Part.options) this.#push(site, dataset, { sequence, at, part, study: null, events });
    }
    if (body.kind === "acting") {
      const reserved = this.#reserved.get(body.charge);
      if (reserved !== undefined) this.#spend({ sequence, at }, reserved);
    }
    if (body.kind === "acting" || body.kind === "cancelled") this.#reserved.delete(body.charge);
    if (body.kind === "cap-set") push(this.#caps, `${body.site}/${body.dataset}`, { sequence, at, body });
  }

  /** In the order in which it was spent. */
  spent(site: SiteName, dataset: DatasetId, part: Part): readonly SpentCharge[] {
    return this.#spent.get(`${site}/${dataset}/${part}`) ?? [];
  }

  caps(site: SiteName, dataset: DatasetId): readonly CapAt[] {
    return this.#caps.get(`${site}/${dataset}`) ?? [];
  }

  #spend(place: Place, { site, dataset, part, study, event }: Omit<ReservedBody, "kind">): void {
    this.#push(site, dataset, { ...place, part, study, events: [event] });
  }

  #push(site: SiteName, dataset: DatasetId, charge: SpentCharge): void {
    push(this.#spent, `${site}/${dataset}/${charge.part}`, charge);
  }
}

function push<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}
