import { z } from "zod";
import { type Example, type Layout, logitOf } from "../attack/attackNetwork.ts";
import { fitExamples } from "../attack/learnedAttack.ts";
import { publicUniform } from "../model/initial.ts";
import { SiteName } from "../units/identity.ts";
import { patientScore, type RecordOutput, unitScore } from "./attacks.ts";
import { type Counted, countScores, NoisedHistogram, type ScoreHistogram } from "./histogram.ts";
import type { ShadowRule } from "./shadowRule.ts";

/** What a site contributes of the shadow model: two histograms over classes × (confidence, entropy). */
export const ShadowContribution = z.strictObject({
  purpose: z.literal("shadow"),
  members: NoisedHistogram,
  nonMembers: NoisedHistogram,
});
export type ShadowContribution = z.infer<typeof ShadowContribution>;

/** A patient as these attacks see it: by the model's outputs on its records, and its class. */
interface Seen {
  /** Confidence and entropy on their public scales in [0, 1]. */
  readonly confidence: number;
  readonly entropy: number;
  readonly group: number;
}

function seen(records: readonly RecordOutput[], classes: number): Seen {
  return {
    confidence: unitScore("confidence", patientScore("confidence", records), classes),
    entropy: unitScore("entropy", patientScore("entropy", records), classes),
    group: records[0]?.label ?? 0,
  };
}

/** Every patient counts once, in the cell of its class, confidence and entropy: sensitivity 1. */
export function shadowHistogram(
  patients: readonly (readonly RecordOutput[])[],
  classes: number,
  bins: number,
): ScoreHistogram {
  const cellOf = ({ confidence, entropy }: Seen): number =>
    (binOf(confidence, bins) * bins + binOf(entropy, bins) + 0.5) / bins ** 2;
  const counted = patients.map((records): Counted => {
    const own = seen(records, classes);
    return { unit: cellOf(own), group: own.group };
  });
  return countScores(counted, classes, bins ** 2);
}

function binOf(unit: number, bins: number): number {
  return Math.max(0, Math.min(bins - 1, Math.floor(unit * bins) || 0));
}

/** Attacks that were learnt from a shadow model's noised histograms: public, as those are. */
export const ShadowAttacks = z.strictObject({
  /** Of each class on confidence's scale: Song & Mittal 2021, arXiv:2003.10595, eq. 5 (τ_y). */
  thresholds: z.array(z.number().min(0).max(1)).min(2).max(1000),
  network: z.strictObject({
    hidden: z.number().int().min(0).max(64),
    parameters: z.array(z.number()).min(1).max(100_000),
    /** Logits between which the shadow's patients lie evenly: the public scale of the score. */
    knots: z.array(z.number()).min(2).max(65),
  }),
});
export type ShadowAttacks = z.infer<typeof ShadowAttacks>;

/** What the shadow round came to; its digest stands in both ledgers. */
export const ShadowReport = z.strictObject({
  sites: z.array(z.strictObject({ site: SiteName, members: NoisedHistogram, nonMembers: NoisedHistogram })).min(1),
  attacks: ShadowAttacks,
});
export type ShadowReport = z.infer<typeof ShadowReport>;

interface Cell {
  readonly seen: Seen;
  readonly members: number;
  readonly nonMembers: number;
}

/**
 * Learns both attacks from the sites' noised histograms, added up: post-processing, so that whoever has them has the
 * attacks. Counts below 0 are taken as 0.
 */
export function learnFromShadow(
  sites: ShadowReport["sites"],
  { bins, hidden, steps }: Pick<ShadowRule, "bins" | "hidden" | "steps">,
  classes: number,
  seed: number,
): ShadowAttacks {
  const cells = cellsOf(sites, classes, bins);
  return {
    thresholds: Array.from({ length: classes }, (_, group) => threshold(cells, group, bins)),
    network: { hidden, ...fitted(cells, { hidden, steps, classes, seed }) },
  };
}

function cellsOf(sites: ShadowReport["sites"], classes: number, bins: number): readonly Cell[] {
  const totalOf = (cell: number, side: "members" | "nonMembers"): number =>
    Math.max(
      0,
      sites.reduce((sum, own) => sum + (own[side].counts[cell] ?? 0), 0),
    );
  return Array.from({ length: classes * bins ** 2 }, (_, cell) => {
    const inClass = cell % bins ** 2;
    return {
      seen: {
        confidence: (Math.floor(inClass / bins) + 0.5) / bins,
        entropy: ((inClass % bins) + 0.5) / bins,
        group: Math.floor(cell / bins ** 2),
      },
      members: totalOf(cell, "members"),
      nonMembers: totalOf(cell, "nonMembers"),
    };
  });
}

