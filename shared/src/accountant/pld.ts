import { assertOneAdjacency, type PricedEvent } from "../event/pricedEvent.ts";
import { assert, Failure } from "../failure/failure.ts";
import { type BaseLoss, baseLossOf, gaussianBase } from "./baseLoss.ts";
import { type ComposedLoss, type Composition, composeTwo, deltaBounds } from "./composeLosses.ts";
import { epsilonOfEvents } from "./convert.ts";
import { dotMasses } from "./dotMasses.ts";
import { continuousKin } from "./integerNoise.ts";
import { gridOf, type LossGrid, rangeOf } from "./lossGrid.ts";
import { mergedMasses, ON_NODE } from "./mergedMasses.ts";
import { bestTilt, type Centre, type LossMasses, reachOf, tilted } from "./tilt.ts";

/** Bounds on the least ε at a δ, proven, floating-point error included. */
export interface EpsilonBounds {
  readonly lower: number;
  readonly upper: number;
}

/**
 * What events on the same patients cost together, by privacy loss distributions: the true ε lies between the bounds.
 * For a schedule fixed beforehand; under adaptive ones the RDP curves' sums are what is proven.
 * Throws `accountant/unsupported` for what has no loss distribution here.
 */
export function pldEpsilon(events: readonly PricedEvent[], delta: number): EpsilonBounds {
  let [upper, lower] = [0, 0];
  for (const plan of plansOf(events, delta)) {
    // What Chernoff's bound proves to be the lesser direction can't be the worse one.
    if (plan.chernoff <= lower) continue;
    const shift = nodeShift(plan);
    const [pessimistic, optimistic] = composeTwo(
      compositionOf(plan, "dots"),
      compositionOf(plan, "merged"),
      plan.length,
    );
    upper = Math.max(upper, Math.min(plan.chernoff, upperEpsilon(pessimistic, delta)) + shift);
    lower = Math.max(lower, lowerEpsilon(optimistic, delta) - shift);
  }
  return { lower, upper };
}

/**
 * The upper bound alone, in half the time, and for noise on the integers too, its samplers' distances charged as in
 * `epsilonOf`; there it is never above the RDP accountant's figure.
 */
export function pldUpperEpsilon(events: readonly PricedEvent[], delta: number): number {
  const { events: kin, maxLogRatio, totalVariation } = continuousKin(events);
  if (maxLogRatio === 0 && totalVariation === 0) return idealUpperEpsilon(kin, delta);
  // What a larger ε leaves of δ is enough for a smaller one, so one look at the losses does.
  const most = epsilonOfEvents(events, delta);
  const left = (delta - (1 + Math.exp(most)) * totalVariation) * Math.exp(-maxLogRatio);
  return left > 0 ? Math.min(most, 2 * maxLogRatio + idealUpperEpsilon(kin, left)) : most;
}

function idealUpperEpsilon(events: readonly PricedEvent[], delta: number): number {
  let upper = 0;
  for (const plan of plansOf(events, delta)) {
    if (plan.chernoff <= upper) continue;
    const composition = compositionOf(plan, "dots");
    const [pessimistic] = composeTwo(composition, composition, plan.length);
    upper = Math.max(upper, Math.min(plan.chernoff, upperEpsilon(pessimistic, delta)) + nodeShift(plan));
  }
  return upper;
}

/** So many releases' rounding is still bounded by their number times one release's. */
const RELEASES_MAX = 1e8;

function tooMany(releases: number): Failure {
  return new Failure({
    code: "accountant/unsupported",
    kind: "config",
    what: `No privacy loss distribution is proven here for ${releases.toExponential(1)} releases.`,
    remedy: "Use the RDP accountant's figure.",
  });
}

type Direction = "remove" | "add";

interface Release {
  readonly base: BaseLoss;
  readonly count: number;
}

/** How one direction is computed. What is chosen here can cost accuracy, never soundness. */
interface Plan {
  readonly releases: readonly Release[];
  readonly direction: Direction;
  readonly centre: Centre;
  /** The window's least loss. */
  readonly from: number;
  /** ε by Chernoff's bound alone: never below the true one. */
  readonly chernoff: number;
  readonly step: number;
  /** Of the transform. */
  readonly length: number;
}

/** Both directions' plans, the costlier first. */
function plansOf(events: readonly PricedEvent[], delta: number): readonly Plan[] {
  assertOneAdjacency(events);
  const costly = events.filter((event) => event.kind !== "post-processing");
  const total = costly.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return [];
  if (!(total <= RELEASES_MAX)) throw tooMany(total);
  const releases = releasesOf(costly, Math.max(1e-280, (delta * 1e-9) / total));
  const coarse = releases.map(({ base, count }) => {
    const [low, high] = rangeOf(base);
    return { base, count, grid: gridOf(base, (high - low) / COARSE_NODES) };
  });
  const symmetric = releases.every(({ base }) => base.samplingRate === 1);
  return (symmetric ? (["remove"] as const) : (["remove", "add"] as const))
    .map((direction) => planOf(releases, coarse, direction, delta))
    .sort((a, b) => b.chernoff - a.chernoff);
}

