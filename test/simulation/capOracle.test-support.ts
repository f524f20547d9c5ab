/** A site's caps as its stewards set them, whatever any ledger says: plain numbers, and who asked for more. */
import type { CapChange, Period } from "@consilium/shared/ledger/cap";
import type { Digest, StudyName } from "@consilium/shared/units/identity";

export interface Caps {
  readonly epsilon: number;
  /** ∞ where none is set, here and below. */
  readonly perStudy: number;
  readonly studies: ReadonlyMap<StudyName, number>;
  readonly periods: ReadonlyMap<Period, number>;
}

/** A raise that waits, for the caps of that place as they were when it was asked for. */
interface Asked {
  readonly change: CapChange;
  readonly by: string;
  readonly isOvertaken: boolean;
}

/** What a copy of a site's database holds of it. */
export interface StewardsView {
  readonly caps: Caps;
  readonly asked: ReadonlyMap<Digest, Asked>;
}

export function changed(caps: Caps, change: CapChange): Caps {
  switch (change.of) {
    case "data-set":
      return { ...caps, epsilon: change.epsilon, perStudy: change.perStudy ?? Number.POSITIVE_INFINITY };
    case "study":
      return { ...caps, studies: withBound(caps.studies, change.study, change.epsilon) };
    case "period":
      return { ...caps, periods: withBound(caps.periods, change.period, change.epsilon) };
  }
}

function withBound<Key>(bounds: ReadonlyMap<Key, number>, key: Key, epsilon: number | null): ReadonlyMap<Key, number> {
  const others = [...bounds].filter(([one]) => one !== key);
  return new Map(epsilon === null ? others : [...others, [key, epsilon]]);
}

/** Whether anything that was not allowed before would be. */
export function isLooser(caps: Caps, change: CapChange): boolean {
  const after = changed(caps, change);
  const looser = <Key>(before: ReadonlyMap<Key, number>, now: ReadonlyMap<Key, number>): boolean =>
    [...before].some(([key, bound]) => (now.get(key) ?? Number.POSITIVE_INFINITY) > bound);
  return (
    after.epsilon > caps.epsilon ||
    after.perStudy > caps.perStudy ||
    looser(caps.studies, after.studies) ||
    looser(caps.periods, after.periods)
  );
}

/** Of each kind the tighter one: of two over all studies the other side's only where it is tighter in nothing less. */
export function tightest(own: Caps, told: Caps): Caps {
  const isTighter = told.epsilon <= own.epsilon && told.perStudy <= own.perStudy;
  const { epsilon, perStudy } = isTighter ? told : own;
  return {
    epsilon,
    perStudy,
    studies: lesser(own.studies, told.studies),
    periods: lesser(own.periods, told.periods),
  };
}

function lesser<Key>(own: ReadonlyMap<Key, number>, told: ReadonlyMap<Key, number>): ReadonlyMap<Key, number> {
  const bound = (of: ReadonlyMap<Key, number>, key: Key): number => of.get(key) ?? Number.POSITIVE_INFINITY;
  return new Map([...own.keys(), ...told.keys()].map((key) => [key, Math.min(bound(own, key), bound(told, key))]));
}

/** One site's stewards. */
export class Stewards {
  #view: StewardsView;

  constructor(caps: Caps) {
    this.#view = { caps, asked: new Map() };
  }

  get caps(): Caps {
    return this.#view.caps;
  }

  /** What stands in the ledger now; `restore` puts it back. */
  view(): StewardsView {
    return this.#view;
  }

  restore(view: StewardsView): void {
    this.#view = view;
  }

  /** One steward changes a cap: what must come of it. */
  change(change: CapChange): "budget/raise-takes-two" | null {
    if (isLooser(this.caps, change)) return "budget/raise-takes-two";
    this.#set(changed(this.caps, change), (asked) => isOfOnePlace(asked.change, change));
    return null;
  }

  /** Whatever the other side knew to be tighter. */
  take(told: Caps): void {
    const caps = tightest(this.caps, told);
    this.#set(caps, ({ change }) => isMoved(this.caps, caps, change));
  }

  ask(statement: Digest, change: CapChange, by: string): "budget/no-raise" | null {
    if (!isLooser(this.caps, change)) return "budget/no-raise";
    const asked = new Map(this.#view.asked).set(statement, { change, by, isOvertaken: false });
    this.#view = { ...this.#view, asked };
    return null;
  }

  waiting(): readonly Digest[] {
    return [...this.#view.asked.keys()];
  }

  askedBy(statement: Digest): string | undefined {
    return this.#view.asked.get(statement)?.by;
  }

  settle(statement: Digest, by: string, isGranted: boolean): string | null {
    const asked = this.#view.asked.get(statement);
    if (asked === undefined) return "budget/raise-unknown";
    if (isGranted && asked.isOvertaken) return "budget/raise-overtaken";
    if (isGranted && asked.by === by) return "ledger/raise-by-one";
    this.#view = { ...this.#view, asked: new Map([...this.#view.asked].filter(([one]) => one !== statement)) };
    if (isGranted) this.#set(changed(this.caps, asked.change), (other) => isOfOnePlace(other.change, asked.change));
    return null;
  }

  #set(caps: Caps, overtakes: (asked: Asked) => boolean): void {
    const asked = [...this.#view.asked].map(
      ([statement, one]) => [statement, { ...one, isOvertaken: one.isOvertaken || overtakes(one) }] as const,
    );
    this.#view = { caps, asked: new Map(asked) };
  }
}

function isOfOnePlace(a: CapChange, b: CapChange): boolean {
  return placeOf(a) === placeOf(b);
}

function placeOf(change: CapChange): string {
  if (change.of === "data-set") return "";
  return change.of === "study" ? `study ${change.study}` : `period ${change.period}`;
}

function isMoved(before: Caps, after: Caps, change: CapChange): boolean {
  if (change.of === "data-set") return before.epsilon !== after.epsilon || before.perStudy !== after.perStudy;
  if (change.of === "study") return before.studies.get(change.study) !== after.studies.get(change.study);
  return before.periods.get(change.period) !== after.periods.get(change.period);
}
