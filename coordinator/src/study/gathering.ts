import type { SiteName } from "@consilium/shared/units/identity";
import type { Clock } from "./world.ts";

/** Waits for sites that are on their way: after a start of the coordinator they come back one by one. */
export class Gathering {
  readonly #clock: Clock;
  readonly #patienceMs: number;
  readonly #isPresent: (site: SiteName) => boolean;
  #look: () => void = () => undefined;
  #isGivenUp = false;

  constructor(clock: Clock, patienceMs: number, isPresent: (site: SiteName) => boolean) {
    this.#clock = clock;
    this.#patienceMs = patienceMs;
    this.#isPresent = isPresent;
  }

  /** Resolves when all of these are there; or, past the patience, as soon as `enough` are; or at once when given up. */
  async wait(sites: readonly SiteName[], enough: number): Promise<void> {
    let isPatient = true;
    await new Promise<void>((resolve) => {
      const look = (): void => {
        const present = sites.filter((site) => this.#isPresent(site)).length;
        if (!this.#isGivenUp && present < (isPatient ? sites.length : Math.min(enough, sites.length))) return;
        cancel();
        this.#look = () => undefined;
        resolve();
      };
      const cancel = this.#clock.after(this.#patienceMs, () => {
        isPatient = false;
        look();
      });
      this.#look = look;
      look();
    });
  }

  arrived(): void {
    this.#look();
  }

  /** Nobody is waited for any more. */
  giveUp(): void {
    this.#isGivenUp = true;
    this.#look();
  }
}
