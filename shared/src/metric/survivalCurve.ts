/**
 * Shares that live through each interval, from the hazards of all: S_k = Π (1 − h_j) over j ≤ k (Singer & Willett 1993,
 * doi:10.3102/10769986018002155).
 */
export function survivalFrom(hazards: readonly number[]): readonly number[] {
  let alive = 1;
  return hazards.map((hazard) => {
    alive *= 1 - hazard;
    return alive;
  });
}

/** One number to order patients by: the share of all intervals that a patient is expected not to live through. */
export function riskFrom(survival: readonly number[]): number {
  return 1 - survival.reduce((sum, alive) => sum + alive, 0) / survival.length;
}
