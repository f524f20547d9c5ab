/** A study of times, exactly: how a model orders everybody's risks, which only a simulation may see. */
import { loadNetwork } from "@consilium/engine/network";
import { concordanceOfCounts, type RiskOfPatient } from "@consilium/shared/metric/concordance";
import { applyScales } from "@consilium/shared/normalisation/columnScales";
import type { IntervalPlace } from "@consilium/shared/study/survival";
import type { SiteName } from "@consilium/shared/units/identity";
import { type PreparedPatients, patientsOf } from "@consilium/site-agent/contract/preparedPatients";
import { risksOf } from "@consilium/site-agent/engine/risk";
import type { TrainedModel } from "./exact.ts";

/** Risks of the patients whom no step saw. */
export function heldRisks({ spec, weights, scales }: TrainedModel, patients: PreparedPatients, place: IntervalPlace) {
  const features = Float32Array.from(patients.features);
  applyScales(features, patients.featureCount, scales);
  const network = loadNetwork(spec, weights.parameters, weights.frozen);
  try {
    return risksOf(network, { ...patients, features }, patientsOf(patients, "validation", "audit"), place);
  } finally {
    network.dispose();
  }
}

/** Held-out patients of all sites against each other, where one model gave their risks, and of each site by itself. */
export function concordanceFigures(
  sites: readonly { readonly site: SiteName; readonly own: readonly RiskOfPatient[] }[],
  place: IntervalPlace,
  isOneModel: boolean,
) {
  const all = sites.flatMap(({ own }) => own);
  return {
    // Risks of different models are on no common scale.
    held: isOneModel ? concordanceOfRisks(all, place) : null,
    ofSites: sites.map(({ site, own }) => ({ site, held: concordanceOfRisks(own, place) })),
  };
}

/** Of exact risks, or what orders as they do; null where no two patients can be compared. */
function concordanceOfRisks(patients: readonly RiskOfPatient[], { intervals }: IntervalPlace): number | null {
  const ranks = [...new Set(patients.map(({ risk }) => risk))].sort((a, b) => a - b);
  const rankOf = new Map(ranks.map((risk, rank) => [risk, rank]));
  const counts = Array.from({ length: 2 * intervals }, () => new Array<number>(ranks.length).fill(0));
  for (const { risk, entered, hadEvent } of patients) {
    const row = counts[2 * (entered - 1) + (hadEvent ? 1 : 0)];
    const rank = rankOf.get(risk) ?? 0;
    if (row !== undefined) row[rank] = (row[rank] ?? 0) + 1;
  }
  const { value, pairs } = concordanceOfCounts(counts);
  return pairs > 0 ? value : null;
}
