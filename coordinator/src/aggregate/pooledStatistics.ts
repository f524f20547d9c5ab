import { assert } from "@consilium/shared/failure/failure";
import { type Normalisation, normalisationOf } from "@consilium/shared/normalisation/columnScales";
import { NormaliseContribution } from "@consilium/shared/normalisation/contribution";
import { normalisedColumns, statisticsCount } from "@consilium/shared/normalisation/rule";
import type { StudyDocument } from "@consilium/shared/study/document";
import type { SiteName } from "@consilium/shared/units/identity";
import type { ContributionSource } from "../round/run.ts";
import { bytesOf, jsonContribution, malformed } from "./jsonContribution.ts";

const WHAT = "A contribution of columns' statistics";

/** Noised sums of the round before training, each differentially private by itself and charged. */
export class PooledStatistics {
  readonly #document: StudyDocument;
  readonly #count: number;
  readonly #bySite = new Map<SiteName, readonly number[]>();

  constructor(document: StudyDocument) {
    const rule = document.normalisation;
    assert(rule !== undefined, "a study that is normalised says how");
    this.#document = document;
    this.#count = statisticsCount(rule, normalisedColumns(rule, document.data).length);
  }

  reset(): void {
    this.#bySite.clear();
  }

  /** Throws on anything but so many integers in canonical form. */
  async add(site: SiteName, source: ContributionSource): Promise<void> {
    const told = jsonContribution(await bytesOf(source), NormaliseContribution, WHAT);
    if (told.sums.length !== this.#count) throw malformed(WHAT, "has another number of sums than the study's");
    if (told.sums.some((sum) => Math.abs(sum) > SUM_MAX)) throw malformed(WHAT, "holds a sum that no noise explains");
    this.#bySite.set(site, told.sums);
  }

  /** What these sites' sums come to. */
  normalisation(contributors: readonly SiteName[]): Normalisation {
    const sorted = [...contributors].sort();
    const sums = new Array<number>(this.#count).fill(0);
    for (const site of sorted) {
      const own = this.#bySite.get(site);
      assert(own !== undefined, "a contributor's sums were added");
      for (const [at, sum] of own.entries()) sums[at] = (sums[at] ?? 0) + sum;
    }
    return normalisationOf(this.#document, sorted, sums);
  }
}

/** Above 2²⁰ patients in 2¹⁶ steps with their noise; of a thousand sites so much still adds up to a safe integer. */
const SUM_MAX = 2 ** 42;
