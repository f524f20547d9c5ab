import type { SiteName } from "@consilium/shared/units/identity";

/** A site that lost so many attempts since it came back only spends its budget. */
const ATTEMPTS_LOST_MAX = 3;

/** Sites that a study goes on without, until they come back or it is resumed. */
export class LeftOut {
  readonly #sites = new Set<SiteName>();
  /** Attempts that each site lost since it came back. */
  readonly #lost = new Map<SiteName, number>();

  readonly #shortages = new Set<string>();

  get sites(): ReadonlySet<SiteName> {
    return this.#sites;
  }

  declined(site: SiteName): void {
    this.#sites.add(site);
  }

  /** A lost attempt is over with that attempt, unless one follows another. */
  attemptLost(site: SiteName): void {
    const times = (this.#lost.get(site) ?? 0) + 1;
    this.#lost.set(site, times);
    if (times >= ATTEMPTS_LOST_MAX) this.declined(site);
  }

  /** Whether this shortage of budget is told of for the first time. */
  isNews(short: string): boolean {
    const isNew = !this.#shortages.has(short);
    this.#shortages.add(short);
    return isNew;
  }

  returned(site: SiteName): void {
    this.#sites.delete(site);
    this.#lost.delete(site);
  }
}