/** From losses on a coarse grid: the tilt, the window, the step. */
function planOf(
  releases: readonly Release[],
  coarse: readonly GriddedRelease[],
  direction: Direction,
  delta: number,
): Plan {
  const parts = coarse.map((release) => lossMasses(release, direction, "dots"));
  // A millionth of δ pays for infinite losses.
  const { tilt, epsilon } = bestTilt(parts, delta * (1 - 1e-6));
  const centre = centreOf(parts, tilt * TILT_SHARE);
  // ε itself is within a few 1/λ of the centre, however narrow the tilted law is.
  const least = 20 / centre.tilt;
  const up = Math.max(least, reachOf(parts, centre, OUTSIDE, 1));
  const down = Math.max(least, reachOf(parts, centre, OUTSIDE, -1));
  const window = 1.05 * (up + down);
  const from = centre.mean - 1.025 * down;
  const many = releases.reduce((sum, { count }) => sum + count, 0);
  // Splitting multiplies each release's moment by about 1 + λ(1 + λ)·step²/12, hence adds (1 + λ)·step²/12 to ε.
  const wanted = Math.sqrt((12 * EXCESS * Math.max(epsilon, 0.1 * centre.stdDev)) / ((1 + tilt) * many));
  const widest = Math.max(...releases.map(({ base }) => rangeOf(base)[1] - rangeOf(base)[0]));
  const bits = Math.round(Math.log2(window / Math.max(wanted, widest / NODES_MAX)));
  const length = 2 ** Math.min(LENGTH_BITS_MAX, Math.max(LENGTH_BITS_MIN, bits));
  const step = Math.max(window / length, widest / NODES_MAX);
  return { releases, direction, centre, from, chernoff: Math.max(0, epsilon), ...onLattice(releases, step, length) };
}

function centreOf(parts: readonly LossMasses[], tilt: number): Centre {
  const each = parts.map((part) => ({ ...tilted(part, tilt), part }));
  const mean = each.reduce((sum, { part, mean: own }) => sum + part.count * own, 0);
  const variance = each.reduce((sum, { part, variance: own }) => sum + part.count * own, 0);
  const widest = Math.max(...parts.map(({ masses, step }) => masses.length * step));
  return { tilt, mean, stdDev: Math.max(Math.sqrt(variance), 1e-6 * widest) };
}

/** Share of the best tilt that is used: δ's precision can spare the rest, and rare large losses stay rare. */
const TILT_SHARE = 0.6;
/** What the step may add to ε, as a share of it. */
const EXCESS = 3e-5;
const COARSE_NODES = 2048;
/** Tilted mass that the window may leave out at each side. */
const OUTSIDE = 1e-9;
const LENGTH_BITS_MIN = 12;
const LENGTH_BITS_MAX = 20;
const NODES_MAX = 2 ** 19;

function compositionOf({ releases, step, direction, centre, from }: Plan, kind: "dots" | "merged"): Composition {
  const gridded = releases.map((release) => ({ ...release, grid: gridOf(release.base, step) }));
  return { parts: gridded.map((release) => lossMasses(release, direction, kind)), centre, from };
}

/** Where all losses are multiples of one number, a step that divides it makes both bounds exact. */
function onLattice(releases: readonly Release[], step: number, length: number): { step: number; length: number } {
  const [only, ...others] = releases;
  const lattice = only?.base.lattice ?? null;
  if (lattice === null || others.length > 0) return { step, length };
  const finer = lattice / Math.ceil(lattice / step);
  return { step: finer, length: finer < 0.75 * step ? Math.min(2 ** LENGTH_BITS_MAX, 2 * length) : length };
}

/** Full-batch Gaussian releases are one Gaussian together, or several equal ones: their 1/σ² add. */
function releasesOf(events: readonly PricedEvent[], cut: number): readonly Release[] {
  const whole = events.filter(isWholeGaussian);
  const square = whole.reduce((sum, { count, noiseMultiplier }) => sum + count / noiseMultiplier ** 2, 0);
  const count = Math.max(1, Math.ceil(square / MU_WHOLE ** 2));
  if (!(count < 1e9)) throw unsupportedNoise();
  return [
    ...(square > 0 ? [{ base: gaussianBase(1, Math.sqrt(square / count), cut), count }] : []),
    ...events
      .filter((event) => !isWholeGaussian(event))
      .map((each) => ({ base: baseLossOf(each, cut), count: each.count })),
  ];
}

/** Of one of the equal Gaussians: its base loss stays far inside of what a float64 can hold. */
const MU_WHOLE = 5;

