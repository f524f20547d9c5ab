/** What a simulated site's stewards decide, and what an oracle says must come of it at both sides. */
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { CapChange, dayOf, Period } from "@consilium/shared/ledger/cap";
import { capsInForce } from "@consilium/shared/ledger/capFilter";
import { type ChargeId, Part } from "@consilium/shared/ledger/entry";
import { isSpent } from "@consilium/shared/ledger/recovery";
import type { LedgerState } from "@consilium/shared/ledger/state";
import { DatasetId, Digest, StudyName } from "@consilium/shared/units/identity";
import type { Accepted } from "../../site-agent/src/ledger/restore.ts";
import { type Caps, Stewards, type StewardsView } from "./capOracle.test-support.ts";
import type { CoordinatorSide } from "./coordinatorSide.test-support.ts";
import { epsilonOfAll, isWithin } from "./noticeOracle.test-support.ts";
import type { Deed } from "./oracle.test-support.ts";
import type { SiteSide } from "./siteSide.test-support.ts";

export const DATASET = DatasetId.parse("clinic");
export const DELTA = 1e-5;
export const STUDIES = ["heart", "lung", "skin"].map((name) => StudyName.parse(name));
export const CAPS: Caps = { epsilon: 3, perStudy: 2, studies: new Map(), periods: new Map() };

const PEOPLE = ["Dr. Bell", "Dr. Koch"] as const;
const PERIODS = ["calendar-year", "30-days", "800-days"].map((name) => Period.parse(name));

export interface SiteCapsOptions {
  readonly site: SiteSide;
  readonly coordinator: CoordinatorSide;
  readonly now: () => Date;
  readonly random: () => number;
  readonly hold: (holds: boolean, violation: string) => void;
  readonly count: (what: string) => void;
}

/** What a copy of the site's database knows. */
interface Copy {
  readonly view: StewardsView;
  readonly bookedOn: ReadonlyMap<ChargeId, number>;
}

export class SiteCaps {
  readonly #options: SiteCapsOptions;
  readonly #stewards = new Stewards(CAPS);
  /** What the coordinator knows of them. */
  #told = CAPS;
  /** Day of each deed that the site's ledger has; one that it lost is not there until it is taken back. */
  #bookedOn = new Map<ChargeId, number>();
  readonly #copies = new Map<string, Copy>();
  readonly #toldCopies = new Map<string, Caps>();
  #statements = 0;

  constructor(options: SiteCapsOptions) {
    this.#options = options;
  }

  copied(to: string, side: "site" | "coordinator"): void {
    if (side === "coordinator") this.#toldCopies.set(to, this.#told);
    else this.#copies.set(to, { view: this.#stewards.view(), bookedOn: new Map(this.#bookedOn) });
  }

  restored(from: string, side: "site" | "coordinator"): void {
    if (side === "coordinator") this.#told = this.#toldCopies.get(from) ?? this.#told;
    const copy = this.#copies.get(from);
    if (side === "coordinator" || copy === undefined) return;
    this.#stewards.restore(copy.view);
    this.#bookedOn = new Map(copy.bookedOn);
  }

  /** Both sides go on: what the site had lost is booked on the day it is taken back, and tighter caps are taken. */
  accepted({ accepted }: Accepted, deeds: readonly Deed[]): void {
    const { site } = this.#options;
    if (accepted.some(({ lost }) => lost.writer === site.name)) this.#stewards.take(this.#told);
    this.took(deeds);
  }

