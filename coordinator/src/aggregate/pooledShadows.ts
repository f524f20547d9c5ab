import { isScaleOf, type NoisedHistogram } from "@consilium/shared/audit/histogram";
import { learnFromShadow, ShadowContribution, type ShadowReport } from "@consilium/shared/audit/shadow";
import type { ShadowRule } from "@consilium/shared/audit/shadowRule";
import { assert } from "@consilium/shared/failure/failure";
import type { StudyDocument } from "@consilium/shared/study/document";
import type { SiteName } from "@consilium/shared/units/identity";
import type { ContributionSource } from "../round/run.ts";
import { bytesOf, jsonContribution, malformed } from "./jsonContribution.ts";

const WHAT = "A look at the shadow model";

/** Sites' noised histograms of the shadow model, and the attacks that are learnt from them. */
export class PooledShadows {
  readonly #bySite = new Map<SiteName, ShadowContribution>();
  readonly #document: StudyDocument;
  readonly #rule: ShadowRule;

  constructor(document: StudyDocument) {
    const { shadow } = document.audit;
    assert(shadow !== undefined, "a study that looks at a shadow has a rule for it");
    this.#document = document;
    this.#rule = shadow;
  }

  reset(): void {
    this.#bySite.clear();
  }

  /** Throws on anything but this study's two histograms with its noise, in canonical form. */
  async add(site: SiteName, source: ContributionSource): Promise<void> {
    const told = jsonContribution(await bytesOf(source), ShadowContribution, WHAT);
    const { members, nonMembers } = told;
    if (!this.#isPlanned(members, "members") || !this.#isPlanned(nonMembers, "nonMembers"))
      throw malformed(WHAT, "has another shape or noise than the study's");
    this.#bySite.set(site, told);
  }

  report(): ShadowReport {
    const sites = [...this.#bySite]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([site, { members, nonMembers }]) => ({ site, members, nonMembers }));
    const { data, training } = this.#document;
    return { sites, attacks: learnFromShadow(sites, this.#rule, data.label.values.length, training.initialSeed) };
  }

  #isPlanned({ classes, bins, scale }: NoisedHistogram, side: "members" | "nonMembers"): boolean {
    const isShaped = classes === this.#document.data.label.values.length && bins === this.#rule.bins ** 2;
    return isShaped && isScaleOf(scale, this.#rule.epsilon[side]);
  }
}
