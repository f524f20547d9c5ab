import { assert } from "@consilium/shared/failure/failure";
import { ChoiceContribution, type GeneratorChoice, pickedPlaces } from "@consilium/shared/generator/choice";
import { modelDigest } from "@consilium/shared/model/modelDigest";
import type { BlobReference } from "@consilium/shared/protocol/messages";
import type { StudyDocument } from "@consilium/shared/study/document";
import type { SiteName } from "@consilium/shared/units/identity";
import type { ContributionSource } from "../round/run.ts";
import { bytesOf, jsonContribution, malformed } from "./jsonContribution.ts";

const WHAT = "A choice of generators";

/** Sites' picks among the generators that were kept, and what follows from them. */
export class PooledChoices {
  readonly #bySite = new Map<SiteName, readonly number[]>();
  readonly #round: number;
  readonly #document: StudyDocument;
  readonly #generators: readonly { readonly round: number; readonly parameters: Float32Array }[];
  readonly #candidates: BlobReference | undefined;

  constructor(
    round: number,
    document: StudyDocument,
    generators: readonly { readonly round: number; readonly parameters: Float32Array }[],
    candidates: BlobReference | undefined,
  ) {
    this.#round = round;
    this.#document = document;
    this.#generators = generators;
    this.#candidates = candidates;
  }

  reset(): void {
    this.#bySite.clear();
  }

  /** Throws on anything but as many picks as were planned, each of a candidate and none twice, in canonical form. */
  async add(site: SiteName, source: ContributionSource): Promise<void> {
    const told = jsonContribution(await bytesOf(source), ChoiceContribution, WHAT);
    const { chosen } = told;
    const planned = Math.min(this.#document.generator?.best ?? 0, this.#generators.length);
    const isOfCandidates = chosen.every((place) => place < this.#generators.length);
    if (chosen.length !== planned || !isOfCandidates || new Set(chosen).size < chosen.length)
      throw malformed(WHAT, `is not ${planned} different ones of ${this.#generators.length} generators`);
    this.#bySite.set(site, chosen);
  }

  choice(): GeneratorChoice {
    const { generator } = this.#document;
    assert(generator !== undefined && this.#candidates !== undefined, "a choice is among what was announced");
    const sites = [...this.#bySite]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([site, chosen]) => ({ site, chosen: [...chosen] }));
    const places = pickedPlaces(this.#document, sites, this.#generators.length, generator.best);
    return {
      round: this.#round,
      candidates: this.#candidates.digest,
      rounds: this.#generators.map(({ round }) => round),
      sites,
      picked: places.flatMap((place) => {
        const picked = this.#generators[place];
        return picked === undefined ? [] : [{ round: picked.round, digest: modelDigest(picked.parameters) }];
      }),
    };
  }
}
