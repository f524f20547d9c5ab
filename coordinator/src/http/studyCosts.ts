import { today } from "@consilium/shared/ledger/capFilter";
import type { LedgerState } from "@consilium/shared/ledger/state";
import type { Digest } from "@consilium/shared/units/identity";
import type { StudyRecord } from "../storage/studies.ts";
import { costsOf, type StudyCost } from "./spendingViews.ts";

/** While rounds run the ledger grows many times a second; what a waiting study would cost may be that old. */
const KEPT_MS = 1000;
/** Studies whose figures are kept. */
const STUDIES_MAX = 500;

interface Kept {
  readonly tip: Digest;
  readonly day: number;
  readonly at: number;
  readonly costs: StudyCost;
}

/**
 * What studies that wait would cost: worked out at most once a second for each, however often people look, and one
 * after another with whatever else waits in between, so that no round is late for it.
 */
export class StudyCosts {
  readonly #state: () => LedgerState;
  readonly #now: () => Date;
  readonly #kept = new Map<Digest, Kept>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(state: () => LedgerState, now: () => Date) {
    this.#state = state;
    this.#now = now;
  }

  of(record: Pick<StudyRecord, "digest" | "document">): Promise<StudyCost> {
    const mine = this.#turn.then(() => this.#costs(record));
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #costs({ digest, document }: Pick<StudyRecord, "digest" | "document">): Promise<StudyCost> {
    const now = this.#now();
    const { tip } = this.#state();
    const day = today(this.#state(), now);
    const known = this.#kept.get(digest);
    const age = now.getTime() - (known?.at ?? 0);
    const isSame = known?.tip === tip.hash && known.day === day;
    if (known !== undefined && (isSame || (age >= 0 && age < KEPT_MS))) return known.costs;
    await new Promise((resolve) => setImmediate(resolve));
    const costs = costsOf(this.#state(), document, now);
    this.#kept.delete(digest);
    if (this.#kept.size >= STUDIES_MAX) this.#kept.clear();
    this.#kept.set(digest, { tip: this.#state().tip.hash, day, at: now.getTime(), costs });
    return costs;
  }
}