  /** Deeds that the site's ledger has again count on the day that it has. */
  took(deeds: readonly Deed[]): void {
    const { charges, sanitizings, day } = this.#options.site.store.state;
    for (const { charge } of deeds) {
      const isThere = isSpent(charges.get(charge)) || sanitizings.has(charge);
      if (!this.#bookedOn.has(charge) && isThere) this.#bookedOn.set(charge, day);
    }
  }

  /** One thing that a steward does. */
  decide(): void {
    const { random, coordinator, site } = this.#options;
    const at = random() * 100;
    const [by, change] = [this.#one(PEOPLE), this.#change()];
    const statement = Digest.parse((++this.#statements).toString(16).padStart(64, "0"));
    if (at < 30) this.#same("cap changed", this.#stewards.change(change), site.change(change, statement));
    else if (at < 55)
      this.#same("raise asked", this.#stewards.ask(statement, change, by), site.ask(change, by, statement));
    else if (at < 85) this.#settle(by, statement);
    else {
      this.#told = this.#stewards.caps;
      coordinator.learn(site.name, site.store.state, statement);
      this.#options.count("caps told");
    }
  }

  #settle(by: string, statement: Digest): void {
    const waiting = this.#stewards.waiting();
    if (waiting.length === 0) return;
    const request = this.#one(waiting);
    const isGranted = this.#options.random() < 0.8;
    const must = this.#stewards.settle(request, by, isGranted);
    this.#same(
      isGranted ? "raise granted" : "raise refused",
      must,
      this.#options.site.settle(request, by, isGranted, statement),
    );
  }

  /** A deed keeps to every cap at the site, by what its ledger has, and to those that the coordinator knows. */
  did(deed: Deed, deeds: readonly Deed[]): void {
    const { site, now, hold } = this.#options;
    const { day } = site.store.state;
    hold(day >= dayOf(now()), `${site.name}'s ledger is on day ${day}, before its clock`);
    this.#bookedOn.set(deed.charge, day);
    // What costs nothing goes on below a cap that is passed already.
    if (deed.event.kind === "post-processing") return;
    for (const one of deed.part === null ? Part.options : [deed.part]) this.#didTo(one, deed, deeds, day);
  }

  #didTo(one: Part, deed: Deed, deeds: readonly Deed[], day: number): void {
    const on = deeds.filter(({ part }) => part === null || part === one);
    const booked = on.filter(({ charge }) => this.#bookedOn.has(charge));
    this.#holdCaps(this.#stewards.caps, booked, deed.study, "its stewards'");
    // Of a sanitizer the site's own ledger decides; the coordinator is told.
    const known = on.filter(({ study, isSeen }) => study !== null || isSeen);
    if (deed.study !== null) this.#holdCaps(this.#told, known, deed.study, "the coordinator's");
    for (const [period, cap] of this.#stewards.caps.periods) {
      const within = booked.filter(({ charge }) => isWithin(period, this.#bookedOn.get(charge) ?? 0, day));
      this.#hold(epsilonOfAll(eventsOf(within), DELTA), cap, `its stewards' cap for ${period}`);
    }
  }

  #holdCaps(
    { epsilon, perStudy, studies }: Caps,
    deeds: readonly Deed[],
    study: StudyName | null,
    whose: string,
  ): void {
    this.#hold(epsilonOfAll(eventsOf(deeds), DELTA), epsilon, `${whose} cap`);
    if (study === null) return;
    const own = deeds.filter((deed) => deed.study === study);
    const ofStudy = Math.min(perStudy, studies.get(study) ?? Number.POSITIVE_INFINITY);
    this.#hold(epsilonOfAll(eventsOf(own), DELTA), ofStudy, `${whose} cap for ${study}`);
  }

  #hold(spent: number, cap: number, which: string): void {
    const { site, hold } = this.#options;
    hold(spent <= cap * (1 + 1e-9), `${site.name} spent ε = ${spent}; ${which} is ${cap}`);
  }

  /** Both ledgers say what was decided, and what of it was told. */
  check(): void {
    const { site, coordinator } = this.#options;
    this.#says(site.store.state, this.#stewards.caps, site.name);
    this.#says(coordinator.store.state, this.#told, "the coordinator");
  }

  #says(state: LedgerState, { epsilon, perStudy, studies, periods }: Caps, who: string): void {
    for (const study of STUDIES) {
      const found = canonicalJson(capsInForce(state, this.#options.site.name, DATASET, study) ?? null);
      const own = studies.get(study);
      const listed = [...periods].map(([period, cap]) => ({ period, epsilon: cap }));
      const must = canonicalJson({
        epsilon,
        delta: DELTA,
        perStudy: Number.isFinite(perStudy) ? perStudy : undefined,
        study: own,
        periods: listed.length === 0 ? undefined : listed.sort((a, b) => (a.period < b.period ? -1 : 1)),
      });
      this.#options.hold(found === must, `${who} has the caps ${found} of ${this.#options.site.name}, not ${must}`);
    }
  }

  #same(what: string, must: string | null, code: string | null): void {
    const { hold, count, site } = this.#options;
    hold(must === code, `${site.name}, ${what}: ${code ?? "accepted"}, where it is ${must ?? "to be accepted"}`);
    count(code === null ? what : `not ${what}: ${code}`);
  }

  #change(): CapChange {
    const of = this.#one(["data-set", "study", "period"] as const);
    if (of === "data-set") {
      const perStudy = this.#one([undefined, 0.5, 1.2, 2, 3]);
      const caps = { epsilon: this.#one([0.7, 1.5, 2.2, 3, 4]), delta: DELTA };
      return CapChange.parse({ of, ...caps, ...(perStudy === undefined ? {} : { perStudy }) });
    }
    return of === "study"
      ? CapChange.parse({ of, study: this.#one(STUDIES), epsilon: this.#one([0.4, 1, 1.7, null]) })
      : CapChange.parse({ of, period: this.#one(PERIODS), epsilon: this.#one([0.6, 1.2, 2, null]) });
  }

  #one<T>(of: readonly [T, ...T[]] | readonly T[]): T {
    const at = Math.floor(this.#options.random() * of.length);
    for (const [index, each] of of.entries()) if (index === at) return each;
    throw new Error("nothing to choose from");
  }
}

function eventsOf(deeds: readonly Deed[]) {
  return deeds.map(({ event }) => event);
}
