/**
 * Harrell's concordance index from noised counts: of two patients, one of whom had the event while the other lived on,
 * how often the model gave the first the higher risk; ties count ½ (Harrell et al. 1982,
 * doi:10.1001/jama.1982.03320430047030).
 */
import {
  addCells,
  type Cells,
  cellsOf,
  countScores,
  discreteLaplaceVariance,
  type HistogramShape,
  type NoisedHistogram,
  type ScoreHistogram,
} from "../audit/histogram.ts";
import { clamp } from "../audit/interval.ts";
import type { Figure } from "../audit/report.ts";
import { isResolvable } from "../audit/strata.ts";
import type { Followed } from "../study/survivalRule.ts";

/** A patient's risk in [0, 1], and how long that patient was followed. */
export interface RiskOfPatient extends Followed {
  readonly risk: number;
}

/** For each interval those who lived through it and were seen no longer, and those who had the event in it. */
export function concordanceShape(intervals: number, bins: number): HistogramShape {
  return { classes: 2 * intervals, bins };
}

/** Each patient counts once, so that one patient more changes one count by 1. */
export function concordanceHistogram(
  patients: readonly RiskOfPatient[],
  intervals: number,
  bins: number,
): ScoreHistogram {
  const { classes } = concordanceShape(intervals, bins);
  const counted = patients.map(({ risk, entered, hadEvent }) => ({ unit: risk, group: groupOf(entered, hadEvent) }));
  return countScores(counted, classes, bins);
}

function groupOf(entered: number, hadEvent: boolean): number {
  return 2 * (entered - 1) + (hadEvent ? 1 : 0);
}

/** All sites' patients together, with an interval of normal quantile z that holds sampling, noise and ties in bins. */
export function concordanceOf(histograms: readonly NoisedHistogram[], z: number): Figure {
  const [first] = histograms;
  if (first === undefined) return TOO_FEW;
  const { classes } = first;
  const groups = Array.from({ length: classes }, (_, group) => addCells(histograms.map((one) => cellsOf(one, group))));
  const events = addAll(groups.filter((_, group) => group % 2 === 1));
  const all = addCells(histograms.map(({ counts, scale }) => ({ counts, variance: discreteLaplaceVariance(scale) })));
  if (!isResolvable(all) || !isResolvable(events)) return TOO_FEW;
  const { value, tied, slopes, pairs, curvature } = concordanceOfCounts(groups.map(({ counts }) => counts));
  if (!(pairs > 0)) return TOO_FEW;
  const ofCell = groups[0]?.variance ?? 0;
  // Delta method: counts of cells are near Poisson, and each bears its own noise. Where events are few, noise times
  // noise counts too.
  let [samplingVariance, noiseVariance] = [0, ofCell ** 2 * curvature];
  slopes.forEach((ofGroup, group) => {
    const { counts } = groups[group] ?? { counts: [] };
    ofGroup.forEach((slope, bin) => {
      samplingVariance += Math.max(0, counts[bin] ?? 0) * slope ** 2;
      noiseVariance += ofCell * slope ** 2;
    });
  });
  const margin = z * Math.sqrt(samplingVariance + noiseVariance);
  const halfBin = Math.max(0, tied / 2);
  return {
    state: "resolved",
    low: clamp(value - halfBin - margin),
    value: clamp(value),
    high: clamp(value + halfBin + margin),
    samplingStdDev: Math.sqrt(samplingVariance),
    noiseStdDev: Math.sqrt(noiseVariance),
    halfBin,
  };
}

interface Concordance {
  readonly value: number;
  /** Share of comparable pairs in one bin. */
  readonly tied: number;
  readonly pairs: number;
  /** Sum over comparable cells of (their weight − the value)², over pairs²: what products of two errors come to. */
  readonly curvature: number;
  /** How the value changes with each count. */
  readonly slopes: readonly (readonly number[])[];
}

/**
 * By group (`groupOf`) and bin. A pair is comparable where one patient had the event in an interval that the other
 * lived through: entered later ones, or was seen no longer than this one without the event.
 */
export function concordanceOfCounts(counts: readonly (readonly number[])[]): Concordance {
  const bins = counts[0]?.length ?? 0;
  const [pairsBy, rightBy] = [zeros(counts.length, bins), zeros(counts.length, bins)];
  let [pairs, right, ties] = [0, 0, 0];
  let [cells, weights, squares] = [0, 0, 0];
  for (let event = 1; event < counts.length; event += 2) {
    for (let other = event - 1; other < counts.length; other++) {
      if (other === event) continue;
      for (let a = 0; a < bins; a++) {
        for (let b = 0; b < bins; b++) {
          const [one, two] = [counts[event]?.[a] ?? 0, counts[other]?.[b] ?? 0];
          const weight = a > b ? 1 : a === b ? 0.5 : 0;
          pairs += one * two;
          right += weight * one * two;
          if (a === b) ties += one * two;
          cells += 1;
          weights += weight;
          squares += weight ** 2;
          add(pairsBy, event, a, two);
          add(pairsBy, other, b, one);
          add(rightBy, event, a, weight * two);
          add(rightBy, other, b, weight * one);
        }
      }
    }
  }
  const value = right / pairs;
  const slopes = rightBy.map((row, group) =>
    row.map((slope, bin) => (slope - value * (pairsBy[group]?.[bin] ?? 0)) / pairs),
  );
  const curvature = (squares - 2 * value * weights + value ** 2 * cells) / pairs ** 2;
  return { value, tied: ties / pairs, pairs, curvature, slopes };
}

function zeros(rows: number, columns: number): number[][] {
  return Array.from({ length: rows }, () => new Array<number>(columns).fill(0));
}

function add(table: number[][], row: number, column: number, amount: number): void {
  const line = table[row];
  if (line !== undefined) line[column] = (line[column] ?? 0) + amount;
}

/** Cells of different groups side by side: their total's noise is of all of them. */
function addAll(groups: readonly Cells[]): Cells {
  return { counts: groups.flatMap(({ counts }) => [...counts]), variance: groups[0]?.variance ?? 0 };
}

const TOO_FEW: Figure = {
  state: "not-resolvable",
  why: "the noised number of patients or of events is not 5 noise standard deviations above zero",
};
