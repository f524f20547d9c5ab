import type { BaseLoss, Density } from "./baseLoss.ts";
import type { LossGrid } from "./lossGrid.ts";
import { addPanel, expMinusOne, type Panel, panelWidth } from "./quadrature.ts";

/**
 * Base mass at each node of a grid such that both directions' hockey-stick curves are those of the release at the
 * nodes and straight in e^ε between them, hence never below: "connect the dots" (Doroshenko et al. 2022,
 * arXiv:2207.04380, §4). A curve's straight piece is the same as splitting each loss between its two nodes so that the
 * masses with and without the patient both stay what they are: the share of the upper node is
 * (z − z₀)/(z₁ − z₀). As an integral of positive terms each mass keeps its relative accuracy, where the differences
 * of δ in the paper's Algorithm 1 lose theirs.
 */
export function dotMasses(base: BaseLoss, grid: LossGrid): Float64Array {
  const masses = new Float64Array(grid.z.length);
  const { density } = base;
  if (density !== null) {
    for (let cell = 0; cell + 1 < masses.length; cell++) addCell(density, grid, cell, masses);
  }
  splitAtoms(base, grid, masses);
  return masses;
}

const panel: Panel = { mass: 0, excess: 0 };

function addCell(density: Density, { z, u }: LossGrid, cell: number, masses: Float64Array): void {
  const [bottom, top] = [u[cell] ?? 0, u[cell + 1] ?? 0];
  const from = Math.max(bottom, density.from);
  const to = Math.min(top, density.to);
  if (from >= to) return;
  // Where no ratio is low enough for the lower node, the share is counted from the upper one.
  const open = bottom === Number.NEGATIVE_INFINITY;
  panel.mass = 0;
  panel.excess = 0;
  for (let start = from; start < to; ) {
    const end = Math.min(to, start + panelWidth(density, start));
    addPanel(density, start, end, open ? top : bottom, panel);
    start = end;
  }
  const width = open ? 1 - (z[cell] ?? 0) / (z[cell + 1] ?? 0) : expMinusOne(top - bottom);
  const upper = panel.excess / width + (open ? panel.mass : 0);
  masses[cell] = (masses[cell] ?? 0) + (panel.mass - upper);
  masses[cell + 1] = (masses[cell + 1] ?? 0) + upper;
}

function splitAtoms({ atoms }: BaseLoss, grid: LossGrid, masses: Float64Array): void {
  let cell = 0;
  for (const { u, mass } of atoms) {
    while (cell + 2 < grid.u.length && (grid.u[cell + 1] ?? 0) <= u) cell++;
    const g = Math.min(1, Math.max(0, shareIn(grid, cell)(u)));
    masses[cell] = (masses[cell] ?? 0) + mass * (1 - g);
    masses[cell + 1] = (masses[cell + 1] ?? 0) + mass * g;
  }
}

/** The upper node's share of a loss at u. */
function shareIn({ z, u }: LossGrid, cell: number): (at: number) => number {
  const [u0, u1] = [u[cell] ?? 0, u[cell + 1] ?? 0];
  if (u0 === Number.NEGATIVE_INFINITY) {
    const [z0, z1] = [z[cell] ?? 0, z[cell + 1] ?? 0];
    return (at) => (Math.exp(at) - z0) / (z1 - z0);
  }
  const width = expMinusOne(u1 - u0);
  return (at) => expMinusOne(at - u0) / width;
}
