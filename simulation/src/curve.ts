/** A learning curve: exact accuracy every so many rounds, which only a simulation can draw. */
import type { PreparedPatients } from "@consilium/site-agent/contract/preparedPatients";
import { accuracyOf, type TrainedModel } from "./exact.ts";
import type { RunResult } from "./result.ts";

export type CurvePoint = NonNullable<RunResult["exact"]["curve"]>[number];

/** Of each site and part: a curve is to be looked at, and a network of many layers takes its time. */
const RECORDS_MAX = 200;

export function curvePoint(
  round: number,
  classes: number,
  sites: readonly { readonly model: TrainedModel; readonly patients: PreparedPatients }[],
): CurvePoint {
  return {
    round,
    trainAccuracy: accuracyOf(classes, sites, { parts: ["train"], recordsMax: RECORDS_MAX }),
    heldAccuracy: accuracyOf(classes, sites, { parts: ["validation", "audit"], recordsMax: RECORDS_MAX }),
  };
}

/** Follows a run that goes on meanwhile: a point is of the newest model at the time that it is looked at. */
export class LearningCurve {
  readonly points: CurvePoint[] = [];
  readonly #every: number;
  readonly #look: () => Promise<CurvePoint>;
  #next: number;
  #looking: Promise<void> = Promise.resolve();
  #isLooking = false;

  constructor(every: number, look: () => Promise<CurvePoint>) {
    this.#every = every;
    this.#next = every;
    this.#look = look;
  }

  /** A round was committed; `round` models were made so far. */
  reached(round: number): void {
    if (round < this.#next || this.#isLooking) return;
    this.#isLooking = true;
    this.#looking = this.#add().finally(() => {
      this.#isLooking = false;
    });
    // Whoever waits for the whole curve hears of it.
    this.#looking.catch(() => undefined);
  }

  /** All points so far, the newest model's among them. */
  async whole(): Promise<readonly CurvePoint[]> {
    await this.#looking;
    this.#next = 0;
    await this.#add();
    return this.points;
  }

  async #add(): Promise<void> {
    const point = await this.#look();
    if (point.round === this.points.at(-1)?.round) return;
    this.points.push(point);
    this.#next = point.round - (point.round % this.#every) + this.#every;
  }
}
