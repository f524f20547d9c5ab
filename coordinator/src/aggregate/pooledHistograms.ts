import { readFile } from "node:fs/promises";
import { AuditContribution, EvaluationContribution } from "@consilium/shared/audit/contribution";
import { auditShape, isScaleOf, type NoisedHistogram } from "@consilium/shared/audit/histogram";
import { isUtilityOf } from "@consilium/shared/audit/utility";
import { studyEvaluationShape } from "@consilium/shared/metric/evaluation";
import type { RoundPurpose } from "@consilium/shared/protocol/messages";
import type { SiteAudits } from "@consilium/shared/release/build";
import type { StudyDocument } from "@consilium/shared/study/document";
import type { SiteName } from "@consilium/shared/units/identity";
import { jsonContribution, malformed } from "./jsonContribution.ts";

const WHAT = "A contribution of histograms";

/**
 * Noised histograms of one evaluation or audit round. They are kept by site: an audit shows, and re-weights, each
 * site's own; each is differentially private by itself and charged.
 */
export class PooledHistograms {
  readonly #document: StudyDocument;
  readonly #purpose: Exclude<RoundPurpose, "train">;
  readonly #bySite = new Map<SiteName, EvaluationContribution | AuditContribution>();

  constructor(document: StudyDocument, purpose: Exclude<RoundPurpose, "train">) {
    this.#document = document;
    this.#purpose = purpose;
  }

  reset(): void {
    this.#bySite.clear();
  }

  /** Throws on anything but this study's histograms with this study's noise, in canonical form. */
  add(site: SiteName, bytes: Uint8Array): void {
    const told =
      this.#purpose === "evaluate"
        ? jsonContribution(bytes, EvaluationContribution, WHAT)
        : jsonContribution(bytes, AuditContribution, WHAT);
    const wrong = told.purpose === "evaluate" ? this.#evaluationFault(told) : this.#auditFault(told);
    if (wrong !== null) throw malformed(WHAT, wrong);
    this.#bySite.set(site, told);
  }

  async addFile(site: SiteName, path: string): Promise<void> {
    this.add(site, await readFile(path));
  }

  /** Of an evaluation: one histogram a site, in the order of their names. */
  evaluations(): readonly NoisedHistogram[] {
    return this.#sorted().flatMap(([, content]) => (content.purpose === "evaluate" ? [content.histogram] : []));
  }

  /** Of an audit: all sites' and attacks' histograms, and their guesses about canaries. */
  audits(): SiteAudits {
    const audits = this.#sorted().flatMap(([site, content]) =>
      content.purpose === "audit" ? [{ site, content }] : [],
    );
    return {
      histograms: audits.flatMap(({ site, content }) => content.attacks.map((entry) => ({ site, ...entry }))),
      canaries: audits.flatMap(({ site, content }) =>
        content.canaries === undefined ? [] : [{ site, ...content.canaries }],
      ),
      utility: audits.flatMap(({ site, content: { utility } }) =>
        utility === undefined ? [] : [{ site, histogram: utility }],
      ),
    };
  }

  #sorted(): [SiteName, EvaluationContribution | AuditContribution][] {
    return [...this.#bySite].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  #evaluationFault({ histogram }: EvaluationContribution): string | null {
    const { evaluation } = this.#document;
    const shape = studyEvaluationShape(this.#document);
    if (histogram.classes !== shape.classes || histogram.bins !== shape.bins)
      return "has another shape than the study's";
    return isScaleOf(histogram.scale, evaluation.epsilon) ? null : "has other noise than the study's";
  }

  #auditFault({ attacks, canaries, utility }: AuditContribution): string | null {
    const { audit } = this.#document;
    const judged = utilityFault(this.#document, utility);
    if (judged !== null) return judged;
    if (canaries?.count !== audit.canaries?.count || canaries?.guesses !== audit.canaries?.guesses)
      return "has not the study's canaries";
    const named = attacks.map(({ attack }) => attack).join(",");
    if (named !== audit.attacks.join(",")) return "is not one for each of the study's attacks, in its order";
    for (const { attack, members, nonMembers } of attacks) {
      const shape = auditShape(this.#document, attack);
      for (const histogram of [members, nonMembers]) {
        if (histogram.bins !== shape.bins || histogram.classes !== shape.classes)
          return "has another shape than the study's";
      }
      if (!isScaleOf(members.scale, audit.epsilon.members) || !isScaleOf(nonMembers.scale, audit.epsilon.nonMembers)) {
        return "has other noise than the study's";
      }
    }
    return null;
  }
}

/** What is wrong with a site's look at the synthetic records' classifier; null where nothing is. */
function utilityFault(document: StudyDocument, utility: NoisedHistogram | undefined): string | null {
  if ((document.generator === undefined) !== (utility === undefined)) return "has not the study's look at made records";
  if (utility === undefined) return null;
  return isUtilityOf(document, utility) ? null : "has another look at made records than the study's";
}