type WholeGaussian = Extract<PricedEvent, { kind: "poisson-gaussian" }>;

function isWholeGaussian(event: PricedEvent): event is WholeGaussian {
  return event.kind === "poisson-gaussian" && event.samplingRate === 1 && event.samplerDistance === undefined;
}

function unsupportedNoise(): Failure {
  return new Failure({
    code: "accountant/unsupported",
    kind: "config",
    what: "There is too little noise for a privacy loss distribution: ε would be above 10⁹.",
    remedy: "Use more noise.",
  });
}

interface GriddedRelease extends Release {
  readonly grid: LossGrid;
}

/** One direction's losses, from the base masses that both share: e^loss·B_k at loss k·step, or B_k at −k·step. */
function lossMasses({ base, count, grid }: GriddedRelease, direction: Direction, kind: "dots" | "merged"): LossMasses {
  const { step, first } = grid;
  const dots = kind === "dots";
  const onNodes = dots ? dotMasses(base, grid) : mergedMasses(base, grid, direction === "add");
  // What is cut at the top counts as infinite.
  const [cut, infinite] = dots ? [base.cut, 2 * base.cut] : [0, 0];
  const masses =
    direction === "add" ? onNodes.reverse() : onNodes.map((mass, i) => mass * Math.exp((first + i) * step));
  // The least node may lie below every loss; the next is above what was cut.
  masses[1] = (masses[1] ?? 0) + cut;
  return { step, first: direction === "add" ? -(first + onNodes.length - 1) : first, masses, infinite, count };
}

/**
 * How far rounding may have moved the losses of all releases together: a node's loss is right to 4e-16 of itself and
 * its log z to as much, and a merged piece is balanced to `ON_NODE` of a step.
 */
function nodeShift({ releases, step }: Plan): number {
  const shiftOf = ({ base }: Release): number => {
    const [low, high] = rangeOf(base);
    const { density, atoms } = base;
    const top = Math.max(density?.to ?? 0, atoms.at(-1)?.u ?? 0);
    return 2e-15 * Math.max(top, Math.abs(low), Math.abs(high)) + 2 * ON_NODE * step;
  };
  return releases.reduce((sum, release) => sum + release.count * shiftOf(release), 0);
}

/** Least ε, from above, at which the upper bound on δ holds. */
function upperEpsilon(composed: ComposedLoss, delta: number): number {
  if (composed.infinite >= delta) return Number.POSITIVE_INFINITY;
  const over = (epsilon: number): number => Math.log(deltaBounds(composed, epsilon).upper / delta);
  const { least, most } = windowOf(composed);
  assert(!Number.isNaN(over(least)), "a bound on δ is a number");
  if (over(least) <= 0) return least;
  if (!(over(most) <= 0)) return Number.POSITIVE_INFINITY;
  return crossing(over, least, most).after;
}

/** Greatest ε, from below, at which the lower bound on δ is above what is asked; 0 where none is found. */
function lowerEpsilon(composed: ComposedLoss, delta: number): number {
  const over = (epsilon: number): number => {
    const { lower } = deltaBounds(composed, epsilon);
    return lower > 0 ? Math.log(lower / delta) : LOG_NOTHING;
  };
  const { least, most } = windowOf(composed);
  const { mean, stdDev, tilt } = composed.centre;
  const unit = Math.max(stdDev, 1 / tilt);
  // Far below the centre the bound is lost in what may be wrong: near it there is a point that is proven.
  for (const back of [0, 0.5, 1, 2, 3, 4, 6, 8, 12, 20]) {
    const start = Math.max(least, mean - back * unit);
    if (start < most && over(start) > 0) return crossing(over, start, most).before;
  }
  return 0;
}

const LOG_NOTHING = -1e3;

function windowOf({ bottom, step, values }: ComposedLoss): { least: number; most: number } {
  return { least: Math.max(0, bottom * step), most: Math.max(0, (bottom + values.length) * step) };
}

/** Where a falling function passes 0, to 1e-10 of it: the last point found above and the first found at or below. */
function crossing(f: (x: number) => number, from: number, to: number): { before: number; after: number } {
  let [before, after, high, low] = [from, to, f(from), f(to)];
  for (let turn = 0; turn < 200 && after - before > 1e-10 * after; turn++) {
    // Illinois: the secant's point, and the older end's weight halved when it stays; every third a plain half.
    const share = Math.min(0.99, Math.max(0.01, high / (high - low)));
    const x = turn % 3 === 2 || !Number.isFinite(share) ? (before + after) / 2 : before + share * (after - before);
    if (x <= before || x >= after) break;
    const y = f(x);
    if (y > 0) {
      before = x;
      high = y;
      low /= 2;
    } else {
      after = x;
      low = y;
      high /= 2;
    }
  }
  return { before, after };
}