/** Edge of confidence bins at which the class's TPR + TNR is largest; of equals the lowest; ½ where it has none. */
function threshold(cells: readonly Cell[], group: number, bins: number): number {
  const own = cells.filter(({ seen: { group: its } }) => its === group);
  const shares = (side: "members" | "nonMembers") => {
    const all = own.reduce((sum, cell) => sum + cell[side], 0);
    return (edge: number): number =>
      own.reduce((sum, cell) => (cell.seen.confidence > edge ? sum + cell[side] : sum), 0) / all;
  };
  const [tpr, fpr] = [shares("members"), shares("nonMembers")];
  let best = { edge: 0.5, gain: Number.NEGATIVE_INFINITY };
  for (let bin = 0; bin <= bins; bin++) {
    const gain = tpr(bin / bins) - fpr(bin / bins);
    if (gain > best.gain + 1e-12) best = { edge: bin / bins, gain };
  }
  return best.edge;
}

const KNOTS = 33;

interface Fitting {
  readonly hidden: number;
  readonly steps: number;
  readonly classes: number;
  readonly seed: number;
}

/** Shokri et al. 2017, arXiv:1610.05820: a network that sees outputs and label; both groups weigh the same. */
function fitted(cells: readonly Cell[], { hidden, steps, classes, seed }: Fitting) {
  const layout = layoutOf(hidden, classes);
  const all = { members: total(cells, "members"), nonMembers: total(cells, "nonMembers") };
  const examples = cells.flatMap((cell): Example[] => {
    const features = featuresOf(cell.seen, classes);
    return (["members", "nonMembers"] as const).flatMap((side) =>
      cell[side] === 0 ? [] : [{ features, isMember: side === "members", weight: (0.5 * cell[side]) / all[side] }],
    );
  });
  const parameters = fitExamples(layout, examples, steps, publicUniform(seed, "shadow-attack"));
  const logits = cells
    .map((cell) => ({
      logit: logitOf(layout, parameters, featuresOf(cell.seen, classes)),
      weight: cell.members + cell.nonMembers,
    }))
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => a.logit - b.logit);
  return { parameters: [...parameters], knots: knotsOf(logits) };
}

/** Logits at even shares of the weight; 0 and 1 where there is none. */
function knotsOf(logits: readonly { readonly logit: number; readonly weight: number }[]): number[] {
  const all = logits.reduce((sum, { weight }) => sum + weight, 0);
  if (all === 0) return [0, 1];
  return Array.from({ length: KNOTS }, (_, knot) => {
    let below = 0;
    for (const { logit, weight } of logits) {
      below += weight;
      if (below >= (knot / (KNOTS - 1)) * all) return logit;
    }
    return logits.at(-1)?.logit ?? 0;
  });
}

function total(cells: readonly Cell[], side: "members" | "nonMembers"): number {
  return cells.reduce((sum, cell) => sum + cell[side], 0);
}

function layoutOf(hidden: number, classes: number): Layout {
  return { inputs: 2 + classes, hidden };
}

function featuresOf({ confidence, entropy, group }: Seen, classes: number): number[] {
  return [2 * confidence - 1, 2 * entropy - 1, ...Array.from({ length: classes }, (_, own) => (own === group ? 1 : 0))];
}

/** Each patient's score by the released model's outputs alone, on a public scale in [0, 1]; higher means a member. */
export function shadowScores(
  attack: "class-threshold" | "learned",
  { thresholds, network }: ShadowAttacks,
  patients: readonly (readonly RecordOutput[])[],
  classes: number,
): Counted[] {
  const layout = layoutOf(network.hidden, classes);
  const parameters = Float64Array.from(network.parameters);
  return patients.map((records) => {
    const own = seen(records, classes);
    const unit =
      attack === "class-threshold"
        ? (1 + own.confidence - (thresholds[own.group] ?? 0.5)) / 2
        : betweenKnots(network.knots, logitOf(layout, parameters, featuresOf(own, classes)));
    return { unit, group: own.group };
  });
}

/** Share of the knots below a logit, straight between two of them. */
function betweenKnots(knots: readonly number[], logit: number): number {
  const above = knots.findIndex((knot) => knot > logit);
  if (above < 0) return 1;
  if (above === 0) return 0;
  const [low, high] = [knots[above - 1] ?? 0, knots[above] ?? 0];
  return (above - 1 + (logit - low) / (high - low)) / (knots.length - 1);
}
