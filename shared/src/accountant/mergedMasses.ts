import type { Atom, BaseLoss, Density } from "./baseLoss.ts";
import type { LossGrid } from "./lossGrid.ts";
import { addPanel, densityAt, expMinusOne, type Panel, panelWidth } from "./quadrature.ts";

/**
 * Base mass at each node such that both directions' hockey-stick curves are never above the release's: the optimistic
 * counterpart. From the lowest ratio on, as much is merged into a node as has that node's ratio on the whole:
 * ∫ (z − z_k) = 0 over the piece. To merge outcomes is to post-process them, which can only hide the patient. In the
 * geometry of curves (Doroshenko et al. 2022, arXiv:2207.04380, §5) each piece's ends are where the polygon touches
 * the curve. What is left over at the top goes to the node that hides more: the one below it to remove a patient, the
 * one above it to add one.
 */
export function mergedMasses(base: BaseLoss, grid: LossGrid, toAdd: boolean): Float64Array {
  const masses = new Float64Array(grid.z.length);
  const content = new Content(base);
  for (let node = 0; node < grid.u.length; node++) {
    const v = grid.u[node] ?? 0;
    const spacing = (grid.u[node + 1] ?? v + grid.step) - v;
    if (v === Number.NEGATIVE_INFINITY || v < content.position - ON_NODE * spacing) continue;
    const piece = content.mergeInto(v, spacing);
    masses[node] = piece.full ? piece.mass : piece.onNode;
    if (piece.full) continue;
    const rest = toAdd ? node : node - 1;
    if (rest >= 0) masses[rest] = (masses[rest] ?? 0) + piece.mass - piece.onNode;
    break;
  }
  return masses;
}

/** A point mass nearer to a node than this share of the spacing is on it. */
export const ON_NODE = 1e-9;

/** What was taken for a node: in full when the ratio on the whole is the node's; `onNode` of it is there by itself. */
interface Piece {
  readonly full: boolean;
  readonly mass: number;
  readonly onNode: number;
}

/** What a base holds from `position` on. */
class Content {
  position: number;
  private next = 0;
  private left: number;
  private readonly density: Density | null;
  private readonly atoms: readonly Atom[];

  constructor(base: BaseLoss) {
    this.density = base.density;
    this.atoms = base.atoms;
    this.left = base.atoms[0]?.mass ?? 0;
    this.position = Math.min(base.density?.from ?? Number.POSITIVE_INFINITY, this.atomAt());
  }

  /** Takes from the bottom until the ratio on the whole is e^v, or all is taken and it is still below. */
  mergeInto(v: number, spacing: number): Piece {
    let [excess, mass, onNode] = [0, 0, 0];
    for (;;) {
      const atom = this.atomAt();
      const end = Math.min(this.density?.to ?? Number.NEGATIVE_INFINITY, atom);
      if (this.density !== null && this.position < end) {
        const guess = Math.max(2.5 * (v - this.position), 0.5 * spacing);
        const to = Math.min(end, this.position + Math.min(panelWidth(this.density, this.position), guess));
        const piece = integrate(this.density, this.position, to, v);
        if (excess + piece.excess < 0) {
          [excess, mass] = [excess + piece.excess, mass + piece.mass];
          this.position = to;
          continue;
        }
        const cut = balance(this.density, this.position, to, v, excess);
        this.position = cut.at;
        return { full: true, mass: mass + cut.mass, onNode };
      }
      if (atom === Number.POSITIVE_INFINITY) return { full: false, mass, onNode };
      this.position = atom;
      const there = Math.abs(atom - v) <= ON_NODE * spacing;
      const jump = there ? 0 : expMinusOne(atom - v);
      if (there) onNode += this.left;
      const share = jump > 0 ? Math.min(1, -excess / (this.left * jump)) : 1;
      [excess, mass] = [excess + share * this.left * jump, mass + share * this.left];
      if (share < 1) {
        this.left *= 1 - share;
        return { full: true, mass, onNode };
      }
      this.next++;
      this.left = this.atoms[this.next]?.mass ?? 0;
    }
  }

  private atomAt(): number {
    return this.atoms[this.next]?.u ?? Number.POSITIVE_INFINITY;
  }
}

function integrate(density: Density, from: number, to: number, v: number): Panel {
  const panel = { mass: 0, excess: 0 };
  addPanel(density, from, to, v, panel);
  return panel;
}

/** The point where the excess comes to 0, by Newton's method from above: there the excess grows, and ever faster. */
function balance(density: Density, from: number, top: number, v: number, excess: number): { at: number; mass: number } {
  let at = Math.min(top, Math.max(v + (v - from), from));
  let piece = integrate(density, from, at, v);
  for (let turn = 0; turn < NEWTON_TURNS; turn++) {
    const slope = densityAt(density, at) * expMinusOne(at - v);
    const next = slope > 0 ? at - (excess + piece.excess) / slope : top;
    const bounded = Math.min(top, Math.max(from, next));
    const moved = Math.abs(bounded - at);
    at = bounded;
    piece = integrate(density, from, at, v);
    // The next turn would move it by the square of that: 1e-10 of the piece.
    if (moved <= 1e-5 * (at - from)) break;
  }
  return { at, mass: piece.mass };
}

const NEWTON_TURNS = 30;
