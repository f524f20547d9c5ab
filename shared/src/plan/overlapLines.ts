import type { StudyDocument } from "../study/document.ts";
import { overlapFigures } from "../study/overlap.ts";
import { epsilonText } from "../units/epsilonText.ts";
import { plannedCurves } from "./planStudy.ts";

/**
 * For whoever is to sign: what a patient pays in this study who is at several of its sites, for each declared group; of
 * one site's groups where it is named. No cap counts that: none knows another site's patients.
 */
export function overlapLines(document: StudyDocument, site?: string): string[] {
  const groups = (document.overlap ?? []).filter(
    ({ sites }) => site === undefined || sites.some((one) => one === site),
  );
  if (groups.length === 0) return [];
  const curves = plannedCurves(document);
  const { delta } = document.privacy;
  return overlapFigures(groups, () => curves, delta).map(
    ({ sites, epsilon }) =>
      `a patient at ${sites.join(" + ")}, all at once: up to ε = ${epsilonText(epsilon)} at δ = ${delta}; no cap counts that`,
  );
}
